import { missing } from './format.js';
import { type Html, html } from './html.js';
import { type Sheet, sheet } from './sheet.js';
import type { FamilyMember, RegimeAdvice, StudyReport } from './study-data.js';
import { bare, COST_WORDS, epochWords, estimateCell, time } from './study-words.js';

const PAYS: Record<RegimeAdvice['pays'], string> = { depth: 'depth', width: 'width', resolution: 'resolution', either: 'both alike', unknown: 'not enough evidence' };
const OVERFITS: Record<NonNullable<RegimeAdvice['overfitting']>, string> = { yes: 'yes', no: 'no', unknown: 'cannot tell' };

/** Which dimension pays in each regime, in points for each doubling of the cost. */
export function regimeTable({ advice }: StudyReport): Html {
  if (advice.regimes.length === 0) return html`<p>Not enough evidence: no regime has models that differ in depth alone and models that differ in width alone.</p>`;
  const costs = [...new Set(advice.regimes.map(({ cost }) => COST_WORDS[cost].short))].join(' or ');
  return html`<div class="scroll"><table class="full"><thead><tr><th>Regime</th><th>What pays</th><th class="num">Depth</th><th class="num">Width</th><th class="num">Resolution</th><th class="num">Depth less width</th><th>Over-fits</th></tr></thead>
<tbody>${advice.regimes.map(({ epochs, size, pays, depth, width, resolution, difference, overfitting, missing: why }) => html`<tr><td>${epochWords(epochs)}${size !== undefined && `, ${size} pixels`}</td><td><b>${PAYS[pays]}</b>${why !== undefined && html`<br><small class="note">${why}</small>`}</td><td class="num">${estimateCell(depth, bare)}</td><td class="num">${estimateCell(width, bare)}</td><td class="num">${estimateCell(resolution, bare)}</td><td class="num">${estimateCell(difference, bare)}</td><td>${overfitting === undefined ? missing : OVERFITS[overfitting]}</td></tr>
`)}</tbody></table></div>
<p class="note">Points of top-1 for each doubling of ${costs}, with their 95\u00a0% intervals.</p>`;
}

/** The proposed models, smallest to largest. */
export function familyTable({ advice }: StudyReport): Html {
  if (advice.family.length === 0) return html`<p>No family is proposed: the evidence is not enough.${advice.missing.length > 0 && ' What is missing:'}</p>${advice.missing.length > 0 && html`<ul class="findings">${advice.missing.map((why) => html`<li>${why}</li>`)}</ul>`}`;
  const { flops, parameters, trainStepMs } = COST_WORDS;
  return html`<div class="scroll"><table class="full"><thead><tr><th>Model</th><th class="num">Depth</th><th class="num">Width</th><th class="num">Pixels</th><th class="num">FLOPs</th><th class="num">Parameters</th><th class="num">Training step</th><th class="num">Top-1</th></tr></thead>
<tbody>${advice.family.map((one) => html`<tr><td>${one.name}<br><small class="note"><code>${one.model}</code>${one.note !== undefined && html`<br>${one.note}`}</small></td><td class="num">${one.depth}</td><td class="num">${one.width}</td><td class="num">${one.size}</td><td class="num">${flops.text(one.flops)}</td><td class="num">${parameters.text(one.parameters)}</td><td class="num">${one.trainStepMs === undefined ? missing : trainStepMs.text(one.trainStepMs)}</td><td class="num">${accuracy(one)}</td></tr>
`)}</tbody></table></div>
<p class="note">Smallest to largest. Measured: trained here. Predicted: not trained, the interval is the model's of this study; the larger it is than what was trained, the less it can be relied on.</p>`;
}

function accuracy({ measured, predicted }: FamilyMember): Html {
  if (measured !== undefined) return html`${estimateCell(measured)}<br><small class="note">measured</small>`;
  return predicted === undefined ? html`${missing}` : html`${estimateCell(predicted)}<br><small class="note">predicted</small>`;
}

export const familySheet = ({ advice }: StudyReport): Sheet => sheet('family', [
  { key: 'name', value: ({ name }) => name },
  { key: 'model', value: ({ model }) => model },
  { key: 'depth', value: ({ depth }) => depth },
  { key: 'width', value: ({ width }) => width },
  { key: 'size', value: ({ size }) => size },
  { key: 'flops', value: ({ flops }) => flops },
  { key: 'parameters', value: ({ parameters }) => parameters },
  { key: 'trainStepMs', value: ({ trainStepMs }) => trainStepMs },
  { key: 'measuredTop1', value: ({ measured }) => measured?.mean },
  { key: 'predictedTop1', value: ({ predicted }) => predicted?.mean },
  { key: 'predictedLow', value: ({ predicted }) => predicted?.low },
  { key: 'predictedHigh', value: ({ predicted }) => predicted?.high },
], advice.family);

/** What to train next, why, and what it costs. */
export function nextList({ advice }: StudyReport): Html | undefined {
  if (advice.next.length === 0) return undefined;
  return html`<div class="scroll"><table class="full"><thead><tr><th>Train</th><th>Why</th><th class="num">Takes about</th></tr></thead>
<tbody>${advice.next.map(({ what, why, seconds, command }) => html`<tr><td>${what}${command !== undefined && html`<br><small><code>${command}</code></small>`}</td><td>${why}</td><td class="num">${time(seconds)}</td></tr>
`)}</tbody></table></div>`;
}

/** Regimes in figures. */
export const regimeSheet = ({ advice }: StudyReport): Sheet => sheet('what-pays', [
  { key: 'epochs', value: ({ epochs }) => epochs },
  { key: 'size', value: ({ size }) => size },
  { key: 'pays', value: ({ pays }) => pays },
  { key: 'cost', value: ({ cost }) => cost },
  { key: 'depth', value: ({ depth }) => depth?.mean },
  { key: 'depthLow', value: ({ depth }) => depth?.low },
  { key: 'depthHigh', value: ({ depth }) => depth?.high },
  { key: 'width', value: ({ width }) => width?.mean },
  { key: 'widthLow', value: ({ width }) => width?.low },
  { key: 'widthHigh', value: ({ width }) => width?.high },
  { key: 'resolution', value: ({ resolution }) => resolution?.mean },
  { key: 'resolutionLow', value: ({ resolution }) => resolution?.low },
  { key: 'resolutionHigh', value: ({ resolution }) => resolution?.high },
  { key: 'difference', value: ({ difference }) => difference?.mean },
  { key: 'differenceLow', value: ({ difference }) => difference?.low },
  { key: 'differenceHigh', value: ({ difference }) => difference?.high },
  { key: 'overfitting', value: ({ overfitting }) => overfitting },
  { key: 'missing', value: ({ missing: why }) => why },
], advice.regimes);
