import { RescaledError, UsageError } from '../../errors.js';
import { didYouMean } from '../../suggest.js';
import { Call, type Dict, Foreign, type PickleValue, Tuple } from './pickle.js';
import { quote } from './weights-file.js';

/** A dictionary of tensors inside a checkpoint. */
export interface StateDict {
  tensors: Map<string, Call>;
  /** The key it stood under, as `ema.module` where it stood deeper; undefined when it is the whole file. */
  selected?: string;
  /** All keys that hold a dictionary of tensors, written alike. */
  choices: string[];
  /** Numbers, strings and booleans beside it: epoch, arch. */
  scalars: Map<string, string>;
  /** Everything else, with the reason. */
  ignored: Map<string, string>;
}

/**
 * Keys under which training programs keep weights, in the order in which they are picked: averaged (EMA) weights first,
 * as timm's `load_state_dict(use_ema=True)` does (timm/models/_helpers.py), since it is they that published accuracies
 * are measured with.
 */
export const stateDictKeys = [
  'state_dict_ema',
  'model_ema',
  'ema_state_dict',
  'ema_model',
  'ema',
  'params_ema',
  'state_dict',
  'model_state_dict',
  'model_state',
  'model',
  'net',
  'network',
  'weights',
  'params',
  'module',
];

/** Wrappers that put their name before every key: DataParallel and torch.compile. */
const wrappers = ['module.', '_orig_mod.'];

/**
 * Picks the weights of a checkpoint. With `select`, that key. Else the first of `stateDictKeys` that holds tensors;
 * else the file itself when it holds tensors; else the only key that does.
 * @throws UsageError when there is no choice or more than one, listing them
 */
export function pickStateDict(root: PickleValue, select: string | undefined, path: string): StateDict {
  if (!(root instanceof Map))
    throw new UsageError(
      `Expected a dictionary of tensors in ${path} but it holds ${describe(root)}` +
        `${root instanceof Foreign ? ', which only its own Python program can load' : ''}. ` +
        'Save model.state_dict() with torch.save.',
    );
  const nested = dictionaries(root);
  const choices = [...nested.keys()];
  const selected = choose(root, choices, select, path);
  const dict = selected === undefined ? root : nested.get(selected)!;
  const result: StateDict = {
    tensors: new Map(),
    choices,
    scalars: new Map(),
    ignored: new Map(),
    ...(selected === undefined ? {} : { selected }),
  };
  if (selected !== undefined)
    for (const [key, value] of root)
      if (value !== dict && !(typeof key === 'string' && selected.startsWith(`${key}.`)))
        setAside(result, name(key), value, typeof key === 'string' && nested.has(key));
  for (const other of choices)
    if (other !== selected && other.includes('.') && !result.ignored.has(other)) result.ignored.set(other, OTHER);
  for (const [key, value] of dict) {
    if (value instanceof Call && typeof key === 'string') result.tensors.set(key, value);
    else if (value instanceof Foreign && /^torch\._utils\._rebuild_/.test(value.name))
      throw new RescaledError(
        `${path} cannot be read as weights: tensor ${quote(name(key))} is of a kind that is not read ` +
          `(${value.name.slice(13)}: sparse or quantised). Store it as a plain tensor: to_dense() or dequantize().`,
      );
    else setAside(result, name(key), value, false);
  }
  leaveCounter(result);
  unwrap(result);
  return result;
}

const OTHER = 'other weights of the checkpoint; choose them with --select';

/** Dictionaries of tensors under the top, and one below them: `ema.module`. */
function dictionaries(root: Dict): Map<string, Dict> {
  const found = new Map<string, Dict>();
  for (const [key, value] of root) {
    if (typeof key !== 'string' || !(value instanceof Map) || value === root) continue;
    if (hasTensors(value)) found.set(key, value);
    for (const [inner, deeper] of value)
      if (typeof inner === 'string' && deeper instanceof Map && deeper !== value && hasWeights(deeper))
        found.set(`${key}.${inner}`, deeper);
  }
  return found;
}

/** More than scalars, such as the best score of a callback. */
const hasWeights = (dict: Dict): boolean =>
  [...dict].some(([key, value]) => {
    const size = value instanceof Call ? value.args[2] : undefined;
    return typeof key === 'string' && size instanceof Tuple && size.items.length > 0;
  });

/** `torch.optim.swa_utils.AveragedModel` counts beside the model that it wraps. */
function leaveCounter(result: StateDict): void {
  if (![...result.tensors.keys()].some((key) => key.startsWith('module.'))) return;
  if (result.tensors.delete('n_averaged')) result.ignored.set('n_averaged', 'a counter of the averaging');
}

function choose(root: Dict, choices: readonly string[], select: string | undefined, path: string): string | undefined {
  if (select !== undefined) {
    if (choices.includes(select)) return select;
    throw new UsageError(
      `Expected tensors under "${select}" in ${path} but there are none.${didYouMean(select, choices)} ` +
        `${listed(choices)}`,
    );
  }
  // Of `ema.module` both parts must be known; a key of its own comes before one below it.
  const known = stateDictKeys
    .flatMap((key) => [key, ...stateDictKeys.map((inner) => `${key}.${inner}`)])
    .find((key) => choices.includes(key));
  if (known !== undefined || hasTensors(root)) return known;
  if (choices.length === 1) return choices[0];
  throw new UsageError(
    `Expected a dictionary of tensors in ${path} ` +
      `but found ${choices.length === 0 ? `none; its keys: ${keys(root)}` : 'several'}. ${listed(choices)}`,
  );
}

const listed = (choices: readonly string[]): string =>
  choices.length === 0
    ? 'Save model.state_dict() with torch.save.'
    : `Choose with --select: ${choices.slice(0, 20).map(quote).join(', ')}.`;
const keys = (dict: Dict): string =>
  dict.size === 0
    ? 'none'
    : [...dict.keys()]
        .slice(0, 10)
        .map((key) => quote(name(key)))
        .join(', ');
const name = (key: PickleValue): string => (typeof key === 'string' ? key : describe(key));

function hasTensors(dict: Dict): boolean {
  for (const [key, value] of dict) if (typeof key === 'string' && value instanceof Call) return true;
  return false;
}

function setAside(result: StateDict, key: string, value: PickleValue, other: boolean): void {
  if (value === null) return; // an option that was not set
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint')
    result.scalars.set(key, String(value));
  else result.ignored.set(key, other ? OTHER : `no weights: ${describe(value)}`);
}

/** Takes off what a wrapper put before every key. Only where all have it, so no two keys can become one. */
function unwrap(result: StateDict): void {
  for (let found = true; found; ) {
    const prefix = wrappers.find(
      (text) => result.tensors.size > 0 && [...result.tensors.keys()].every((key) => key.startsWith(text)),
    );
    found = prefix !== undefined;
    if (prefix === undefined) continue;
    result.scalars.set('strippedPrefix', (result.scalars.get('strippedPrefix') ?? '') + prefix);
    result.tensors = new Map([...result.tensors].map(([key, value]) => [key.slice(prefix.length), value]));
  }
}

function describe(value: PickleValue): string {
  if (value instanceof Map) return `a dictionary of ${value.size}`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value instanceof Call) return 'one tensor';
  if (value instanceof Foreign) return `an object of ${quote(value.name)}`;
  if (typeof value === 'object') return value === null ? 'nothing' : 'an object';
  return quote(typeof value === 'bigint' ? String(value) : value);
}
