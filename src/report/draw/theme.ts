/** A colour of the theme, which differs between light and dark. */
export const TONES = ['one', 'two', 'three', 'four', 'five', 'six'] as const;
export type Tone = (typeof TONES)[number];

/** Colours of a light page, as CSS custom properties. */
export const lightColours = `
  --ground: #fdfdfc; --raised: #f5f5f2; --ink: #1b1d20; --muted: #666b72; --rule: #e5e5e0; --axis: #b4b6b5;
  --tone-one: #2466ad; --tone-two: #bf6420; --tone-three: #2f7d54; --tone-four: #7a4fa3; --tone-five: #b03a63; --tone-six: #6d7030;
  --right: 52 112 178; --wrong: 206 92 30; --on-deep: #1b1d20; --alert: #9a6206;`;
const dark = `
  --ground: #15171a; --raised: #1c1f23; --ink: #e7e6e2; --muted: #9b9fa6; --rule: #2a2e33; --axis: #4a4f56;
  --tone-one: #7cb0ea; --tone-two: #e6a066; --tone-three: #84c39a; --tone-four: #b99ae0; --tone-five: #ee8fb0; --tone-six: #c6c878;
  --right: 86 146 214; --wrong: 192 92 46; --on-deep: #fff; --alert: #e8b15a;`;

/**
 * The look of every report: one column of at most 1080 px, system fonts, three tones for curves. Colours are variables,
 * so that drawings follow the reader's colour scheme; paper is always light.
 */
