import { join, resolve } from 'node:path';
import { UsageError } from '../../errors.js';
import { plural } from '../../suggest.js';
import type { Dataset, DatasetOptions } from '../dataset.js';
import { BrokenPicture, sidesOf } from '../decoding/decode.js';
import type { PartName } from '../parts.js';
import { quoted } from '../sources/class-folders.js';
import { PathTable } from '../sources/path-table.js';
import { shared, type Truth } from '../sources/truth.js';
import { byName, type FoundFile, findFiles, isPictureName, othersText } from '../sources/walk.js';
import { openCocoMasks } from './coco-masks.js';
import { buildDataset, type ChosenParts, chooseParts, pictureList } from './dataset.js';
import { classFile, isVoid, type ListedClass, readClassList } from './files/class-list.js';
import { readLists } from './files/lists.js';
import { depthProblem, MOST_CLASSES, maskProblem, maskRule, readMask } from './files/map-file.js';
import { type PngHead, pngHeadOf } from './files/png.js';
import { bareStem, partOfPath, roleOf } from './names.js';
import { Claims, PictureNames } from './pictures.js';
import { type Problem, problemNotes, refuseProblems } from './problems.js';
import { isAnnotated } from './which.js';

export interface SegmentationOptions extends DatasetOptions {
  /** Names of the classes, in the order of their numbers. Default: those of a list of classes, such as classes.txt. */
  classes?: readonly string[];
  /** Numbers of pixels that are not asked for. Default 255, and those that the list of classes calls void, unlabelled or the like. */
  ignore?: readonly number[];
}

export interface DepthOptions extends DatasetOptions {
  /** Numbers of a metre. Default 1000: millimetres. */
  depthScale?: number;
  /** Numbers that say that there is no reading. Default 0 and 65535. */
  depthInvalid?: readonly number[];
}

/** Pictures with a map each. */
export interface MapData extends Dataset {
  /** What was left out. */
  readonly problems: readonly Problem[];
}

/** A picture and its map. */
interface Paired {
  readonly file: FoundFile;
  readonly map: FoundFile;
  readonly part?: PartName;
}

/** Of more pictures than this the heads are read of so many, evenly taken; the loader compares the others as it reads them. */
const MOST_HEADS = 5000;
/** Masks that are read to learn of their numbers: where no list names the classes, and where one does. */
const [MOST_READ, FEW_READ] = [2000, 64];
/** Files read at a time. */
const AT_ONCE = 12;

/** Maps of a kind are where they are, and in these words. */
const KINDS = {
  mask: {
    what: 'masks',
    example: 'train/1.jpg beside trainannot/1.png, or images/1.jpg beside masks/1.png',
    problem: maskProblem,
  },
  depth: {
    what: 'depth maps',
    example: 'frame-1.color.jpg beside frame-1.depth.png, or images/1.jpg beside depth/1.png',
    problem: depthProblem,
  },
} as const;

/**
 * Opens pictures with masks: a class a pixel, as a PNG of 8 bits beside each picture. Parts are those of the lists in
 * `ImageSets/Segmentation`, else of the folders' names; see `openDetection`.
 * @throws UsageError where there are none; RescaledError when more is wrong than `maxBroken` allows
 */
export async function openSegmentation(path: string, options: SegmentationOptions = {}): Promise<MapData> {
  const root = resolve(path);
  const walked = await findFiles(root, isAnnotated);
  if (!walked.files.some((one) => isMap(one, 'mask'))) {
    const drawn = await openCocoMasks(root, walked, options);
    if (drawn !== undefined) return drawn;
  }
  const found = await paired(root, 'mask', walked, options);
  const file = options.classes === undefined ? classFile(found.texts) : undefined;
  const listed =
    options.classes?.map((name, value) => ({ name, value })) ??
    (file === undefined ? undefined : await readClassList(root, file));
  const ignored = (options.ignore ?? [255]).map((value) => ({ name: '', value }));
  const taken = new Set(ignored.map(({ value }) => value));
  let classes: readonly ListedClass[];
  if (listed === undefined) classes = await numbersIn(root, found.pictures, taken);
  else classes = listed.filter(({ name, value }) => !isVoid(name) && !taken.has(value));
  const voids = (listed ?? []).filter((one) => !classes.includes(one));
  if (classes.length === 0 || classes.length > MOST_CLASSES)
    throw new UsageError(
      `Expected 1 to ${MOST_CLASSES} classes in the masks of ${root} but found ${classes.length}. Check the list of classes.`,
    );
  const rule = maskRule(classes, [...ignored, ...voids]);
  const wrong =
    listed === undefined
      ? []
      : await unreadable(root, found.pictures, (one) => readMask(join(root, one.map.path), rule));
  const from = file ?? (options.classes === undefined ? undefined : 'the given classes');
  const notes = [
    ...(from === undefined
      ? [
          `no list names the classes of the masks: ${plural(classes.length, 'class', 'classes')} by their numbers; classes.txt can name them`,
        ]
      : []),
    ...(voids.length > 0 && file !== undefined
      ? [`${quoted(voids.map(({ name }) => name))} of ${file} is not asked for`]
      : []),
  ];
  return assemble(root, found, wrong, notes, options, {
    classes: classes.map(({ name }) => name),
    truth: (paths) => ({
      kind: 'masks',
      paths,
      table: shared(Uint8Array, rule.table),
      ...(rule.colours && { colours: rule.colours }),
    }),
  });
}

