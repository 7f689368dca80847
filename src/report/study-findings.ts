import { count, percent, points } from './format.js';
import type { RegimeAdvice, StudyReport } from './study-data.js';
import { medianSteps } from './study-resolution.js';
import { bare, COST_WORDS, epochWords, pointsWithInterval, resolutions, words } from './study-words.js';

/** What a study says, in sentences that follow from its figures alone; the most useful first. */
export function studyFindings(report: StudyReport): string[] {
  if (report.configurations.every(({ top1 }) => top1 === undefined)) return ['No trial has ended yet.'];
  return [...report.advice.regimes.map(regimeSentence), ...missing(report), ...family(report), ...spread(report), ...laws(report), ...ranks(report), ...resolution(report)];
}

const where = ({ epochs, size }: RegimeAdvice): string => `At ${epochWords(epochs)}${size === undefined ? '' : ` and ${size} pixels`}`;

/** Which dimension pays in a regime, with the interval, or what is missing to tell. */
export function regimeSentence(advice: RegimeAdvice): string {
  const { pays, depth, width, difference, cost, overfitting, missing: why } = advice;
  const gains = [depth === undefined ? [] : [`depth ${pointsWithInterval(depth)}`], width === undefined ? [] : [`width ${pointsWithInterval(width)}`]].flat();
  const each = gains.length === 0 ? '' : ` For each doubling of ${COST_WORDS[cost].short}: ${words(gains)}.`;
  const apart = difference === undefined ? '' : ` Depth less width: ${pointsWithInterval(difference)}.`;
  const fits = overfitting === undefined || overfitting === 'unknown' ? '' : overfitting === 'yes' ? ' Larger models over-fit here.' : ' Larger models do not over-fit here.';
  if (pays === 'unknown') return `${where(advice)}: not enough evidence.${why === undefined ? '' : ` ${why}`}${each}`;
  if (pays === 'either') return `${where(advice)}, depth and width pay alike within the noise.${each}${apart}${fits}`;
  return `${where(advice)}, scale ${pays}.${each}${apart}${fits}`;
}

const missing = ({ advice }: StudyReport): string[] => [...advice.missing];

function family({ advice }: StudyReport): string[] {
  const [first, last] = [advice.family[0], advice.family.at(-1)];
  if (first === undefined || last === undefined) return ['No family of models is proposed: the evidence is not enough.'];
  return [`The proposed family has ${advice.family.length} ${advice.family.length === 1 ? 'model' : 'models'}, ${first === last ? first.name : `from ${first.name} to ${last.name}`}.`];
}

function spread({ spreads }: StudyReport): string[] {
  const [widest] = [...spreads].sort((a, b) => b.difference.mean - a.difference.mean);
  if (widest === undefined) return [];
  const { text } = COST_WORDS.flops;
  return [`FLOPs alone do not decide: between ${text(widest.from)} and ${text(widest.to)} FLOPs at ${epochWords(widest.epochs)}, ${count(widest.n)} configurations lie up to ${points(widest.difference.mean).replace('+', '')} apart.`];
}

function laws({ powerLaws }: StudyReport): string[] {
  return powerLaws.flatMap(({ epochs, family: of, fit, breakAt }) => (fit === undefined ? [] : [
    `At ${epochWords(epochs)}${of === undefined ? '' : ` (${of})`}, the error of small models falls as FLOPs to the power of −${fit.exponent.mean.toFixed(2)}${
      breakAt === undefined ? '; no break of this line was found' : `, until ${COST_WORDS.flops.text(breakAt)} FLOPs: beyond, larger models gain less than the line says`}.`]));
}

function ranks({ ranks: rows, inversions }: StudyReport): string[] {
  const row = rows.find(({ cost, against, family: of }) => cost === 'flops' && against === 'trainStepMs' && of === undefined) ?? rows.find(({ cost, against }) => cost === 'flops' && against === 'trainStepMs');
  if (row === undefined) return [];
  const interval = row.low === undefined || row.high === undefined ? '' : ` (95\u00a0% interval ${row.low.toFixed(2)} to ${row.high.toFixed(2)})`;
  const worst = inversions.find(({ cost, against }) => cost === 'flops' && against === 'trainStepMs');
  return [`FLOPs rank the time of a training step with τ = ${row.tau.toFixed(2)}${interval}${row.discordant === undefined ? '' : `: ${percent(row.discordant, 1)} of pairs are the wrong way round`}.${
    worst === undefined ? '' : ` At worst, ${worst.first} has ${worst.costRatio.toFixed(2)} times the FLOPs of ${worst.second} and takes ${worst.againstRatio.toFixed(2)} times as long.`}`];
}

function resolution(report: StudyReport): string[] {
  if (resolutions(report).length < 2) return [];
  const steps = medianSteps(report.resolutionGains);
  const longest = steps.at(-1)?.epochs;
  const own = steps.filter(({ epochs }) => epochs === longest);
  const [first, last] = [own[0], own.at(-1)];
  if (first === undefined || last === undefined || longest === undefined) return [];
  const said = (step: typeof first): string => `${bare(step.median)} from ${step.from} to ${step.to} pixels`;
  return [`A doubling of cost that goes into resolution gains, in points (median of the models, ${epochWords(longest)}): ${first === last ? said(first) : `${said(first)}, ${said(last)}`}.`];
}
