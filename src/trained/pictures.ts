import { join, relative, resolve, sep } from 'node:path';
import { withoutPictures } from '../data/check/copies.js';
import type { Dataset, PartName } from '../data/dataset.js';
import { pathsOf, type Source, subset } from '../data/sources/source.js';
import { RescaledError, UsageError } from '../errors.js';
import { isAddress, placeOf } from '../files.js';
import { type MeasuredPart, passedOverText, picturesOf } from '../part-words.js';
import { loadConfig, type RunConfig } from '../run/config.js';
import { loadPictures, type RunPictures } from '../run/pictures.js';
import { commandLine } from '../suggest.js';
import { asRunData, learnedFrom, type Task } from '../train/index.js';
import type { LoadedModel } from './load.js';

/** What a model is measured on. */
export interface Pictures {
  dataset: Dataset;
  part: MeasuredPart;
  /** Where they lie. */
  path: string;
  /** What is to be known of them. */
  notes: string[];
}

/** More than this share of a run's pictures in a folder: it is the folder of its training. */
const SAME = 0.5;

/**
 * The pictures to measure a model on: of the data of its training those that it did not learn from, of other data all
 * (or its test part), or the part that was asked for.
 */
export async function picturesFor(
  loaded: Pick<LoadedModel, 'task' | 'data' | 'run' | 'path'>,
  { data, split, maxBroken: allowed }: { data?: string; split?: PartName; maxBroken?: number },
): Promise<Pictures> {
  const { task, data: own, run } = loaded;
  const config = run === undefined ? undefined : loadConfig(run);
  // Of its own data a run has told what is broken.
  const maxBroken = allowed ?? (data === undefined ? config?.maxBroken : undefined);
  const path = data ?? config?.data.path;
  if (path === undefined) throw new UsageError(`Expected the data to measure on: rescaled eval ${loaded.path} DATA.`);
  const named = (dataset: Dataset, part: MeasuredPart, notes: readonly string[]): Pictures => {
    const over = passedOverText(dataset.ignoredEndings);
    return { dataset, part, path, notes: [...dataset.notes, ...notes, ...(over === undefined ? [] : [over])] };
  };

  const target = run === undefined || /\.onnx$/i.test(loaded.path) ? loaded.path : run;
  const elsewhere = `If it lies elsewhere now: rescaled eval ${commandLine([target])} FOLDER.`;
  const open: Task['openData'] = (...asked) =>
    data === undefined ? asRunData(path, () => task.openData(...asked), { how: elsewhere }) : task.openData(...asked);

  const trained =
    own === undefined ? undefined : await asTrained(open, own, path, { split, maxBroken, must: data === undefined });
  if (trained !== undefined && trained.fingerprint === own!.fingerprint) {
    const part = split ?? (trained.test === undefined ? trained.measured : 'test');
    const source = part === 'train' ? learnedIn(trained, config) : partOf(trained, part);
    if (source === undefined)
      throw new UsageError(
        `Expected a ${part} part in ${path} but the run has ${partsOf(trained).join(', ')}. Choose one of them.`,
      );
    const limit = part === 'test' && trained.test !== undefined ? undefined : own!.limitVal;
    if (data !== undefined || limit === undefined || limit >= source.length || part === 'train')
      return named({ ...trained, val: source }, part, part === 'train' ? [LEARNED + leftOutIn(config)] : []);
    // The figure of the run's report comes from so many.
    const { seed, valSplit } = own!;
    const limited = await open(path, { need: 'val', seed, valSplit, limitVal: limit, maxBroken });
    return named(limited, part, [
      `these are the ${picturesOf(part, limit)} that the training was limited to (--limit-val); ` +
        `rescaled eval ${run ?? loaded.path} ${path} measures all ${source.length}`,
    ]);
  }

  const known = run === undefined ? undefined : loadPictures(run);
  const atHome = data === undefined || (config !== undefined && placeOf(data) === placeOf(config.data.path));
  if (known !== undefined) {
    const every = await tolerant(() => open(path, { need: 'val', take: 'every', maxBroken }), atHome);
    const again = every === undefined ? undefined : foundAgain(every, known, split, atHome, path);
    if (again !== undefined) return named({ ...every!, val: again.val }, again.part, again.notes);
  } else if (atHome && trained !== undefined && trained.split === undefined) {
    const part = split ?? (trained.test === undefined ? trained.measured : 'test');
    const source = partOf(trained, part);
    if (source !== undefined)
      return named({ ...trained, val: source }, part, [
        `${path} has changed since the training: its ${part} part is measured as it is now`,
      ]);
  }
  if (atHome)
    throw new RescaledError(
      `Expected the data that the model was trained on, but ${path} has changed since: ` +
        'its test pictures may be others, training pictures among them. Name other data to measure on, or put it back.',
    );
  const dataset = await open(path, { need: 'val', take: split ?? 'all', maxBroken });
  const learned = config === undefined ? 0 : overlap(dataset.val, known, path, config.data.path);
  const notes = learned === 0 ? [] : [`${learned} of the ${dataset.val.length} pictures were trained on: ${FLATTERED}`];
  return named(dataset, dataset.measured, notes);
}