/**
 * Opens pictures with depth maps: PNG of 16 bits beside each picture; see `openSegmentation`.
 * @throws UsageError where there are none; RescaledError when more is wrong than `maxBroken` allows
 */
export async function openDepth(path: string, options: DepthOptions = {}): Promise<MapData> {
  const { depthScale: scale = 1000, depthInvalid: invalid = [0, 65535] } = options;
  if (!(scale > 0 && Number.isFinite(scale)))
    throw new UsageError(`Expected a number above 0 for depthScale, numbers of a metre, but received ${scale}.`);
  const root = resolve(path);
  const found = await paired(root, 'depth', await findFiles(root, isAnnotated), options);
  return assemble(root, found, [], [], options, {
    classes: ['depth'],
    truth: (paths) => ({ kind: 'depth', paths, scale, invalid: [...invalid] }),
  });
}

interface Found {
  readonly chosen: ChosenParts<Paired>;
  /** Those of the chosen parts that are whole as far as their heads say. */
  readonly pictures: readonly Paired[];
  readonly problems: readonly Problem[];
  readonly notes: readonly string[];
  /** Text files, which may list classes. */
  readonly texts: readonly string[];
  readonly ignored: Readonly<Record<string, number>>;
}

const isMap = ({ path }: FoundFile, role: 'mask' | 'depth'): boolean =>
  roleOf(path) === role && (isPictureName(path) || /\.(?:exr|pfm|npy)$/i.test(path));

async function paired(
  root: string,
  role: 'mask' | 'depth',
  { files, ignored }: Awaited<ReturnType<typeof findFiles>>,
  options: DatasetOptions,
): Promise<Found> {
  const { what, example, problem } = KINDS[role];
  const texts = files
    .filter(({ path }) => /\.(?:txt|names|csv)$|^[^.]+$/i.test(path.slice(path.lastIndexOf('/') + 1)))
    .map(({ path }) => path);
  const maps = files.filter((file) => isMap(file, role));
  const pictures = files.filter(({ path }) => roleOf(path) === 'picture' && isPictureName(path));
  if (maps.length === 0 || pictures.length === 0)
    throw new UsageError(
      `Expected pictures with ${what} in ${root}, such as ${example}, but found ${plural(pictures.length, 'picture')} and ` +
        `${plural(maps.length, what.slice(0, -1), what)}${othersText(ignored)}. Check the path.`,
    );
  const lists = role === 'mask' ? await readLists(root, texts, 'Segmentation') : undefined;
  const names = new PictureNames(pictures);
  const problems: Problem[] = [];
  const pairs: Paired[] = [];
  const claims = new Claims();
  for (const map of maps) {
    const place = map.path;
    const picture = claims.take(names.of(place), place);
    if (typeof picture === 'string') problems.push({ place, reason: picture, of: 'picture' });
    else {
      const parts =
        lists === undefined
          ? [partOfPath(picture.path) ?? partOfPath(place)]
          : (lists.parts.get(bareStem(picture.path)) ?? []);
      for (const part of parts) pairs.push({ file: picture, map, ...(part && { part }) });
    }
  }
  const bare = lists === undefined ? pictures.length - claims.count : 0;
  const chosen = chooseParts(
    root,
    pairs.sort((a, b) => byName(a.file.path, b.file.path)),
    options,
  );
  const wrong = await unreadable(root, pictureList(chosen), (one) => compareHeads(root, one, problem), MOST_HEADS);
  const gone = new Set(wrong.map(({ pair }) => pair));
  return {
    chosen,
    pictures: pictureList(chosen).filter((pair) => !gone.has(pair)),
    problems: [
      ...problems,
      ...wrong.map(({ pair, reason }) => ({ place: pair.map.path, reason, of: 'picture' as const })),
    ],
    notes:
      bare > 0
        ? [
            `${plural(bare, 'picture has', 'pictures have')} no ${what.slice(0, -1)} and ${bare === 1 ? 'is' : 'are'} not used`,
          ]
        : [],
    texts,
    ignored,
  };
}

