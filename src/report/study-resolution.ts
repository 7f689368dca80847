import { type Html, html } from './html.js';
import { DENSE, type Mark, markChart, type MarkSeries } from './marks.js';
import { linearScale, logScale } from './scale.js';
import { quantile } from './series.js';
import { numbers, type Sheet, sheet } from './sheet.js';
import type { ResolutionGain, StudyReport } from './study-data.js';
import { bare, COST_WORDS, epochWords, estimateCell, percentTick, resolutions, toneOf, VERDICTS } from './study-words.js';

/** Steps from one resolution to the next, with the middle one of the models' gains. */
export function medianSteps(gains: readonly ResolutionGain[]): { from: number; to: number; epochs: number; median: number; models: number }[] {
  const steps = new Map<string, ResolutionGain[]>();
  for (const gain of gains) {
    const key = `${gain.epochs} ${gain.from} ${gain.to}`;
    steps.set(key, [...(steps.get(key) ?? []), gain]);
  }
  return [...steps.values()]
    .map((all) => ({ from: all[0]!.from, to: all[0]!.to, epochs: all[0]!.epochs, median: quantile(all.map(({ perDoubling }) => perDoubling.mean), 0.5)!, models: all.length }))
    .sort((a, b) => a.epochs - b.epochs || a.from - b.from || a.to - b.to);
}

/** What a doubling of the cost gains when it goes into resolution: less at each step, as the paper found. */
export function resolutionFigure(report: StudyReport): Html {
  const gains = report.resolutionGains.filter(({ perDoubling }) => Number.isFinite(perDoubling.mean));
  if (gains.length === 0) {
    const sizes = resolutions(report);
    return html`<p>${sizes.length < 2 ? `Every configuration has ${sizes[0] === undefined ? 'the same' : `${sizes[0]}`} pixels: what resolution gains needs the same model at two of them.` : 'No model is trained at two resolutions of a regime yet, so that nothing can be said of resolution.'}</p>`;
  }
  const costs = [...new Set(gains.map(({ cost }) => COST_WORDS[cost].short))];
  const spans = [...new Set(gains.map(({ epochs }) => epochs))].sort((a, b) => a - b);
  const x = logScale(gains.map(({ to }) => to), { name: 'pixels, from the resolution before', format: String });
  const y = linearScale([0, ...gains.flatMap(({ perDoubling: { mean, low, high } }) => (gains.length > DENSE ? [mean] : [low ?? mean, high ?? mean]))], { name: 'points for each doubling', format: percentTick });
  return html`<div class="panels">${spans.map((epochs, i) => {
    const rows = gains.filter((gain) => gain.epochs === epochs);
    const models = [...new Set(rows.map(({ family, depth, width }) => `${family} ${depth} ${width}`))];
    const marks = rows.map(({ family, depth, width, to, perDoubling: { mean, low, high } }): Mark => ({
      // Models stand a little apart, so that their whiskers do.
      x: to * (1 + 0.04 * ((models.indexOf(`${family} ${depth} ${width}`) + 0.5) / models.length - 0.5)), y: mean, ...(low !== undefined && high !== undefined && { low, high }),
    }));
    const steps = medianSteps(rows);
    const series: MarkSeries[] = [{ name: 'each model', tone: toneOf(i), marks }, { name: 'median', tone: toneOf(i), bare: true, marks: steps.map(({ to, median }) => ({ x: to, y: median })) }];
    return markChart({ id: `resolution-${epochs}`, title: epochWords(epochs), panel: true, height: 240, x: { ...x, min: x.min * 0.98, max: x.max * 1.02 }, y, series });
  })}</div>
<p class="note">Accuracy gained for each doubling of ${costs.join(' or ')} from one resolution to the next, depth and width the same: a mark for each model, whiskers its 95\u00a0% interval over seeds, the line through the medians.</p>
${diminishingTable(report)}
${numbers(resolutionSheet(report), 'Every gain')}`;
}

function diminishingTable({ diminishing }: StudyReport): Html | undefined {
  if (diminishing.length === 0) return undefined;
  return html`<div class="scroll"><table class="full"><thead><tr><th>Regime</th><th class="num">Lower half of the steps</th><th class="num">Upper half</th><th class="num">Change</th><th>Returns</th></tr></thead>
<tbody>${diminishing.map(({ epochs, lower, upper, change }) => html`<tr><td>${epochWords(epochs)}</td><td class="num">${estimateCell(lower, bare)}</td><td class="num">${estimateCell(upper, bare)}</td><td class="num">${estimateCell(change, bare)}</td><td>${RETURNS[change.verdict]}</td></tr>
`)}</tbody></table></div><p class="note">Points for each doubling, with 95\u00a0% intervals.</p>`;
}

/** What a change from the lower to the upper steps says of the returns. */
export const RETURNS: Record<StudyReport['diminishing'][number]['change']['verdict'], string> = { worse: 'diminish', better: 'grow', noise: 'neither diminish nor grow beyond the noise', none: 'stay the same', unknown: 'cannot tell: too few seeds' };

export const resolutionSheet = ({ resolutionGains }: StudyReport): Sheet => sheet('resolution', [
  { key: 'family', title: 'Family', words: true, value: ({ family }) => family },
  { key: 'depth', title: 'Depth', value: ({ depth }) => depth },
  { key: 'width', title: 'Width', value: ({ width }) => width },
  { key: 'epochs', title: 'Epochs', value: ({ epochs }) => epochs },
  { key: 'from', title: 'From', value: ({ from }) => from },
  { key: 'to', title: 'To', value: ({ to }) => to },
  { key: 'cost', title: 'Cost', words: true, value: ({ cost }) => cost, show: ({ cost }) => COST_WORDS[cost].short },
  { key: 'costRatio', title: 'Cost ratio', value: ({ costRatio }) => costRatio, show: ({ costRatio }) => costRatio.toFixed(2) },
  { key: 'perDoubling', title: 'Points a doubling', value: ({ perDoubling }) => perDoubling.mean, show: ({ perDoubling }) => bare(perDoubling.mean) },
  { key: 'perDoublingLow', title: 'low', value: ({ perDoubling }) => perDoubling.low, show: ({ perDoubling }) => bare(perDoubling.low) },
  { key: 'perDoublingHigh', title: 'high', value: ({ perDoubling }) => perDoubling.high, show: ({ perDoubling }) => bare(perDoubling.high) },
  { key: 'verdict', title: 'Verdict', words: true, value: ({ perDoubling }) => perDoubling.verdict, show: ({ perDoubling }) => VERDICTS[perDoubling.verdict] },
], resolutionGains);
