import { count, percent, points } from './format.js';
import type { RegimeAdvice, StudyReport } from './study-data.js';
import { RETURNS } from './study-resolution.js';
import { COST_WORDS, epochWords, pointsWithInterval, time, words } from './study-words.js';

/** A sentence to remember, and what it rests on. */
export interface Finding {
  lead?: string;
  text: string;
}

/** What a study says, in sentences that follow from its figures alone; the most useful first. */
export function studyFindings(report: StudyReport): Finding[] {
  if (report.configurations.every(({ top1 }) => top1 === undefined)) return [{ text: 'No trial has ended yet.' }];
  return [...pays(report), ...family(report), ...next(report), ...spread(report), ...laws(report), ...ranks(report), ...resolution(report)];
}

function pays({ advice }: StudyReport): Finding[] {
  const found = advice.regimes.map(regimeFinding);
  if (found.length === 0) found.push({ lead: 'Which dimension pays: not enough evidence.', text: advice.missing.length === 0 ? 'No regime has models that differ in depth alone and models that differ in width alone.' : '' });
  return [...found, ...advice.missing.map((text) => ({ text }))];
}

const where = ({ epochs, size }: RegimeAdvice): string => `At ${epochWords(epochs)}${size === undefined ? '' : ` and ${size} pixels`}`;

/** Which dimension pays in a regime, with the interval, or what is missing to tell. */
export function regimeFinding(advice: RegimeAdvice): Finding {
  const gains = (['depth', 'width', 'resolution'] as const).flatMap((dimension) => (advice[dimension] === undefined ? [] : [`${dimension} ${pointsWithInterval(advice[dimension])}`]));
  const said = [
    advice.missing,
    gains.length > 0 && `For each doubling of ${COST_WORDS[advice.cost].short}: ${words(gains)}.`,
    advice.difference !== undefined && `Depth less width: ${pointsWithInterval(advice.difference)}.`,
    advice.overfitting === 'yes' && 'Larger models over-fit here.',
    advice.overfitting === 'no' && 'Larger models do not over-fit here.',
  ].filter((text): text is string => typeof text === 'string');
  const lead = advice.pays === 'unknown' ? `${where(advice)}: not enough evidence.` : advice.pays === 'either' ? `${where(advice)}, depth and width pay alike within the noise.` : `${where(advice)}, scale ${advice.pays}.`;
  return { lead, text: said.join(' ') };
}

function family({ advice }: StudyReport): Finding[] {
  const [first, last] = [advice.family[0], advice.family.at(-1)];
  if (first === undefined || last === undefined) return [{ text: 'No family of models is proposed: the evidence is not enough.' }];
  return [{ text: `The proposed family has ${count(advice.family.length)} ${advice.family.length === 1 ? 'model' : 'models'}: ${words(advice.family.map(({ name }) => name))}.` }];
}

const next = ({ advice }: StudyReport): Finding[] => advice.next.slice(0, 1).map(({ what, seconds }) => ({ text: `To try next: ${what}${seconds === undefined ? '' : `, about ${time(seconds)}`}.` }));

function spread({ spreads }: StudyReport): Finding[] {
  const [widest] = [...spreads].sort((a, b) => b.difference.mean - a.difference.mean);
  if (widest === undefined) return [];
  const { text } = COST_WORDS.flops;
  return [{ text: `FLOPs alone do not decide: between ${text(widest.from)} and ${text(widest.to)} at ${epochWords(widest.epochs)}, ${count(widest.n)} configurations lie up to ${points(widest.difference.mean).replace('+', '')} apart.` }];
}

function laws({ powerLaws }: StudyReport): Finding[] {
  const said = powerLaws.flatMap(({ epochs, family: of, fit, break: broken }) => {
    if (fit === undefined) return [];
    const turn = broken === undefined ? 'no break found' : `${broken.direction} at ${COST_WORDS.flops.text(broken.flops)}`;
    return [`${fit.exponent.mean.toFixed(2)} at ${epochWords(epochs)}${of === undefined ? '' : ` for ${of}`} (${turn})`];
  });
  return said.length === 0 ? [] : [{ text: `The error of small models falls as a power of FLOPs, with the exponent −${said.join(', −')}.` }];
}

function ranks({ ranks: rows, inversions }: StudyReport): Finding[] {
  const rank = rows.filter(({ cost, against, tau }) => cost === 'flops' && against === 'trainStepMs' && tau !== undefined);
  const row = rank.find(({ family: of }) => of === undefined) ?? rank[0];
  if (row?.tau === undefined) return [];
  const interval = row.low === undefined || row.high === undefined ? '' : ` (${row.low.toFixed(2)} to ${row.high.toFixed(2)})`;
  const worst = inversions.find(({ cost, against }) => cost === 'flops' && against === 'trainStepMs');
  return [{ text: `FLOPs rank the time of training with Kendall's τ = ${row.tau.toFixed(2)}${interval}, where 1 is the same order${row.discordant === undefined ? '' : `; ${percent(row.discordant, 1)} of pairs are the wrong way round`}.${
    worst === undefined ? '' : ` At worst, ${worst.first} has ${worst.costRatio.toFixed(2)} times the FLOPs of ${worst.second} and takes ${worst.againstRatio.toFixed(2)} times as long.`}` }];
}

function resolution({ diminishing }: StudyReport): Finding[] {
  const longest = [...diminishing].sort((a, b) => b.epochs - a.epochs)[0];
  if (longest === undefined) return [];
  const { epochs, lower, upper, change } = longest;
  return [{ text: `Resolution, at ${epochWords(epochs)}: ${points(lower.mean)} for each doubling in the lower half of its steps, ${points(upper.mean)} in the upper half. Returns ${RETURNS[change.verdict]}.` }];
}