interface Wrong {
  readonly pair: Paired;
  readonly reason: string;
}

/** Does something with each, or with some evenly taken; @returns those that cannot be read */
async function unreadable(
  root: string,
  pairs: readonly Paired[],
  work: (pair: Paired) => Promise<unknown>,
  most = FEW_READ,
): Promise<Wrong[]> {
  const step = Math.ceil(pairs.length / most);
  const wanted = pairs.filter((_, k) => k % step === 0);
  const found: (Wrong | undefined)[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < wanted.length) {
      const k = next++;
      const pair = wanted[k]!;
      try {
        await work(pair);
      } catch (error) {
        if (!(error instanceof BrokenPicture)) throw error;
        // One that cannot be read itself is told of as any picture is.
        if (error.path !== join(root, pair.file.path)) found[k] = { pair, reason: error.reason };
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return found.filter((one) => one !== undefined);
}

/** @throws BrokenPicture */
async function compareHeads(
  root: string,
  { file, map }: Paired,
  problem: (head: PngHead | string) => string | undefined,
): Promise<void> {
  const path = join(root, map.path);
  const head = await pngHeadOf(path);
  const wrong = problem(head);
  if (wrong !== undefined || typeof head === 'string') throw new BrokenPicture(path, wrong!);
  const { width, height } = await sidesOf(join(root, file.path));
  if (head.width !== width || head.height !== height) throw new BrokenPicture(path, otherSize(head, { width, height }));
}

/** Why a map is not of a picture. */
export const otherSize = (map: { width: number; height: number }, picture: { width: number; height: number }): string =>
  `it has ${map.width} x ${map.height} pixels but its picture ${picture.width} x ${picture.height}`;

/** Classes named by the numbers that masks hold: all up to the largest. */
async function numbersIn(root: string, pairs: readonly Paired[], ignored: ReadonlySet<number>): Promise<ListedClass[]> {
  const rule = { table: Uint8Array.from({ length: 256 }, (_, value) => (value === 254 ? 255 : value)) };
  let most = -1;
  await unreadable(
    root,
    pairs,
    async (pair) => {
      const { data } = await readMask(join(root, pair.map.path), rule);
      const seen = new Uint8Array(256);
      for (const value of data) seen[value] = 1;
      for (let value = 0; value < 254; value++)
        if (seen[value] === 1 && !ignored.has(value)) most = Math.max(most, value);
    },
    MOST_READ,
  );
  return Array.from({ length: most + 1 }, (_, value) => ({ name: `class ${value}`, value })).filter(
    ({ value }) => !ignored.has(value),
  );
}

function assemble(
  root: string,
  { chosen, pictures, problems, notes, ignored }: Found,
  wrong: readonly Wrong[],
  more: readonly string[],
  options: DatasetOptions,
  { classes, truth }: { classes: readonly string[]; truth(paths: ReturnType<typeof PathTable.from>): Truth },
): MapData {
  const gone = new Set(wrong.map(({ pair }) => pair));
  const all = [
    ...problems,
    ...wrong.map(({ pair, reason }) => ({ place: pair.map.path, reason, of: 'picture' as const })),
  ];
  const kept = pictures.filter((pair) => !gone.has(pair));
  refuseProblems(all, { boxes: 0, pictures: kept.length + all.length }, options.maxBroken ?? 0.01, root);
  const known = truth(PathTable.from(kept.map(({ map }) => map.path)));
  const dataset = buildDataset(root, chosen, kept, {
    classes,
    truth: known,
    options,
    ignored,
    hash(hash, id) {
      const { path, size } = kept[id]!.map;
      const rule = known.kind === 'depth' ? `${known.scale} ${known.invalid.join(' ')}` : '';
      hash.update(`${path}\0${size}\0${rule}\0`);
    },
  });
  return { ...dataset, notes: [...dataset.notes, ...notes, ...more, ...problemNotes(all)], problems: all };
}