export const stylesheet = `
:root {
  color-scheme: light dark;${lightColours}
}
@media screen and (prefers-color-scheme: dark) { :root {${dark} } }
* { box-sizing: border-box; }
html { background: var(--ground); -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body { margin: 0; color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1128px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 30px; line-height: 1.2; font-weight: 650; letter-spacing: -0.015em; margin: 2px 0 6px; overflow-wrap: anywhere; }
h2 { font-size: 19px; font-weight: 650; letter-spacing: -0.005em; margin: 0 0 14px; }
h3 { font-size: 14px; font-weight: 600; margin: 0 0 6px; }
p { margin: 0 0 10px; }
a { color: inherit; }
.kind { color: var(--muted); font-size: 13px; margin: 0; }
.subtitle { color: var(--muted); margin: 0; }
.note { color: var(--muted); font-size: 13px; }
section { margin-top: 44px; padding-top: 22px; border-top: 1px solid var(--rule); scroll-margin-top: 8px; }
nav { margin-top: 30px; font-size: 13.5px; display: flex; flex-wrap: wrap; gap: 4px 18px; }
nav a { color: var(--muted); text-decoration: none; }
nav a:hover { color: var(--ink); text-decoration: underline; text-underline-offset: 3px; }
footer { margin-top: 48px; padding-top: 14px; border-top: 1px solid var(--rule); color: var(--muted); font-size: 13px; }
code { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }

.hero { display: grid; grid-template-columns: minmax(300px, 5fr) 7fr; gap: 28px 56px; margin-top: 32px; align-items: start; }
.figure-label { font-size: 14px; font-weight: 600; margin: 0; }
.big { font-size: 60px; line-height: 1.08; font-weight: 650; letter-spacing: -0.03em; font-variant-numeric: tabular-nums; margin: 0; }
.big small { font-size: 30px; font-weight: 500; letter-spacing: 0; color: var(--muted); }
.hero .bar { margin: 8px 0 6px; width: 100%; max-width: 380px; }
.facts { display: grid; grid-template-columns: repeat(3, 1fr); margin: 0; gap: 0 28px; }
.facts div { padding: 9px 0 10px; border-top: 1px solid var(--rule); }
.facts dt { color: var(--muted); font-size: 13px; }
.facts dd { margin: 0; font-size: 18px; font-weight: 550; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.facts dd small { font-size: 13px; font-weight: 400; color: var(--muted); display: block; }
.warnings { margin-top: 28px; padding: 12px 16px; border: 1px solid var(--alert); border-radius: 6px; }
.warnings.inside { margin: 0 0 14px; }
.warnings h2 { font-size: 15px; color: var(--alert); margin: 0 0 4px; }
.warnings ul, .findings { margin: 0; padding-left: 18px; }
.warnings li { overflow-wrap: anywhere; }
.findings { margin-top: 30px; max-width: 800px; }
.findings li { margin: 3px 0; }
.findings li::marker { color: var(--muted); }

.charts { display: grid; grid-template-columns: 1fr 1fr; gap: 30px 40px; }
.chart { margin: 0; min-width: 0; }
.chart svg { display: block; width: 100%; height: auto; font-variant-numeric: tabular-nums; }
.chart .narrow { display: none; }
.chart figcaption { margin-bottom: 8px; }
.chart figcaption h3 { margin: 0; }
.chart .note { margin: 2px 0 0; }
.key { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: 0 16px; font-size: 13px; color: var(--muted); }
.key b { color: var(--ink); font-weight: 550; font-variant-numeric: tabular-nums; }
.swatch { display: inline-block; width: 16px; border-top: 2px solid; vertical-align: middle; margin-right: 6px; }
.swatch.dashed { border-top-style: dashed; }
.swatch.faint { opacity: 0.4; }
.one { color: var(--tone-one); } .two { color: var(--tone-two); } .three { color: var(--tone-three); }
.four { color: var(--tone-four); } .five { color: var(--tone-five); } .six { color: var(--tone-six); }

.key svg.symbol { display: inline-block; width: 10px; height: 10px; margin-right: 6px; vertical-align: -0.5px; }
.one-chart { max-width: 700px; margin-bottom: 18px; }
section > h3, .chart + h3 { margin-top: 24px; }
.charts + .scroll { margin-top: 26px; }
.scroll + h3, .note + h3 { margin-top: 20px; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(320px, 100%), 1fr)); gap: 22px 32px; margin-bottom: 20px; }
.panels .chart { max-width: 520px; }
.row-head { margin-top: 18px; font-size: 15px; }
.heats { display: flex; flex-wrap: wrap; gap: 26px 40px; margin: 18px 0; }
.heat { max-width: 100%; }
.heat th { white-space: nowrap; }
.heat td { background: rgb(var(--wrong) / var(--v, 0)); padding: 5px 8px 6px; }
.heat th:last-child, .heat td:last-child { padding-right: 8px; }
.findings + .note, .scroll + .note { margin-top: 8px; }
.heat tbody th { vertical-align: middle; }
.download { text-underline-offset: 3px; }

table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
th { font-weight: 600; text-align: left; }
thead th { font-size: 13px; color: var(--muted); vertical-align: bottom; }
th, td { padding: 5px 18px 5px 0; vertical-align: top; }
th:last-child, td:last-child { padding-right: 0; }
tbody tr { border-top: 1px solid var(--rule); }
.num { text-align: right; white-space: nowrap; }
.words { white-space: nowrap; }
.named { min-width: 190px; }
.small table, .small thead th { font-size: 13px; }
.small th, .small td { padding-right: 13px; }
.full { width: 100%; }
.scroll { overflow-x: auto; max-width: 100%; }
td { overflow-wrap: break-word; }
.recipe td, .pairs-list td, .pairs td:not(.num) { overflow-wrap: anywhere; }
.pairs td:not(.num) { min-width: 84px; }
.sortable th:not([data-nosort])[tabindex] { cursor: pointer; }
.sortable th[tabindex]:hover { color: var(--ink); }
.sortable th[aria-sort]::after { content: " ↑"; }
.sortable th[aria-sort="descending"]::after { content: " ↓"; }
.classes { width: 100%; }
.classes td:first-child { min-width: 90px; }
.bar-head { width: 34%; min-width: 130px; }
.bar-head span { font-weight: 400; } .bar-head span:last-child { float: right; }
.bar-cell { vertical-align: middle; }
.bar { position: relative; display: block; height: 10px; }
.bar::before { content: ""; position: absolute; left: 0; right: 0; top: 4px; height: 2px; background: var(--rule); border-radius: 1px; }
.bar i { position: absolute; }
.bar .band { top: 2px; height: 6px; min-width: 2px; border-radius: 3px; background: var(--tone-one); opacity: 0.38; }
.bar .dot { top: 1px; height: 8px; width: 2px; margin-left: -1px; border-radius: 1px; background: var(--tone-one); }

.matrix-and-pairs { display: grid; grid-template-columns: minmax(0, auto) minmax(270px, 1fr); gap: 28px 44px; align-items: start; }
.pairs { width: 100%; max-width: 640px; }
.matrix { border-collapse: separate; border-spacing: 2px; font-size: 12.5px; }
.matrix tbody tr { border: 0; }
.matrix th { font-weight: 450; padding: 0 8px 0 0; white-space: nowrap; max-width: 150px; overflow: hidden; text-overflow: ellipsis; }
.matrix tbody th { position: sticky; left: 0; background: var(--ground); text-align: right; vertical-align: middle; font-size: 12.5px; }
.matrix thead th { padding: 0 0 4px; font-size: 12.5px; color: inherit; }
.matrix thead span { writing-mode: vertical-rl; transform: rotate(180deg); \
display: inline-block; max-height: 120px; overflow: hidden; text-overflow: ellipsis; }
.matrix thead th { text-align: center; }
.matrix tbody td { width: 38px; min-width: 34px; height: 30px; padding: 0; \
text-align: center; vertical-align: middle; border-radius: 3px; overflow-wrap: normal; }
.matrix.dense tbody td { width: 18px; min-width: 15px; height: 17px; border-radius: 2px; }
.matrix.dense th { font-size: 11px; }
.matrix .zero { color: var(--axis); background: var(--raised); }
.matrix .right { background: rgb(var(--right) / var(--v)); }
.matrix .wrong { background: rgb(var(--wrong) / var(--v)); }
.legend .swatch { width: 18px; height: 12px; margin: 0 1px; border: 0; border-radius: 2px; vertical-align: -1px; }
.swatch.right { background: rgb(var(--right) / var(--v)); }
.swatch.wrong { background: rgb(var(--wrong) / var(--v)); }
.matrix .deep { color: var(--on-deep); }

.copies { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(290px, 100%), 1fr)); gap: 24px 44px; }
.copies h3 { margin: 0 0 8px; }
.copies > .wide { grid-column: 1 / -1; }
.copies .mistakes { grid-template-columns: repeat(auto-fill, minmax(124px, 1fr)); }
.mistakes { display: grid; grid-template-columns: repeat(auto-fill, minmax(128px, 1fr)); gap: 20px 18px; margin: 0; padding: 0; list-style: none; }
.mistakes img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; background: var(--raised); border-radius: 4px; margin-bottom: 6px; }
.mistakes img.pixels { image-rendering: pixelated; }
.mistakes p { margin: 0; font-size: 13px; line-height: 1.35; overflow-wrap: anywhere; }
.mistakes .said { color: var(--tone-two); }
.mistakes .source { color: var(--muted); font-size: 11.5px; margin-top: 2px; }
.maps { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(400px, 100%), 1fr)); gap: 24px 40px; margin: 0; padding: 0; list-style: none; }
.maps li { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 2px 8px; align-content: start; break-inside: avoid; }
.maps figure { margin: 0; }
.alike td { vertical-align: top; padding: 6px 10px 6px 0; }
.alike figure { margin: 0; font-size: 12px; max-width: 84px; }
.alike img { width: 72px; height: 72px; object-fit: cover; display: block; border-radius: 3px; image-rendering: auto; }
.alike .other { opacity: 0.45; }
.neighbours { display: flex; gap: 6px; }
.maps img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; background: var(--raised); border-radius: 4px; margin-bottom: 5px; }
.maps img.pixels { image-rendering: pixelated; }
.maps figcaption { font-size: 13px; line-height: 1.35; overflow-wrap: anywhere; }
.maps .source { grid-column: 1 / -1; color: var(--muted); font-size: 11.5px; margin: 0; overflow-wrap: anywhere; }
.beside { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(480px, 100%), 1fr)); \
gap: 26px 36px; margin: 14px 0 0; padding: 0; list-style: none; }
.beside li { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 4px 8px; align-content: start; break-inside: avoid; }
.beside li.quad { grid-template-columns: repeat(4, minmax(0, 1fr)); }
.beside > .whole { grid-column: 1 / -1; }
.beside p { grid-column: 1 / -1; margin: 0; font-size: 13px; overflow-wrap: anywhere; }
.beside .source { color: var(--muted); font-size: 11.5px; }
.beside img { display: block; width: 100%; border-radius: 3px; background: var(--raised); }
.beside img.pixels { image-rendering: pixelated; }
.beside figure { margin: 0; }
.beside figcaption { color: var(--muted); font-size: 11.5px; margin-top: 3px; }
.boxed { display: block; width: 100%; height: auto; border-radius: 3px; }
.boxed rect { fill: none; stroke: currentColor; stroke-width: 1.6px; vector-effect: non-scaling-stroke; }
.boxed rect.halo { stroke: rgb(255 255 255 / 0.75); stroke-width: 3.6px; stroke-dasharray: none; }
.boxed text { fill: currentColor; font-weight: 650; paint-order: stroke; stroke: #fff; stroke-width: 0.22em; stroke-linejoin: round; }
.boxed .found, .box-swatch.found { color: #1560bd; } .boxed .missed, .box-swatch.missed { color: #c2410c; }
.boxed .taken, .box-swatch.taken { color: #7a2ea0; } .boxed .aside, .box-swatch.aside { color: #5c6066; }
.boxed .taken rect:not(.halo) { stroke-dasharray: 6 3; } .boxed .aside rect:not(.halo) { stroke-dasharray: 2 3; }
.box-swatch { display: inline-block; width: 12px; height: 12px; border: 2px solid; vertical-align: -2px; margin-right: 6px; }
.box-swatch.taken { border-style: dashed; } .box-swatch.aside { border-style: dotted; }
.whole-name { white-space: nowrap; }
.class-key { list-style: none; margin: 0 0 12px; padding: 0; display: flex; flex-wrap: wrap; gap: 2px 16px; font-size: 13px; color: var(--muted); }
.colour { display: inline-block; width: 13px; height: 13px; border-radius: 3px; vertical-align: -2px; margin-right: 6px; }
.map-scale { display: inline-block; width: 180px; height: 12px; margin: 0 8px; border-radius: 2px; vertical-align: -1px; }
.film { display: flex; gap: 2px; }
.film figure { flex: 1 1 0; min-width: 0; margin: 0; }
.film img { display: block; width: 100%; background: var(--raised); image-rendering: auto; }
.film figcaption { color: var(--muted); font-size: 11px; text-align: center; overflow: hidden; white-space: nowrap; }
.timeline { margin: 8px 0 0; }
.timeline .names { position: relative; height: 18px; color: var(--muted); font-size: 12px; }
.timeline .names span { position: absolute; text-align: center; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.timeline svg { display: block; width: 100%; height: 96px; background: var(--raised); }
.timeline line { stroke: var(--rule); stroke-width: 1px; vector-effect: non-scaling-stroke; }
.timeline .ticks { display: flex; justify-content: space-between; color: var(--muted); font-size: 11.5px; margin: 3px 0 8px; }
.recipe td:first-child, .pairs-list td:first-child { white-space: nowrap; }
.recipe .source { color: var(--muted); }
.recipe small { display: block; color: var(--muted); font-size: 13px; }
details { margin-top: 16px; }
summary { cursor: pointer; font-size: 14px; color: var(--muted); }
summary:hover { color: var(--ink); }
details[open] summary { margin-bottom: 8px; }
.commands { margin: 0; }
.commands dt { margin-top: 12px; }
.commands dd { margin: 4px 0 0; }
.commands pre { margin: 0; padding: 9px 12px; background: var(--raised); border-radius: 5px; white-space: pre-wrap; overflow-wrap: anywhere; }

@media (max-width: 860px) {
  .hero, .matrix-and-pairs { grid-template-columns: minmax(0, 1fr); }
  .charts { grid-template-columns: minmax(0, 1fr); }
}
@media screen and (max-width: 520px) {
  main { padding: 24px 16px 48px; }
  h1 { font-size: 25px; }
  .facts { grid-template-columns: 1fr 1fr; gap: 0 20px; }
  .big { font-size: 52px; }
  .chart .wide { display: none; }
  .chart .narrow { display: block; }
  .mistakes { grid-template-columns: repeat(auto-fill, minmax(96px, 1fr)); gap: 16px 12px; }
  th, td { padding-right: 12px; }
  .recipe thead { display: none; }
  .recipe tr { display: block; padding: 6px 0; }
  .recipe td { display: block; padding: 0; }
  .recipe td:first-child { font-weight: 600; }
  .classes .bar-head, .classes .bar-cell { display: none; }
  .classes td.note { min-width: 190px; }
  .beside li.quad { grid-template-columns: repeat(2, minmax(0, 1fr)); }
}
@media print {
  @page { margin: 14mm; }
  body { font-size: 12px; }
  main { max-width: none; padding: 0; }
  nav { display: none; }
  section { margin-top: 22px; padding-top: 14px; }
  .hero { grid-template-columns: 5fr 7fr; }
  .charts { grid-template-columns: 1fr 1fr; gap: 16px 24px; }
  .matrix-and-pairs { grid-template-columns: minmax(0, 1fr); gap: 16px; }
  h1 { font-size: 22px; } h2 { font-size: 15px; } h3 { font-size: 12px; }
  .note, .key, .facts dt, .facts dd small, thead th, .mistakes p, .recipe small, footer, code { font-size: 10.5px; }
  .facts dd { font-size: 14px; }
  .big { font-size: 42px; }
  .mistakes { grid-template-columns: repeat(8, 1fr); gap: 12px 10px; }
  .mistakes .source, .maps .source { font-size: 8.5px; }
  table, .matrix, .matrix th { font-size: 10.5px; }
  th, td { padding-top: 2.5px; padding-bottom: 2.5px; }
  .matrix tbody td { width: 28px; min-width: 24px; height: 22px; }
  .scroll { overflow: visible; }
  h2, h3 { break-after: avoid; }
  tr, figure, li, .commands dd, .warnings { break-inside: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
