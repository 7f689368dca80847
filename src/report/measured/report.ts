import type { Metric } from '../../metric.js';
import { type MeasuredPart, partWord } from '../../part-words.js';
import { count, moment } from '../draw/format.js';
import { html } from '../draw/html.js';
import { bar, commandList, pairList } from '../draw/lists.js';
import { measureOf } from '../draw/measure.js';
import { renderPage } from '../draw/page.js';
import type { TaskParts } from '../parts.js';
import { type SeenBatch, seenSection } from '../seen.js';

/** What a model was worth on some pictures: plain data. */
export interface MeasuredReport {
  title: string;
  /** ISO 8601. */
  generatedAt: string;
  model: string;
  data: string;
  /** Which pictures of it, and how many. */
  part: MeasuredPart;
  images: number;
  /** Those that are shown, the primary one first, and their values. */
  metrics: readonly [Metric, ...Metric[]];
  scores: Readonly<Record<string, number>>;
  task: TaskParts;
  /** What the network saw in the first step of its training, where that is known. */
  seen?: SeenBatch;
  /** Weights, size and the like. */
  facts: readonly { key: string; value: string }[];
  warnings: readonly string[];
  commands: readonly { what: string; command: string }[];
}

/** The page of `rescaled eval --report`: one HTML document that loads nothing. The same figures give the same bytes. */
export function renderMeasuredReport(report: MeasuredReport): string {
  const { metrics, scores, task, part, images, warnings } = report;
  const [primary, ...others] = metrics;
  const measure = measureOf(primary);
  const value = scores[primary.name]!;
  const { interval } = task;
  const [figure, unit] = measure.value(value).split('\u00a0');
  const pictures = `${count(images)} ${partWord(part)} pictures`.replace('  ', ' ');
  return renderPage({
    title: report.title,
    kind: 'Rescaled · a model measured',
    subtitle: html`${report.model} on ${report.data} · ${moment(report.generatedAt)}`,
    head: html`<div class="hero"><div>
<p class="figure-label">${primary.heading ?? measure.head}</p>
<p class="big">${figure}${unit !== undefined && html`<small> ${unit}</small>`}</p>
${
  interval &&
  html`${primary.unit === 'share' && bar(value, interval)}
<p>95\u00a0% interval ${measure.value(interval.low)} to ${measure.value(interval.high)}</p>`
}
<p class="note">${pictures}</p></div>
<dl class="facts">${others.map((metric) => {
      const { head, value: write } = measureOf(metric);
      return html`<div><dt>${head}</dt><dd>${write(scores[metric.name])}</dd></div>
`;
    })}</dl></div>
${
  warnings.length > 0 &&
  html`<div class="warnings" role="note"><h2>To know</h2><ul>${warnings.map((text) => html`<li>${text}</li>`)}</ul></div>`
}
${task.findings.length > 0 && html`<ul class="findings">${task.findings.map((text) => html`<li>${text}</li>`)}</ul>`}`,
    sections: [
      ...task.sections,
      ...(report.seen === undefined ? [] : [seenSection(report.seen)]),
      { id: 'facts', title: 'How it was measured', body: pairList([...report.facts]) },
      ...(report.commands.length > 0
        ? [{ id: 'next', title: 'What to do next', body: commandList([...report.commands]) }]
        : []),
    ],
    footer: `Made by Rescaled, ${moment(report.generatedAt)}. This file is complete: it loads nothing.`,
  });
}
