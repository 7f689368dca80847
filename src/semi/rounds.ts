import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { BrokenPicture } from '../data/decoding/decode.js';
import { openPool } from '../data/pool.js';
import { readPixels } from '../data/sources/source.js';
import { lastName, writeFileAtomic } from '../files.js';
import { readManifest } from '../labels/format.js';
import { selectedFolder } from '../labels/select.js';
import { readSelection } from '../labels/selection.js';
import { Sidecar, UNREADABLE_CLASS } from '../labels/sidecar.js';
import type { MeasuredPart } from '../part-words.js';
import { bestRound } from '../report/rounds/best.js';
import type { RoundRow, ShownDisagreement } from '../report/rounds/report.js';
import { loadConfig } from '../run/config.js';
import { commandLine } from '../suggest.js';
import { thumbnail } from '../trained/shown.js';
import { labelsFolder, roundFolder, type SelfTrainPlan } from './rounds-plan.js';

/** What a round found. Shares are fractions. */
export interface Round extends RoundRow {
  /** The run folder. */
  folder: string;
  unlabelled?: RoundLabels;
}

export interface RoundLabels extends NonNullable<RoundRow['unlabelled']> {
  folder: string;
  /** Also the pictures on which the two teachers differ with the greatest confidence. */
  changed?: { pictures: number; of: number; worst: Disagreement[] };
}

/** A picture that two teachers call differently. */
export interface Disagreement {
  /** Place in the pool. */
  position: number;
  before: string;
  beforeProbability: number;
  now: string;
  nowProbability: number;
}

/** So many pictures are shown. */
const WORST = 24;

/** What is known of a round whose run is finished. */
export async function roundOf(out: string, round: number): Promise<Round> {
  const folder = roundFolder(out, round);
  const report = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')) as {
    top1: number;
    testImages: number;
    measured: MeasuredPart;
    validation?: Record<string, number>;
    model: string;
    size: number;
    trainImages: number;
    seconds: number;
  };
  const { top1, testImages, measured, validation, model, size, trainImages, seconds } = report;
  return {
    ...{ round, folder, model, size, top1, images: testImages, measured },
    ...(validation === undefined ? {} : { validation: { top1: validation['top1']!, images: validation['images']! } }),
    ...{ trainImages, seconds },
    ...(round === 0 ? {} : { unlabelled: await labelsOf(out, round) }),
  };
}

async function labelsOf(out: string, round: number): Promise<RoundLabels> {
  const folder = labelsFolder(out, round);
  const { pictures, unreadable, kept, drawn } = readSelection(selectedFolder(folder));
  const { confidence, changed } = await compared(folder, round > 1 ? labelsFolder(out, round - 1) : undefined);
  return {
    ...{ folder, pictures: pictures - unreadable, kept, drawn, confidence },
    ...(changed === undefined ? {} : { changed }),
  };
}

/** A folder of labels beside those of an earlier teacher, part by part. */
async function compared(
  labels: string,
  before: string | undefined,
): Promise<Pick<RoundLabels, 'confidence' | 'changed'>> {
  const [now, old] = [readManifest(labels), before === undefined ? undefined : readManifest(before)];
  let [sum, labelled, differ, both, position] = [0, 0, 0, 0, 0];
  let worst: Disagreement[] = [];
  for (const part of now.parts) {
    const own = Sidecar.open(labels, part, now.teacher.identity);
    const other = old && Sidecar.open(before!, part, old.teacher.identity);
    try {
      const [classOf, probability] = [own.classOf(), own.probability()];
      const [classBefore, probabilityBefore] = [other?.classOf(), other?.probability()];
      for (let row = 0; row < part.pictures; row++, position++) {
        if (classOf[row] === UNREADABLE_CLASS) continue;
        labelled++;
        sum += probability[row]!;
        if (classBefore === undefined || classBefore[row] === UNREADABLE_CLASS) continue;
        both++;
        const [name, nameBefore] = [now.classes[classOf[row]!]!, old!.classes[classBefore[row]!]!];
        if (name === nameBefore) continue;
        differ++;
        worst.push({
          position,
          ...{ before: nameBefore, beforeProbability: probabilityBefore![row]! },
          ...{ now: name, nowProbability: probability[row]! },
        });
      }
    } finally {
      own.close();
      other?.close();
    }
    worst = mostConfident(worst);
    await setImmediate();
  }
  return {
    confidence: sum / Math.max(1, labelled),
    ...(old === undefined ? {} : { changed: { pictures: differ, of: both, worst } }),
  };
}

/** Both teachers are sure. */
const sureness = ({ beforeProbability, nowProbability }: Disagreement): number =>
  Math.min(beforeProbability, nowProbability);

const mostConfident = (all: Disagreement[]): Disagreement[] =>
  all.sort((a, b) => sureness(b) - sureness(a) || a.position - b.position).slice(0, WORST);

/** Writes rounds.json and report.html. */
export async function writeRounds(out: string, plan: SelfTrainPlan, rounds: readonly Round[]): Promise<void> {
  writeFileAtomic(join(out, 'rounds.json'), `${JSON.stringify({ rounds }, null, 2)}\n`);
  const changed = rounds.findLast(({ unlabelled }) => unlabelled?.changed !== undefined)?.unlabelled?.changed;
  const { recipe } = loadConfig(rounds.at(-1)!.folder);
  const { renderRoundsPage } = await import('../report/rounds/report.js');
  writeFileAtomic(
    join(out, 'report.html'),
    renderRoundsPage({
      title: `${lastName(plan.data)}: ${rounds.length - 1} of ${plan.rounds} rounds of self-training`,
      data: lastName(plan.data),
      unlabelled: plan.unlabelled.map(lastName),
      of: plan.rounds,
      rounds,
      disagreements: await shownDisagreements(plan, changed?.worst ?? []),
      recipe: {
        ratio: recipe.values.unlabelledRatio,
        weight: recipe.values.unlabelledWeight,
        targets: recipe.values.unlabelledTargets,
        augment: recipe.values.augment,
      },
      generatedAt: new Date().toISOString(),
      commands: commandsOf(out, rounds),
    }),
  );
}

async function shownDisagreements(
  { unlabelled }: SelfTrainPlan,
  worst: readonly Disagreement[],
): Promise<ShownDisagreement[]> {
  if (worst.length === 0) return [];
  const pool = await openPool(unlabelled);
  const found: ShownDisagreement[] = [];
  for (const one of worst) {
    try {
      const picture = await thumbnail(await readPixels(pool.source, one.position, 64));
      found.push({ ...one, picture, source: pool.key(one.position) });
    } catch (error) {
      // It may have gone meanwhile.
      if (!(error instanceof BrokenPicture)) throw error;
    }
  }
  return found;
}

function commandsOf(out: string, rounds: readonly Round[]): { what: string; command: string }[] {
  const { folder } = bestRound(rounds);
  return [
    { what: 'Classify pictures with the best round', command: `rescaled predict ${commandLine([folder])} PICTURES...` },
    { what: 'Its own report', command: join(folder, 'report.html') },
    {
      what: 'More rounds: the same command with more',
      command: `rescaled self-train ... --rounds ${rounds.length + 1} -o ${out}`,
    },
  ];
}
