import { count, moment, percent } from '../draw/format.js';
import { type Html, html, trusted } from '../draw/html.js';
import { pairList } from '../draw/lists.js';
import { renderPage } from '../draw/page.js';
import { TONES, type Tone } from '../draw/theme.js';

/** A part of a video, from and to as shares of its length. */
export interface TimelinePart {
  from: number;
  to: number;
  label: string;
  /** 0 to 1. */
  probability: number;
}

/** A video on the page: plain data. */
export interface TimelineVideo {
  path: string;
  /** Of the whole, most probable first. */
  predictions: readonly { label: string; probability: number }[];
  /** `12.4 s, 310 frames`. */
  length: string;
  /** Frames evenly over it as data URIs, and when each is. */
  strip: readonly { uri: string; when: string }[];
  /** What stands below the timeline, from its begin to its end. */
  ticks: readonly string[];
  /** As they are drawn, and how many windows there are. */
  parts: readonly TimelinePart[];
  windows: number;
  /** Runs of windows of one label. */
  stretches: readonly (TimelinePart & { when: string })[];
}

export interface TimelinePage {
  title: string;
  /** ISO 8601. */
  generatedAt: string;
  model: string;
  videos: readonly TimelineVideo[];
  /** Videos beyond those that are shown. */
  more: number;
  unread: readonly { path: string; reason: string }[];
  facts: readonly { key: string; value: string }[];
}

/** Of a drawing, in units of its own: it is stretched to the page. */
const [WIDTH, HEIGHT] = [1000, 100];
/** Rows of a list of stretches. */
const ROWS = 100;

/** The page of `rescaled predict --report`: one HTML document that loads nothing. The same results give the same bytes. */
export function renderTimeline(page: TimelinePage): string {
  const { videos, unread, more } = page;
  const number = videos.length + more;
  return renderPage({
    title: page.title,
    kind: 'Rescaled · what videos show',
    subtitle: html`${page.model} · ${count(number)} ${number === 1 ? 'video' : 'videos'} · ${moment(page.generatedAt)}`,
    head: html`${
      unread.length > 0 &&
      html`<div class="warnings" role="note"><h2>Could not be read</h2><ul>${unread.map(
        ({ path, reason }) => html`<li>${path}: ${reason}</li>`,
      )}</ul></div>`
    }${more > 0 && html`<p class="note">The first ${count(videos.length)} videos are shown: --json and --csv have all.</p>`}`,
    sections: [
      ...videos.map((video, i) => ({ id: `video-${i + 1}`, title: video.path, body: videoBody(video) })),
      { id: 'facts', title: 'How it was made', body: pairList([...page.facts]) },
    ],
    footer: `Made by Rescaled, ${moment(page.generatedAt)}. This file is complete: it loads nothing.`,
  });
}

function videoBody(video: TimelineVideo): Html {
  const { predictions, length, strip, ticks, parts, stretches, windows } = video;
  const tones = tonesOf(parts);
  const drawn =
    parts.length < windows ? ` Each bar stands for about ${count(Math.round(windows / parts.length))} of them.` : '';
  return html`<p><b>${predictions[0]!.label}</b> ${percent(predictions[0]!.probability, 1)}${predictions
    .slice(1)
    .map(({ label, probability }) => html` · ${label} ${percent(probability, 1)}`)}</p>
<p class="note">${length}; the mean of ${count(windows)} ${windows === 1 ? 'window' : 'windows'}</p>
<div class="film">${strip.map(({ uri, when }) => html`<figure><img src="${uri}" alt="A frame at ${when}"><figcaption>${when}</figcaption></figure>`)}</div>
<figure class="timeline"><div class="names">${named(stretches)}</div><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" \
aria-label="The most probable class over time">${[0.5, 1].map(
    (share) => html`<line x1="0" x2="${WIDTH}" y1="${HEIGHT * (1 - share)}" y2="${HEIGHT * (1 - share)}"/>`,
  )}${parts.map((part) => column(part, tones))}</svg>
<div class="ticks">${ticks.map((tick) => html`<span>${tick}</span>`)}</div>
<figcaption><ul class="key">${[...tones].map(
    ([label, tone]) =>
      html`<li><i class="colour" style="background:${trusted(`var(--tone-${tone})`)}"></i>${label}</li>`,
  )}${parts.some(({ label }) => !tones.has(label)) && html`<li><i class="colour" style="background:var(--axis)"></i>others</li>`}</ul></figcaption>
<p class="note">The most probable class of each window; its height is the probability, the upper line is 100 %.${drawn}</p></figure>
${
  stretches.length > 1 &&
  html`<details><summary>${count(stretches.length)} parts in figures</summary><div class="scroll"><table><thead><tr><th>When</th><th>Class</th>\
<th class="num">Probability</th></tr></thead><tbody>${stretches.slice(0, ROWS).map(
    ({
      when,
      label,
      probability,
    }) => html`<tr><td>${when}</td><td>${label}</td><td class="num">${percent(probability, 1)}</td></tr>
`,
  )}</tbody></table></div>${stretches.length > ROWS && html`<p class="note">The first ${ROWS}: --json and --csv have all.</p>`}</details>`
}`;
}

/** The labels that take most of the time have a colour. */
function tonesOf(parts: readonly TimelinePart[]): Map<string, Tone> {
  const time = new Map<string, number>();
  for (const { label, from, to } of parts) time.set(label, (time.get(label) ?? 0) + to - from);
  return new Map(
    [...time]
      .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
      .slice(0, TONES.length)
      .map(([label], i) => [label, TONES[i]!]),
  );
}

/** A stretch has its name above it where that is wide enough, in shares of the page. */
const NAMED_FROM = 0.05;

const named = (stretches: TimelineVideo['stretches']): Html[] =>
  stretches
    .filter(({ from, to }) => to - from >= NAMED_FROM)
    .map(
      ({ from, to, label }) =>
        html`<span style="left:${unit(100 * from)}%;width:${unit(100 * (to - from))}%" title="${label}">${label}</span>`,
    );

const unit = (value: number): string => String(Math.round(100 * value) / 100);

function column({ from, to, label, probability }: TimelinePart, tones: ReadonlyMap<string, Tone>): Html {
  const tone = tones.get(label);
  const height = HEIGHT * probability;
  return html`<rect x="${unit(WIDTH * from)}" y="${unit(HEIGHT - height)}" width="${unit(WIDTH * (to - from))}" height="${unit(height)}" \
fill="${tone === undefined ? 'var(--axis)' : `var(--tone-${tone})`}"><title>${label} ${percent(probability, 1)}</title></rect>`;
}
