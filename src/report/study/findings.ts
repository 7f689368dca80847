import type { Metric } from '../../metric.js';
import { count, decimals } from '../draw/format.js';
import { measureOf } from '../draw/measure.js';
import { contrastOf, gainOf, nextName, overfits } from './advice.js';
import type { RegimeAdvice } from './analysis.js';
import type { StudyReport } from './data.js';
import { diminishingOf, RETURNS } from './resolution.js';
import {
  bestSoFar,
  COST_WORDS,
  changeWithInterval,
  epochWords,
  missingSentence,
  noFamily,
  time,
  trained,
  words,
} from './words.js';

/** A sentence to remember, and what it rests on. */
export interface Finding {
  lead?: string;
  text: string;
}

/** What a study says, in sentences that follow from its figures alone; the most useful first. */
export function studyFindings(report: StudyReport): Finding[] {
  if (trained(report).length === 0) return [{ text: 'No trial has ended yet.' }];
  return [
    ...report.advice.regimes.map((regime) => regimeFinding(regime, report.metric)),
    ...family(report),
    ...next(report),
    ...spread(report),
    ...laws(report),
    ...ranks(report),
    ...resolution(report),
  ];
}

/** Which dimension pays in a regime, with the intervals, or what is missing to tell. */
export function regimeFinding(advice: RegimeAdvice, metric: Metric): Finding {
  const measure = measureOf(metric);
  const where = `At ${epochWords(advice.epochs)}`;
  const gains = (['depth', 'width', 'resolution'] as const).flatMap((dimension) => gainOf(advice, dimension) ?? []);
  const gained = gains.map(({ dimension, perDoubling }) => `${dimension} ${changeWithInterval(measure, perDoubling)}`);
  const difference = contrastOf(advice, 'depth', 'width')?.difference;
  const over = overfits(advice);
  const said = [
    gains.length > 0 && `For each doubling of ${COST_WORDS[gains[0]!.cost].short}: ${words(gained)}.`,
    difference !== undefined && `Depth less width: ${changeWithInterval(measure, difference)}.`,
    over.judged > 0 &&
      (over.overfits > 0
        ? `Larger models over-fit in ${over.overfits} of ${over.judged} pairs of neighbours.`
        : 'No larger neighbour over-fits.'),
    ...(advice.pays === 'not enough evidence' || advice.pays === 'undecided'
      ? advice.missing.filter(({ kind }) => kind !== 'trials').map(missingSentence)
      : []),
  ].filter((text): text is string => typeof text === 'string');
  return { lead: LEADS[advice.pays]?.(where, advice) ?? `${where}, scale ${advice.pays}.`, text: said.join(' ') };
}

const LEADS: Partial<Record<RegimeAdvice['pays'], (where: string, advice: RegimeAdvice) => string>> = {
  'not enough evidence': (where) => `${where}: not enough evidence.`,
  none: (where) => `${where}, no dimension gains beyond noise.`,
  undecided: (where, { among }) => `${where}, ${words(among)} cannot be told apart.`,
};

function family(report: StudyReport): Finding[] {
  const { advice } = report;
  const members = advice.full?.family.members ?? [];
  if (members.length === 0) {
    const best = bestSoFar(report);
    return [{ text: noFamily(report) }, ...(best === undefined ? [] : [{ text: best }])];
  }
  return [
    {
      lead:
        members.length === 1
          ? 'The proposed family has one model.'
          : `The proposed family has ${count(members.length)} models.`,
      text: `Smallest to largest: ${words(members.map(({ name }) => name))}.`,
    },
  ];
}

const next = ({ advice }: StudyReport): Finding[] =>
  advice.next.slice(0, 1).map((one) => ({
    lead: 'To try next:',
    text: `${nextName(one)}, ${epochWords(one.epochs)}${
      one.seconds === undefined ? '' : `, about ${time(one.seconds)} of training`
    }.`,
  }));

function spread({ powerLaws, metric }: StudyReport): Finding[] {
  const [widest] = powerLaws
    .flatMap(({ epochs, spread: stretches }) =>
      stretches.slice(0, 1).map((one) => ({ epochs, ...one, apart: one.worst.error - one.best.error })),
    )
    .sort((a, b) => b.ratio - a.ratio);
  if (widest === undefined) return [];
  const { text } = COST_WORDS.flops;
  const where = widest.epochs === undefined ? '' : ` at ${epochWords(widest.epochs)}`;
  return [
    {
      text:
        `FLOPs alone do not decide: between ${text(widest.lowFlops)} and ${text(widest.highFlops)}${where}, ` +
        `${count(widest.n)} configurations lie up to ${measureOf(metric).distance(widest.apart)} apart.`,
    },
  ];
}

function laws({ powerLaws }: StudyReport): Finding[] {
  const said = powerLaws.flatMap(({ epochs, exponent, break: broken }) => {
    if (exponent === undefined) return [];
    const turn =
      broken === undefined ? 'no break seen' : `${broken.direction} at ${COST_WORDS.flops.text(broken.flops)}`;
    return [
      `${decimals(-exponent.mean)} ${epochs === undefined ? 'over all regimes' : `at ${epochWords(epochs)}`} (${turn})`,
    ];
  });
  return said.length === 0
    ? []
    : [{ text: `The error of small models goes as a power of FLOPs, with the exponent ${said.join(', ')}.` }];
}

function ranks({ ranks: rows }: StudyReport): Finding[] {
  const row = rows.find(({ a, b }) => a === 'flops' && b === 'trainStepMs');
  if (row?.tau === undefined) return [];
  const { value, low, high } = row.tau;
  const interval = low === undefined || high === undefined ? '' : ` (${decimals(low)} to ${decimals(high)})`;
  const [worst] = row.inversions;
  return [
    {
      text:
        `FLOPs rank ${COST_WORDS.trainStepMs.short} with Kendall's τ = ${decimals(value)}${interval}, ` +
        `where 1 is the same order.${
          worst === undefined
            ? ''
            : ` At worst, ${worst.more} has ${decimals(worst.aRatio)} times the FLOPs of ${worst.less} ` +
              `and takes ${decimals(1 / worst.bRatio)} times as long.`
        }`,
    },
  ];
}

function resolution(report: StudyReport): Finding[] {
  const longest = [...diminishingOf(report)].sort((a, b) => b.epochs - a.epochs)[0];
  if (longest?.lower === undefined || longest.upper === undefined) return [];
  const { epochs, lower, upper, change } = longest;
  const measure = measureOf(report.metric);
  return [
    {
      text:
        `Resolution, at ${epochWords(epochs)}: ${measure.change(lower.mean)} for each doubling in the lower half ` +
        `of its steps, ${measure.bare(upper.mean)} in the upper half. Returns ${RETURNS[change.verdict]}.`,
    },
  ];
}
