import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { checkOptions, wholeOption } from '../checks.js';
import { UsageError } from '../errors.js';
import { makeFolder, writeFileAtomic } from '../files.js';
import { coins } from './coin.js';
import { BINS, binOf, classCount, countParts, type LabelCounts } from './counts.js';
import { type LabelledPart, type Manifest, manifestFile, partsFolder, readManifest } from './format.js';
import { balanceClass, checkRule, copiesOf, defaultPerClass, FLOOR, type SelectRule } from './rule.js';
import {
  isSelection,
  labelsFrom,
  type SelectedClass,
  type Selection,
  selectionFile,
  writeSelectedPart,
} from './selection.js';
import { Sidecar } from './sidecar.js';

export interface SelectOptions {
  /** A folder of labels. */
  labels: string;
  /** LABELS/selected by default. */
  out?: string | undefined;
  /** Noisy Student's by default. */
  rule?: SelectRule | undefined;
  /** Of the coins for part of a copy. */
  seed?: number | undefined;
  /** Replace a selection that is there. */
  force?: boolean | undefined;
}

/** Parts that were read, of all that are read in the whole selection. */
export interface SelectEvent {
  type: 'part';
  done: number;
  of: number;
}

/** The folder of a selection by default. */
export const selectedFolder = (labels: string): string => join(labels, 'selected');

/** How a class is selected: pictures above a probability `c` times each, those that have exactly it `ties` times. */
interface Cut {
  /** As it is told: null where nothing is kept. */
  threshold: number | null;
  above: number;
  copies: number;
  /** How many copies of this picture are expected. */
  of(probability: number): number;
}

/**
 * Selects pseudo-labels and writes which, and how often each is drawn. The labels are read part by part, twice: once to count,
 * once to write; memory does not grow with their number, but for the rule of a share, which keeps 4 bytes a picture.
 * @throws UsageError when labels are missing, or there is something at `out`
 */
export async function* selectLabels(options: SelectOptions): AsyncGenerator<SelectEvent, Selection> {
  checkOptions(
    'selectLabels',
    options,
    { labels: 'path', out: 'path', rule: 'object', seed: 'number', force: 'flag' },
    ['labels'],
  );
  const { labels, out = selectedFolder(labels), rule = { name: 'balance' }, seed = 0, force = false } = options;
  checkRule(rule);
  wholeOption('--seed', seed, 0, Number.MAX_SAFE_INTEGER);
  if (isSelection(labels) && !existsSync(manifestFile(labels)))
    throw new UsageError(
      `Expected a folder of labels but ${labels} is a selection. Give the folder that it was made of.`,
    );
  const manifest = readManifest(labels);
  const { parts, classes, teacher } = manifest;
  checkMissing(labels, manifest);
  checkOut(labels, out, force);

  const passes = rule.name === 'share' ? 3 : 2;
  const progress = progressOf(passes * parts.length);
  const counts = yield* progress.told(countParts(labels, manifest));

  const { cuts, told } =
    rule.name === 'share'
      ? { cuts: yield* shareCuts(labels, manifest, counts, rule.share, progress), told: rule }
      : rule.name === 'threshold'
        ? { cuts: thresholdCuts(manifest, rule.threshold), told: rule }
        : balanceCuts(manifest, counts, rule);

  rmSync(selectionFile(out), { force: true });
  rmSync(partsFolder(out), { recursive: true, force: true });
  makeFolder(out);
  mkdirSync(partsFolder(out), { recursive: true });

  const coin = coins(seed);
  const found: SelectedClass[] = classes.map((name, label) => ({
    name,
    pictures: classCount(counts, label),
    threshold: cuts[label]!.threshold,
    above: 0,
    copies: cuts[label]!.copies,
    kept: 0,
    drawn: 0,
  }));
  const kept = new Array<number>(BINS).fill(0);
  for (const part of parts) {
    const sidecar = Sidecar.open(labels, part, teacher.identity);
    try {
      const [classOf, probability] = [sidecar.classOf(), sidecar.probability()];
      let keys: ReturnType<Sidecar['keys']> | undefined;
      const rows = new Int32Array(part.pictures);
      const copies = new Int32Array(part.pictures);
      let n = 0;
      for (let row = 0; row < part.pictures; row++) {
        const label = classOf[row]!;
        if (label < 0) continue;
        const expected = cuts[label]!.of(probability[row]!);
        if (expected === 0) continue;
        const own = found[label]!;
        own.above++;
        const count = copiesOf(expected, () => coin((keys ??= sidecar.keys())(row)));
        if (count === 0) continue;
        rows[n] = row;
        copies[n++] = count;
        own.kept++;
        own.drawn += count;
        kept[binOf(probability[row]!)]!++;
      }
      writeSelectedPart(out, teacher.identity, part, { rows: rows.subarray(0, n), copies: copies.subarray(0, n) });
    } finally {
      sidecar.close();
    }
    yield progress.next();
    await setImmediate();
  }
  // Where nothing was kept there is nothing to say of it.
  for (const one of found) if (one.above === 0) [one.threshold, one.copies] = [null, 0];
  const sum = (of: (one: SelectedClass) => number): number => found.reduce((total, one) => total + of(one), 0);
  const selection: Selection = {
    format: 1,
    kind: 'selection',
    labels: labelsFrom(out, labels),
    teacher: teacher.identity,
    rule: told,
    seed,
    pictures: counts.pictures,
    unreadable: counts.unreadable,
    kept: sum((one) => one.kept),
    drawn: sum((one) => one.drawn),
    classes: found,
    histogram: {
      pictures: Array.from({ length: BINS }, (_, bin) =>
        classes.reduce((total, _, label) => total + counts.bins[label * BINS + bin]!, 0),
      ),
      kept,
    },
    selectedAt: new Date().toISOString(),
  };
  writeFileAtomic(selectionFile(out), `${JSON.stringify(selection, null, 1)}\n`);
  return selection;
}