const FLATTERED = 'the figures say little of new pictures';
const LEARNED = `these are the pictures that were trained on: ${FLATTERED}`;

/** The training pictures that the run learned from: without those that it left out, or set aside to choose its epoch by. */
const learnedIn = (dataset: Dataset, config: RunConfig | undefined): Source | undefined =>
  config === undefined ? dataset.train : learnedFrom(config, withoutPictures(dataset, config.leftOut)).train;

/** In words, of a run that left some out. */
function leftOutIn(config: RunConfig | undefined): string {
  const found = Object.entries(config?.leftOut ?? {}).filter(([, paths]) => paths.length > 0);
  const count = found.reduce((sum, [, paths]) => sum + paths.length, 0);
  if (count === 0) return '';
  return `; ${picturesOf('train', count)} that it left out (--leave-out ${found.map(([kind]) => kind).join(',')}) are not among them`;
}

/** The data as a training with the run's seed and split sees it. */
function asTrained(
  open: Task['openData'],
  { seed, valSplit, limitTrain: own }: NonNullable<LoadedModel['data']>,
  path: string,
  { split, maxBroken, must }: { split: PartName | undefined; maxBroken: number | undefined; must: boolean },
): Promise<Dataset | undefined> {
  const need = split === 'train' ? 'both' : 'val';
  const limitTrain = split === 'train' ? own : undefined;
  return tolerant(() => open(path, { need, seed, valSplit, limitTrain, maxBroken }), must);
}

/** Other data need not be laid out as for a training. */
async function tolerant(open: () => Promise<Dataset>, must: boolean): Promise<Dataset | undefined> {
  try {
    return await open();
  } catch (error) {
    if (!must && error instanceof UsageError) return undefined;
    throw error;
  }
}

function partOf({ train, val, test, measured }: Dataset, part: MeasuredPart): Source | undefined {
  if (part === measured) return val;
  return part === 'train' ? train : part === 'test' ? test : undefined;
}

function partsOf({ test, measured }: Dataset): string[] {
  return ['train', measured, ...(test ? ['test'] : [])];
}

/** The run's own pictures in a folder that has changed: those of its list that are still there. */
function foundAgain(
  { val: every }: Dataset,
  known: RunPictures,
  split: PartName | undefined,
  atHome: boolean,
  path: string,
): { val: Source; part: MeasuredPart; notes: string[] } | undefined {
  const paths = pathsOf(every);
  if (paths === undefined) return undefined;
  const there = new Map(paths.map((name, i) => [name, i]));
  const all = [...known.train, ...known.val, ...known.test];
  const still = all.filter((name) => there.has(name)).length;
  if (!atHome && still < SAME * all.length) return undefined;
  const part = split ?? (known.test.length > 0 ? 'test' : 'val');
  const wanted = known[part];
  const chosen = wanted.flatMap((name) => there.get(name) ?? []);
  if (chosen.length === 0) return undefined;
  const gone = wanted.length - chosen.length;
  const added = paths.length - still;
  const changes = [
    ...(added > 0 ? [`${picturesOf('all', added)} more`] : []),
    ...(gone > 0 ? [`${gone} of its ${picturesOf(part, wanted.length)} ${gone === 1 ? 'is' : 'are'} gone`] : []),
  ];
  const what = changes.length > 0 ? changes.join(', ') : 'the files have other sizes, or training pictures are gone';
  const which =
    part === 'train'
      ? LEARNED
      : `measured are the ${picturesOf(part, chosen.length)} of the training that are still there`;
  return { val: subset(every, chosen), part, notes: [`${path} has changed since the training (${what}): ${which}`] };
}

/** How many of the pictures lie where pictures lay that the run learned from. */
function overlap(source: Source, known: RunPictures | undefined, path: string, home: string): number {
  const inside = relative(resolve(home), resolve(path));
  if (
    known === undefined ||
    isAddress(path) ||
    isAddress(home) ||
    inside.startsWith('..') ||
    resolve(inside) === inside
  )
    return 0;
  const learned = new Set(known.train);
  const names = pathsOf(source) ?? [];
  return names.filter((name) => learned.has(join(inside, name).split(sep).join('/'))).length;
}
