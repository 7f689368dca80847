import { type Bar, barChart } from '../draw/bars.js';
import { lineChart, niceRange } from '../draw/charts.js';
import { compact, count, decimals, missing, moment, percent } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { commandList, pairList } from '../draw/lists.js';
import { renderPage } from '../draw/page.js';
import { tdNamed, tdNum, tdSorted, th, thNum, tr, wideTable } from '../draw/table.js';

/** What a selection kept of a class. */
export interface SelectionClass {
  name: string;
  pictures: number;
  threshold: number | null;
  above: number;
  copies: number;
  kept: number;
  drawn: number;
}

/** A selection of pseudo-labels, for its page. */
export interface SelectionPage {
  title: string;
  /** How the teacher is told. */
  teacher: string;
  /** The rule and its settings, in words. */
  rule: readonly { key: string; value: string }[];
  /** What it says in a sentence each, what matters most first. */
  findings: readonly string[];
  /** What a reader should mend; usually nothing. */
  warnings: readonly string[];
  pictures: number;
  kept: number;
  drawn: number;
  classes: readonly SelectionClass[];
  /** Of bins of equal width from 0 to 1. */
  histogram: { pictures: readonly number[]; kept: readonly number[] };
  /** ISO 8601. */
  generatedAt: string;
  commands: readonly { what: string; command: string }[];
}

/** More classes are drawn as curves over their rank. */
const BARS = 30;

/** The page of `rescaled pseudo-label select`: one HTML document that loads nothing. */
export function renderSelectionPage(page: SelectionPage): string {
  const { title, teacher, warnings, findings, generatedAt } = page;
  const classes = [...page.classes].sort((a, b) => b.pictures - a.pictures);
  return renderPage({
    title,
    kind: 'Rescaled · pseudo-labels selected',
    subtitle: html`${count(page.kept)} of ${count(page.pictures)} pictures, ${count(page.drawn)} drawn in a pass · ${moment(generatedAt)}`,
    head: html`${
      warnings.length > 0 &&
      html`<div class="warnings" role="note"><h2>Before you train</h2><ul>${warnings.map((text) => html`<li>${text}</li>`)}</ul></div>`
    }
<ul class="findings">${findings.map((text) => html`<li>${text}</li>`)}</ul>`,
    sections: [
      {
        id: 'kept',
        title: 'What was kept',
        body: html`<div class="charts">${confidence(page)}${
          classes.length <= BARS ? balanceBars(classes) : balanceCurves(classes)
        }</div>`,
      },
      { id: 'classes', title: 'Classes', body: classTable(classes) },
      { id: 'rule', title: 'The rule', body: pairList([{ key: 'teacher', value: teacher }, ...page.rule]) },
      { id: 'next', title: 'What to do next', body: commandList([...page.commands]) },
    ],
    footer: `Made by Rescaled, ${moment(generatedAt)}. This file is complete: it loads nothing.`,
  });
}

const figures = (value: number): string => (value < 10_000 ? count(value) : compact(value));
const joined = (counts: readonly number[], by: number): number[] =>
  Array.from({ length: counts.length / by }, (_, i) =>
    counts.slice(i * by, (i + 1) * by).reduce((sum, n) => sum + n, 0),
  );

/** Fewer pictures are drawn in wider steps, so that the curve is not all noise. */
const FEW = 10_000;
const WIDE = 5;

function confidence({ histogram, pictures }: SelectionPage): Html {
  const [all, kept] = [histogram.pictures, histogram.kept].map((counts) =>
    pictures < FEW ? joined(counts, WIDE) : counts,
  ) as [readonly number[], readonly number[]];
  const bins = all.length;
  const curve = (counts: readonly number[]) => counts.map((n, bin) => [(bin + 0.5) / bins, n] as const);
  const range = niceRange(0, Math.max(1, ...all));
  return lineChart({
    id: 'confidence',
    title: 'Pictures by the probability of their class',
    lines: [
      { name: 'all', tone: 'one', points: curve(all) },
      { name: 'kept', tone: 'two', points: curve(kept) },
    ],
    x: { name: 'probability', min: 0, max: 1, interval: 0.2, format: (value) => decimals(value, 1) },
    y: { ...range, min: 0, whole: true, format: figures },
    note: `In steps of ${decimals(1 / bins)}. A kept picture counts once, however often it is drawn.`,
  });
}

function balanceBars(classes: readonly SelectionClass[]): Html {
  const bars = classes.flatMap(({ name, pictures, drawn }): Bar[] => [
    { name, from: 0, to: pictures, value: count(pictures), tone: 'one', faint: true },
    { name: '', from: 0, to: drawn, value: count(drawn), tone: 'two' },
  ]);
  const range = niceRange(0, Math.max(1, ...bars.map(({ to }) => to)));
  return barChart({
    id: 'balance',
    title: 'Pictures that the teacher calls so (pale), and draws of a pass (full)',
    bars,
    x: { ...range, min: 0, whole: true, format: figures },
  });
}

function balanceCurves(classes: readonly SelectionClass[]): Html {
  const of = (value: (one: SelectionClass) => number) =>
    classes.map((one, rank) => [rank + 1, Math.max(1, value(one))] as const);
  const all = classes.flatMap(({ pictures, drawn }) => [Math.max(1, pictures), Math.max(1, drawn)]);
  const power = (value: number, round: (power: number) => number): number => 10 ** round(Math.log10(value));
  const min = power(Math.min(...all), Math.floor);
  return lineChart({
    id: 'balance',
    title: 'Pictures of each class, the richest first',
    lines: [
      { name: 'the teacher calls so', tone: 'one', points: of(({ pictures }) => pictures) },
      { name: 'drawn in a pass', tone: 'two', points: of(({ drawn }) => drawn) },
    ],
    x: { name: 'rank of the class', min: 0, max: classes.length, whole: true, format: (value) => count(value) },
    y: { min, max: Math.max(10 * min, power(Math.max(...all), Math.ceil)), log: 10, format: figures },
    ...(min === 1 ? { note: 'Classes without a picture are drawn at 1.' } : {}),
  });
}

/** More classes are folded. */
const ROWS = 100;

function classTable(classes: readonly SelectionClass[]): Html {
  const table = wideTable(
    [
      th('class'),
      thNum('pictures'),
      thNum('threshold'),
      thNum('at or above'),
      thNum('copies of each'),
      thNum('kept'),
      thNum('thrown away'),
      thNum('repeated'),
      thNum('draws'),
    ],
    classes.map(({ name, pictures, threshold, above, copies, kept, drawn }) =>
      tr([
        tdNamed(name),
        tdSorted(pictures, count(pictures)),
        tdSorted(threshold ?? 2, threshold === null ? missing : decimals(threshold)),
        tdSorted(above, count(above)),
        tdSorted(copies, decimals(copies)),
        tdSorted(
          kept,
          html`${count(kept)} <small class="note">${percent(pictures === 0 ? undefined : kept / pictures, 0)}</small>`,
        ),
        tdSorted(pictures - kept, count(pictures - kept)),
        tdSorted(drawn - kept, count(drawn - kept)),
        tdNum(count(drawn)),
      ]),
    ),
    { table: 'full sortable' },
  );
  return html`${
    classes.length > ROWS ? html`<details><summary>${count(classes.length)} classes</summary>${table}</details>` : table
  }
<p class="note">Repeated: draws of a pass beyond the first of a picture.</p>`;
}
