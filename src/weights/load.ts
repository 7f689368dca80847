import { RescaledError } from '../errors.js';
import { call, fromTypedArray, noGrad, scope, type Tensor } from '../torch/index.js';
import { CLASSIFIERS, type WeightsFacts } from './facts.js';
import type { WeightsFile } from './formats/weights-file.js';
import { beginnings } from './names/prefix.js';
import { formatMisfit, type KeyMatch, matchKeys, takenFrom } from './report.js';

type Targets = ReadonlyMap<string, Tensor>;

const shapesOf = (targets: Targets): Map<string, readonly number[]> =>
  new Map([...targets].map(([key, tensor]) => [key, [...tensor.shape]]));
const foundIn = (file: WeightsFile): Map<string, readonly number[]> =>
  new Map([...file.entries].map(([key, entry]) => [key, entry.shape]));

function copy(file: WeightsFile, targets: Targets, keys: Iterable<string>): void {
  noGrad(() =>
    scope(() => {
      for (const key of keys) {
        const target = targets.get(key)!;
        const source = fromTypedArray(file.readFloat32(key), target.shape);
        call('aten::copy_', [target, source]);
        source.dispose();
      }
    }),
  );
}

/** Names of models for a message: the one that the weights are of, as far as it is known, and the one wanted. */
export interface Titles {
  ofFile?: string;
  /** Known from the keys alone. */
  guessed?: boolean;
  ofModel: string;
}

/** @param titles asked for only where they do not fit */
function checkFit(match: KeyMatch, file: WeightsFile, titles?: () => Titles): void {
  const wrong = match.missing.length + match.unexpected.length + match.wrongShape.length;
  if (wrong === 0) return;
  const { ofFile, guessed, ofModel } = titles?.() ?? {};
  const differ = ofFile !== undefined && ofFile !== ofModel;
  if (differ && guessed !== true)
    throw new RescaledError(
      `The weights in ${file.path} are of ${ofFile}, not of ${ofModel}: ${wrong} of their keys differ. ` +
        `Leave out what asks for ${ofModel} to have ${ofFile}, or start from other weights.`,
    );
  const wanted = [...match.loaded, ...match.missing, ...match.wrongShape.map(({ key }) => key)];
  const several = beginnings(file.entries.keys(), wanted);
  throw new RescaledError(
    `The weights in ${file.path} do not fit ${ofModel ?? 'the model'}:\n${formatMisfit(match)}` +
      (differ ? `\nThey look like weights of ${ofFile}: try --model ${ofFile.replace(/ .*/, '')}.` : '') +
      (several.length > 1
        ? `\nNames that begin with ${several.map((text) => `"${text}"`).join(' or ')} would fit: ` +
          'choose with "rescaled weights convert --prefix".'
        : ''),
  );
}

/** Fields of all heads that weights may have: of classifiers, and what stands on a trunk that learns by contrast. */
const HEADS = [...CLASSIFIERS, 'projection', 'gauge', 'detector', 'decoder'] as const;

/** What a model's head is for. */
export interface WantedHead {
  /** Its rows. */
  outputs: number;
  /** What they stand for, where they are classes. */
  classes?: readonly string[];
  /** The classes of a gauge beside it. */
  gauge?: readonly string[];
  /**
   * Of a head of many layers the one whose rows they are, or a multiple of them: it alone is renewed for other classes. Several where heads
   * differ: those that the model has, the first of which tells whether the file's classes are these.
   */
  last?: string | readonly string[];
  /** Parts of the head that a file may have beside it, or lack. */
  optional?: readonly string[];
}

/** Copies every tensor of the file into its target; all keys and shapes must agree. */
export function loadInto(file: WeightsFile, targets: Targets, titles?: () => Titles): KeyMatch {
  const match = matchKeys(shapesOf(targets), foundIn(file));
  checkFit(match, file, titles);
  copy(file, targets, targets.keys());
  return match;
}

/**
 * Copies the trunk, and the head where it fits: a last linear layer that knows the same classes in the same order, a projection head of the
 * same layers, with its gauge of the same classes; else a head keeps its fresh values. The trunk must agree in all keys and shapes.
 * @param model its state and the field of its head
 * @param wanted of the new model
 */
export function startFrom(
  file: WeightsFile,
  facts: WeightsFacts,
  model: { state(): Targets; head: string },
  wanted: WantedHead,
): KeyMatch {
  const targets = model.state();
  const match = fitStart(file, facts, shapesOf(targets), model.head, wanted);
  copy(file, targets, match.loaded);
  const taken = takenFrom(file.metadata);
  return taken.length === 0 ? match : { ...match, taken };
}

/**
 * What `startFrom` would do, from the shapes of the model's state alone.
 * @throws RescaledError when the trunk does not fit
 */
