import { UsageError } from '../../errors.js';
import { compact, count, duration, moment, percent, significant } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { commandList, pairList } from '../draw/lists.js';
import { renderPage, type Section } from '../draw/page.js';
import { curves } from './charts.js';
import { bar, classesSection, confusionSection } from './confusion.js';
import type { RunReport } from './data.js';
import { findings, top1Interval } from './findings.js';
import { type ClassMetrics, classMetrics } from './metrics.js';
import { epochTable, mistakeGrid, parity, recipeTable } from './sections.js';

export type { EpochRow, Mistake, OnnxParity, RunReport, RunSummary, StepRow } from './data.js';

/**
 * The report of one training run as a single HTML document: no request, no script needed, light and dark, made for
 * paper too. The same report gives the same bytes. Names, paths and messages in it are escaped. Throws UsageError where
 * an accuracy, probability or share is not a fraction in 0..1, and RescaledError where the confusion matrix does not
 * fit its classes.
 */
export function renderRunReport(report: RunReport): string {
  checkFractions(report);
  const { summary, onnx } = report;
  const metrics = classMetrics(report.confusion);
  const sections: (Section | false)[] = [
    {
      id: 'curves',
      title: 'Curves',
      body: html`${curves(report)}${report.epochs.length > 0 && epochTable(report.epochs)}`,
    },
    { id: 'confusion', title: 'Confusion', body: confusionSection(report.confusion) },
    { id: 'classes', title: 'Classes', body: classesSection(metrics) },
    report.mistakes.length > 0 && { id: 'mistakes', title: 'Worst mistakes', body: mistakeGrid(report.mistakes) },
    report.recipe.length > 0 && { id: 'recipe', title: 'Recipe', body: recipeTable(report.recipe) },
    onnx !== undefined && { id: 'onnx', title: 'ONNX export', body: parity(onnx) },
    report.environment.length > 0 && { id: 'environment', title: 'Environment', body: pairList(report.environment) },
    report.commands.length > 0 && { id: 'next', title: 'What to do next', body: commandList(report.commands) },
  ];
  return renderPage({
    title: report.title,
    kind: 'Rescaled · training run',
    subtitle: html`${summary.model} on ${summary.dataset} · ${moment(report.generatedAt)}`,
    head: head(report, metrics),
    sections: sections.filter((section) => section !== false),
    footer: `Made by Rescaled, ${moment(report.generatedAt)}. This file is complete: it loads nothing.`,
  });
}

function checkFractions({ summary, epochs, mistakes, onnx }: RunReport): void {
  const check = (name: string, value: number | undefined): void => {
    if (value !== undefined && (value < 0 || value > 1))
      throw new UsageError(
        `expected a fraction between 0 and 1 for ${name} but received ${value}: divide percentages by 100`,
      );
  };
  for (const key of ['top1', 'top5', 'top1Raw', 'loaderWaitShare'] as const) check(`summary.${key}`, summary[key]);
  for (const row of epochs) {
    for (const key of ['top1Raw', 'top1Ema', 'top5Raw', 'top5Ema', 'trainTop1', 'top1Minival'] as const)
      check(`${key} of epoch ${row.epoch}`, row[key]);
  }
  for (const mistake of mistakes) check(`the probability of ${mistake.source}`, mistake.probability);
  check('onnx.top1Agreement', onnx?.top1Agreement);
}

function head(report: RunReport, metrics: readonly ClassMetrics[]): Html {
  const { summary, warnings } = report;
  const interval = top1Interval(summary);
  const said = findings(report, metrics);
  const weights = summary.chosen === 'ema' ? 'EMA weights' : 'raw weights';
  const [figure, unit] = percent(summary.top1).split('\u00a0');
  return html`<div class="hero"><div>
<p class="figure-label">Top-1 accuracy</p>
<p class="big">${figure}${unit !== undefined && html`<small> ${unit}</small>`}</p>
${
  interval &&
  html`${bar(summary.top1, interval)}
<p>95\u00a0% interval ${percent(interval.low)} to ${percent(interval.high)}</p>`
}
<p class="note">${weights}, ${count(summary.testImages)} test pictures, ${summary.crop}; trained on ${count(summary.trainImages)} pictures.
${summary.minivalImages !== undefined && `The weights are those of epoch ${count(summary.epochs)}, the best on ${plural(summary.minivalImages, 'training picture')} set aside (minival); the test pictures decided nothing.`}
${interval && 'The Wilson interval covers which pictures happened to be in the test set, not the luck of the seed: for that, repeat the run with other seeds.'}</p></div>
<dl class="facts">
${fact('Top-5', percent(summary.top5), summary.classes <= 5 ? `of ${count(summary.classes)} classes: says nothing` : weights)}
${fact('Top-1, raw weights', percent(summary.top1Raw), summary.chosen === 'raw' ? 'the weights reported' : 'without averaging')}
${fact('Classes', count(summary.classes))}
${fact('Parameters', compact(summary.parameters))}
${summary.multiplyAdds !== undefined && fact('Multiply-adds', compact(summary.multiplyAdds), `${compact(2 * summary.multiplyAdds)} FLOPs, at ${summary.size} px`)}
${fact('Picture size', `${count(summary.size)} px`, `batch ${count(summary.batch)}`)}
${fact('Training', duration(summary.seconds), `${plural(summary.epochs, 'epoch')}, ${plural(summary.steps, 'step')}`)}
${fact('Speed', `${significant(summary.imagesPerSecond, 3)} pictures/s`, `${percent(summary.loaderWaitShare, 1)} waiting for pictures`)}
${fact('Seed', String(summary.seed))}
</dl></div>
${warnings.length > 0 && html`<div class="warnings" role="note"><h2>${plural(warnings.length, 'warning')}</h2><ul>${warnings.map((text) => html`<li>${text}</li>`)}</ul></div>`}
${said.length > 0 && html`<ul class="findings">${said.map((text) => html`<li>${text}</li>`)}</ul>`}`;
}

const plural = (n: number, word: string): string => `${count(n)} ${word}${n === 1 ? '' : 's'}`;

function fact(name: string, value: string, detail?: string): Html {
  return html`<div><dt>${name}</dt><dd>${value}${detail !== undefined && html`<small>${detail}</small>`}</dd></div>`;
}