/** How much was read, as events. */
function progressOf(of: number) {
  let done = 0;
  const next = (): SelectEvent => ({ type: 'part', done: ++done, of });
  return {
    next,
    /** An event for each turn of other work. */
    async *told<T>(work: AsyncGenerator<unknown, T>): AsyncGenerator<SelectEvent, T> {
      for (;;) {
        const turn = await work.next();
        if (turn.done === true) return turn.value;
        yield next();
      }
    },
  };
}

function checkMissing(labels: string, { parts }: Manifest): void {
  const missing = parts.filter(({ name }) => !Sidecar.isThere(labels, name)).map(({ name }) => name);
  if (missing.length === 0) return;
  throw new UsageError(
    `Expected the labels of all ${parts.length} parts in ${labels} but ${missing.length} are missing: ` +
      `${missing.slice(0, 5).join(', ')}${missing.length > 5 ? ', ...' : ''}. Go on with the same "rescaled pseudo-label" command first.`,
  );
}

function checkOut(labels: string, out: string, force: boolean): void {
  if (resolve(out) === resolve(labels) || existsSync(manifestFile(out)))
    throw new UsageError(
      `Expected a folder of its own for the selection but ${out} holds labels. Choose another --out.`,
    );
  if (isSelection(out) && !force)
    throw new UsageError(`${out} holds a selection already. --force replaces it; -o FOLDER keeps both.`);
  if (isSelection(out) || !existsSync(out)) return;
  // What an interrupted selection leaves.
  const other = readdirSync(out).filter((name) => !/^(\..*|parts|index\.html)$/.test(name));
  if (other.length > 0)
    throw new UsageError(
      `Expected a new folder for --out but ${out} holds something else (${other.slice(0, 3).join(', ')}). Choose another.`,
    );
}

function balanceCuts(
  { classes }: Manifest,
  counts: LabelCounts,
  rule: Extract<SelectRule, { name: 'balance' }>,
): { cuts: Cut[]; told: Selection['rule'] } {
  const { floor = FLOOR, copies = 'balanced', mostCopies } = rule;
  const floorBin = Math.round(floor * BINS);
  const perClass = rule.perClass ?? defaultPerClass(counts, classes.length, floorBin);
  const cuts = classes.map((_, label): Cut => {
    const own = counts.bins.subarray(label * BINS, (label + 1) * BINS);
    const { bin, above, copies: expected } = balanceClass(own, perClass, floorBin, { copies, mostCopies });
    return {
      threshold: above === 0 ? null : bin / BINS,
      above,
      copies: expected,
      of: (probability) => (binOf(probability) >= bin ? expected : 0),
    };
  });
  return {
    cuts,
    told: { name: 'balance', floor, perClass, copies, ...(mostCopies === undefined ? {} : { mostCopies }) },
  };
}

const thresholdCuts = ({ classes }: Manifest, threshold: number): Cut[] =>
  classes.map(() => {
    // As probabilities are kept: 0.8 is to take the float32 that is written 0.8.
    const least = Math.fround(threshold);
    return { threshold, above: 0, copies: 1, of: (probability) => (probability >= least ? 1 : 0) };
  });

/** The probability that cuts off a class's most probable share; of pictures that have exactly it, coins take as many as are wanted. */
async function* shareCuts(
  labels: string,
  { parts, classes, teacher }: Manifest,
  counts: LabelCounts,
  share: number,
  progress: ReturnType<typeof progressOf>,
): AsyncGenerator<SelectEvent, Cut[]> {
  const ends: number[] = [];
  for (let label = 0; label < classes.length; label++) ends.push((ends.at(-1) ?? 0) + classCount(counts, label));
  const all = new Float32Array(counts.pictures);
  const at = classes.map((_, label) => ends[label - 1] ?? 0);
  for (const part of parts) {
    collect(labels, part, teacher.identity, (label, probability) => {
      all[at[label]!++] = probability;
    });
    yield progress.next();
    await setImmediate();
  }
  return classes.map((_, label): Cut => {
    const own = all.subarray(ends[label - 1] ?? 0, ends[label]).sort();
    const wanted = Math.round(share * own.length);
    if (wanted === 0) return { threshold: null, above: 0, copies: 0, of: () => 0 };
    const cut = own[own.length - wanted]!;
    const higher = own.length - (own.findLastIndex((p) => p <= cut) + 1);
    const equal = own.length - higher - own.findIndex((p) => p >= cut);
    const ofEqual = (wanted - higher) / equal;
    return {
      threshold: cut,
      above: wanted,
      copies: 1,
      of: (probability) => (probability > cut ? 1 : probability === cut ? ofEqual : 0),
    };
  });
}

function collect(
  labels: string,
  part: LabelledPart,
  teacher: string,
  take: (label: number, probability: number) => void,
): void {
  const sidecar = Sidecar.open(labels, part, teacher);
  try {
    const [classOf, probability] = [sidecar.classOf(), sidecar.probability()];
    for (let row = 0; row < part.pictures; row++) if (classOf[row]! >= 0) take(classOf[row]!, probability[row]!);
  } finally {
    sidecar.close();
  }
}