export function fitStart(
  file: WeightsFile,
  facts: WeightsFacts,
  shapes: ReadonlyMap<string, readonly number[]>,
  head: string,
  wanted: WantedHead,
  titles?: () => Titles,
): KeyMatch {
  const match = matchKeys(shapes, foundIn(file));
  // Of a head of many layers those that are renewed for other classes.
  const lasts = [wanted.last ?? []]
    .flat()
    .map((name) => `${head}.${name}`)
    .filter((name) => shapes.has(`${name}.weight`));
  const [last = head] = lasts;
  // Where the file has such a head, the rest of it is taken.
  const renewed = file.entries.has(`${last}.weight`) ? (lasts.length === 0 ? [head] : lasts) : [head];
  // Heads of two tasks have different names: those of either are no part of the trunk.
  const isHead = (key: string): boolean =>
    renewed.some((name) => within(key, name)) ||
    (!shapes.has(key) && HEADS.some((name) => name !== head && within(key, name)));
  const leave = (why: string | undefined, left: (key: string) => boolean): void => {
    if (why !== undefined) match.renewed.push(...[...shapes.keys()].filter(left));
    match.loaded = match.loaded.filter((key) => !left(key));
    match.missing = match.missing.filter((key) => !left(key));
    match.unexpected = match.unexpected.filter((key) => !left(key));
    match.wrongShape = match.wrongShape.filter(({ key }) => !left(key));
  };
  const rows = shapes.get(`${last}.weight`)?.[0] ?? wanted.outputs;
  const asked = wanted.last === undefined ? wanted : { ...wanted, outputs: rows };
  const why =
    head === 'projection' ? projectionDiffers(file, match) : headDiffers(file, facts, `${last}.weight`, asked);
  if (why !== undefined) leave(why, isHead);
  // A gauge belongs to the classes that it was learned with, whatever becomes of the head beside it.
  const hasGauge = shapes.has('gauge.weight');
  const gaugeWhy = hasGauge ? gaugeDiffers(file, facts, wanted.gauge) : undefined;
  if (!hasGauge || gaugeWhy !== undefined) leave(gaugeWhy, (key) => within(key, 'gauge'));
  const whys = new Set([why, gaugeWhy].filter((text) => text !== undefined));
  if (whys.size > 0) match.renewedWhy = [...whys].join('; ');
  for (const name of (wanted.optional ?? []).map((part) => `${head}.${part}`)) {
    if ([...shapes.keys()].some((key) => within(key, name))) {
      const fresh = match.missing.filter((key) => within(key, name));
      match.renewed = [...new Set([...match.renewed, ...fresh])];
      match.missing = match.missing.filter((key) => !within(key, name));
    } else match.unexpected = match.unexpected.filter((key) => !within(key, name));
  }
  // The gates of a network of clips, where the weights are of one that has none, such as one of pictures.
  const gates = [...shapes.keys()].filter((key) => /\.gate\.fc\.\w+$/.test(key));
  if (gates.length > 0 && gates.every((key) => match.missing.includes(key))) {
    match.missing = match.missing.filter((key) => !gates.includes(key));
    match.renewed.push(...gates);
    match.renewedWhy = [match.renewedWhy, 'the file has no self-gates'].filter((text) => text !== undefined).join('; ');
  }
  checkFit(match, file, titles);
  return match;
}

const within = (key: string, name: string): boolean => key.startsWith(`${name}.`);

/** Why the file's head cannot serve; undefined when it can. */
function headDiffers(
  file: WeightsFile,
  facts: WeightsFacts,
  weight: string,
  { outputs, classes, last }: WantedHead,
): string | undefined {
  const rows = file.entries.get(weight)?.shape[0];
  if (rows === undefined) return 'the file has no head';
  if (rows !== outputs)
    return classes === undefined || last !== undefined
      ? `the file's head gives ${rows} numbers, ${outputs} are wanted`
      : `the file knows ${rows} classes, the pictures have ${outputs}`;
  return otherClasses(facts.classes, classes);
}

const otherClasses = (
  told: readonly string[] | undefined,
  wanted: readonly string[] | undefined,
): string | undefined =>
  told !== undefined && told.join('\n') !== wanted?.join('\n') ? 'the file knows other classes' : undefined;

/** The same of a projection head, all of whose layers must be there and be all. */
function projectionDiffers(
  { entries }: WeightsFile,
  { missing, unexpected, wrongShape }: KeyMatch,
): string | undefined {
  const own = (key: string): boolean => within(key, 'projection');
  if (![...entries.keys()].some(own)) return 'the file has no head';
  return [...missing, ...unexpected, ...wrongShape.map(({ key }) => key)].some(own)
    ? "the file's projection head has other layers"
    : undefined;
}

/** The same of a gauge. */
function gaugeDiffers(file: WeightsFile, facts: WeightsFacts, classes: readonly string[] = []): string | undefined {
  const rows = file.entries.get('gauge.weight')?.shape[0];
  if (rows === undefined) return 'the file has no gauge';
  if (rows !== classes.length) return `the file's gauge knows ${rows} classes, the pictures have ${classes.length}`;
  return otherClasses(facts.gauge, classes);
}
