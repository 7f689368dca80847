import { UsageError } from '../../errors.js';
import { type MeasuredPart, partWord, picturesOf } from '../../part-words.js';
import { compact, count, duration, moment, percent, significant } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { bar, commandList, pairList } from '../draw/lists.js';
import { measureOf } from '../draw/measure.js';
import { renderPage, type Section } from '../draw/page.js';
import { seenSection } from '../seen.js';
import { curves } from './charts.js';
import type { RunReport } from './data.js';
import { findings } from './findings.js';
import { epochTable, parity, recipeTable } from './sections.js';

export type { EpochRow, OnnxParity, RunReport, RunSummary, StepRow } from './data.js';

/**
 * The report of one training run as a single HTML document: no request, no script needed, light and dark, made for
 * paper too. The same report gives the same bytes. Names, paths and messages in it are escaped. Throws UsageError where
 * a share is not a fraction in 0..1.
 */
export function renderRunReport(report: RunReport): string {
  checkFractions(report);
  const { summary, onnx, metrics, task } = report;
  const sections: (Section | false)[] = [
    {
      id: 'curves',
      title: 'Curves',
      body: html`${curves(report)}${report.epochs.length > 0 && epochTable(report.epochs, metrics, summary.validated)}`,
    },
    ...task.sections,
    report.seen !== undefined && seenSection(report.seen),
    report.recipe.length > 0 && { id: 'recipe', title: 'Recipe', body: recipeTable(report.recipe) },
    onnx !== undefined && { id: 'onnx', title: 'ONNX export', body: parity(onnx) },
    report.environment.length > 0 && { id: 'environment', title: 'Environment', body: pairList(report.environment) },
    report.commands.length > 0 && { id: 'next', title: 'What to do next', body: commandList(report.commands) },
  ];
  return renderPage({
    title: report.title,
    kind: 'Rescaled · training run',
    subtitle: html`${summary.model} on ${summary.dataset} · ${moment(report.generatedAt)}`,
    head: head(report),
    sections: sections.filter((section) => section !== false),
    footer: `Made by Rescaled, ${moment(report.generatedAt)}. This file is complete: it loads nothing.`,
  });
}

function checkFractions({ summary, metrics, epochs, onnx }: RunReport): void {
  const check = (name: string, value: number | undefined): void => {
    if (value !== undefined && (value < 0 || value > 1))
      throw new UsageError(
        `expected a fraction between 0 and 1 for ${name} but received ${value}: divide percentages by 100`,
      );
  };
  const shares = metrics.filter(({ unit }) => unit === 'share').map(({ name }) => name);
  for (const name of shares) {
    check(`summary.${name}`, summary.scores[name]);
    for (const { epoch, ...row } of epochs)
      for (const of of ['train', 'raw', 'ema', 'minival'] as const)
        check(`${of} ${name} of epoch ${epoch}`, row[of]?.[name]);
  }
  if (metrics[0].unit === 'share') check('summary.rawScore', summary.rawScore);
  check('summary.loaderWaitShare', summary.loaderWaitShare);
  check('onnx.top1Agreement', onnx?.top1Agreement);
}

function head(report: RunReport): Html {
  const { summary, warnings, metrics, task } = report;
  const [primary, ...others] = metrics;
  const measure = measureOf(primary);
  const { interval } = task;
  const { noun = 'picture' } = summary;
  const pictures = (part: MeasuredPart, n: number): string => picturesOf(part, n, count, noun);
  const value = summary.scores[primary.name]!;
  const said = findings(report);
  const weights = summary.chosen === 'ema' ? 'EMA weights' : 'raw weights';
  const [figure, unit] = measure.value(value).split('\u00a0');
  return html`<div class="hero"><div>
<p class="figure-label">${primary.heading ?? measure.head}</p>
<p class="big">${figure}${unit !== undefined && html`<small> ${unit}</small>`}</p>
${
  interval &&
  html`${primary.unit === 'share' && bar(value, interval)}
<p>95\u00a0% interval ${measure.value(interval.low)} to ${measure.value(interval.high)}</p>`
}
<p class="note">${weights}, ${pictures(summary.measured ?? 'test', summary.testImages)}, ${summary.crop}; trained on ${plural(summary.trainImages, noun)}.
${
  summary.minivalImages !== undefined &&
  `The weights are those of epoch ${count(summary.epochs)}, the best on ${plural(summary.minivalImages, `training ${noun}`)} ` +
    `set aside (minival); the ${partWord(summary.measured ?? 'test')} ${noun}s decided nothing.`
}
${
  summary.validationImages !== undefined &&
  `The test ${noun}s were measured once, at the end. Epochs were measured on ` +
    `${pictures('val', summary.validationImages)}${summary.selectedOn === 'val' ? ', which also chose the best one' : ''}.`
}
${interval?.note}</p></div>
<dl class="facts">
${others
  .filter(({ name }) => name !== 'loss')
  .map((metric) => {
    const { head, value: write } = measureOf(metric);
    return html`${fact(head, write(summary.scores[metric.name]), task.notes?.[metric.name] ?? weights)}
`;
  })}${summary.rawScore !== undefined && fact(`${measure.head}, raw weights`, measure.value(summary.rawScore), rawNote(summary))}
${summary.classes !== undefined && fact('Classes', count(summary.classes))}
${fact('Parameters', compact(summary.parameters))}
${summary.multiplyAdds !== undefined && fact('Multiply-adds', compact(summary.multiplyAdds), flops(summary.multiplyAdds, summary.size))}
${fact(noun === 'video' ? 'Frame size' : 'Picture size', `${count(summary.size)} px`, `batch ${count(summary.batch)}`)}
${fact('Training', duration(summary.seconds), `${plural(summary.epochs, 'epoch')}, ${plural(summary.steps, 'step')}`)}
${fact('Speed', `${significant(summary.imagesPerSecond, 3)} ${noun}s/s`, `mean; ${percent(summary.loaderWaitShare, 1)} waiting for ${noun}s`)}
${fact('Seed', String(summary.seed))}
</dl></div>
${
  warnings.length > 0 &&
  html`<div class="warnings" role="note"><h2>${plural(warnings.length, 'warning')}</h2>\
<ul>${warnings.map((text) => html`<li>${text}</li>`)}</ul></div>`
}
${said.length > 0 && html`<ul class="findings">${said.map((text) => html`<li>${text}</li>`)}</ul>`}`;
}

const rawNote = ({ chosen }: RunReport['summary']): string =>
  chosen === 'raw' ? 'the weights reported' : 'without averaging';
const flops = (multiplyAdds: number, size: number): string => `${compact(2 * multiplyAdds)} FLOPs, at ${size} px`;
const plural = (n: number, word: string): string => `${count(n)} ${word}${n === 1 ? '' : 's'}`;

function fact(name: string, value: string, detail?: string): Html {
  return html`<div><dt>${name}</dt><dd>${value}${detail !== undefined && html`<small>${detail}</small>`}</dd></div>`;
}
