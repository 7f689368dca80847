import { RescaledError } from '../../errors.js';
import { byteLength, itemSizes, type SafeDType, toFloat32 } from './dtypes.js';
import type { FileBytes } from './file-bytes.js';
import { Call, Global, Persistent, type PickleNames, type PickleValue, readPickle, Tuple } from './pickle.js';
import { pickStateDict } from './state-dict.js';
import { gather, isRowMajor, lastIndex } from './strided.js';
import { entryOf, quote, type WeightsEntry, type WeightsFile } from './weights-file.js';
import { ZipDirectory, type ZipRange } from './zip.js';

/** Element types by the storage class that torch.save names. Source: torch/_storage_docs.py, torch/storage.py. */
const storages: Readonly<Record<string, SafeDType>> = {
  'torch.DoubleStorage': 'F64',
  'torch.FloatStorage': 'F32',
  'torch.HalfStorage': 'F16',
  'torch.BFloat16Storage': 'BF16',
  'torch.LongStorage': 'I64',
  'torch.IntStorage': 'I32',
  'torch.ShortStorage': 'I16',
  'torch.CharStorage': 'I8',
  'torch.ByteStorage': 'U8',
  'torch.BoolStorage': 'BOOL',
};
const names: PickleNames = {
  dictionaries: new Set(['collections.OrderedDict', 'collections.Counter', 'collections.defaultdict']),
  calls: new Set([
    'torch._utils._rebuild_tensor_v2',
    'torch._utils._rebuild_parameter',
    'torch._utils._rebuild_parameter_with_state',
  ]),
  wrappers: new Set(['torch._tensor._rebuild_from_type_v2']),
};
const maxPickleBytes = 64 * 2 ** 20;

interface TensorPlace extends WeightsEntry {
  readonly strides: readonly number[];
  /** First byte of the first element in the file. */
  readonly begin: number;
  /** Bytes from the first to behind the last element. */
  readonly span: number;
}

/**
 * A checkpoint of torch.save (PyTorch 1.6 or newer): a zip of stored entries with a pickle `data.pkl` that says which
 * storage each tensor looks at, and one entry of raw elements for each storage. The pickle is read as data by
 * `readPickle`; a tensor's bytes are read when asked for, whatever its strides. Source of the layout:
 * torch/serialization.py, torch/_utils.py.
 */
export class PyTorchFile implements WeightsFile {
  readonly format = 'pytorch';
  private constructor(
    readonly path: string,
    private readonly file: FileBytes,
    private readonly bigEndian: boolean,
    readonly entries: ReadonlyMap<string, TensorPlace>,
    readonly metadata: Readonly<Record<string, string>>,
    readonly ignored: ReadonlyMap<string, string>,
  ) {}

  /**
   * @param select key of a nested checkpoint, such as `state_dict_ema`; the rule without it stands at `pickStateDict`
   * @throws RescaledError for whatever is not plain tensors, with the name and place of what is not
   */
  static async open(file: FileBytes, select?: string): Promise<PyTorchFile> {
    const { path } = file;
    const zip = await ZipDirectory.open(file);
    const root = rootOf(zip.names(), path);
    const pickle = await zip.range(`${root}data.pkl`);
    if (pickle === undefined || pickle.size > maxPickleBytes)
      throw new RescaledError(
        `${path} cannot be read as weights: its data.pkl has ${pickle?.size} bytes, more than ${maxPickleBytes}.`,
      );
    const dict = pickStateDict(readPickle(file.read(pickle.begin, pickle.size), names, path), select, path);
    const bigEndian = await isBigEndian(zip, root, file);
    const storageRanges = new Map<string, ZipRange>();
    const entries = new Map<string, TensorPlace>();
    for (const [key, call] of dict.tensors)
      entries.set(key, await placeOf(key, call, (storage) => rangeOf(zip, root, storage, storageRanges, path), path));
    const metadata = Object.fromEntries(dict.scalars);
    if (dict.selected !== undefined)
      Object.assign(metadata, { selected: dict.selected, choices: dict.choices.join(', ') });
    return new PyTorchFile(path, file, bigEndian, entries, metadata, dict.ignored);
  }

  read(name: string): Uint8Array<ArrayBuffer> {
    const { dtype, shape, strides, begin, span } = entryOf(this.entries, name, this.path);
    let bytes = this.file.read(begin, span);
    if (!isRowMajor(shape, strides)) bytes = gather(bytes, itemSizes[dtype] as 1 | 2 | 4 | 8, shape, strides);
    if (this.bigEndian) swap(bytes, itemSizes[dtype]);
    return bytes;
  }

  readFloat32(name: string): Float32Array {
    return toFloat32(this.read(name), entryOf(this.entries, name, this.path).dtype);
  }

  close(): void {
    this.file.close();
  }
}

/** The folder inside the zip, with its slash: torch.save names it after the file. */
function rootOf(all: readonly string[], path: string): string {
  const pickles = all.filter((entry) => /^[^/]+\/data\.pkl$/.test(entry));
  const root = pickles[0]?.slice(0, -'data.pkl'.length);
  if (pickles.length === 1 && root !== undefined) {
    if (!all.some((entry) => entry === `${root}constants.pkl` || entry.startsWith(`${root}code/`))) return root;
    throw new RescaledError(
      `${path} is a TorchScript program, not weights: load it in Python with torch.jit.load ` +
        'and save its state_dict() with torch.save.',
    );
  }
  const what = all.includes('model.weights.h5')
    ? 'a Keras archive (.keras): save its weights with model.save_weights("weights.h5") ' +
      'in TensorFlow 2.15 or older, or with tf_keras'
    : all.some((entry) => entry.endsWith('.npy'))
      ? 'a NumPy archive (.npz)'
      : `a zip with ${pickles.length} data.pkl`;
  throw new RescaledError(`Expected a PyTorch checkpoint but ${path} is ${what}.`);
}

async function isBigEndian(zip: ZipDirectory, root: string, file: FileBytes): Promise<boolean> {
  const range = await zip.range(`${root}byteorder`);
  if (range === undefined) return false; // before PyTorch 2.1
  const text = Buffer.from(file.read(range.begin, Math.min(range.size, 16)))
    .toString('latin1')
    .trim();
  if (text === 'little' || text === 'big') return text === 'big';
  throw new RescaledError(
    `${file.path} cannot be read as weights: expected byteorder "little" or "big" but found ${quote(text)}.`,
  );
}

async function rangeOf(
  zip: ZipDirectory,
  root: string,
  storage: string,
  known: Map<string, ZipRange>,
  path: string,
): Promise<ZipRange> {
  const range = known.get(storage) ?? (await zip.range(`${root}data/${storage}`));
  if (range === undefined)
    throw new RescaledError(`${path} cannot be read as weights: it has no storage ${quote(storage)}.`);
  known.set(storage, range);
  return range;
}

/**
 * Where a tensor's elements lie: _rebuild_tensor_v2(storage, offset, size, stride, ...) with the storage's persistent
 * id ('storage', type, key, location, elements). Every number is checked against the entry before anything is read.
 */
async function placeOf(
  key: string,
  call: Call,
  find: (storage: string) => Promise<ZipRange>,
  path: string,
): Promise<TensorPlace> {
  const wrong = (what: string): never => {
    throw new RescaledError(`${path} cannot be read as weights: tensor ${quote(key)}: ${what}.`);
  };
  if (call.name.includes('_rebuild_parameter')) {
    const [data] = call.args;
    return data instanceof Call && data.name.endsWith('_rebuild_tensor_v2')
      ? placeOf(key, data, find, path)
      : wrong('expected a parameter of a tensor');
  }
  const [storage, offset, size, stride] = call.args;
  const id = storage instanceof Persistent && storage.id instanceof Tuple ? storage.id.items : [];
  const [tag, type, storageKey, , elements] = id;
  if (tag !== 'storage' || !(type instanceof Global) || typeof storageKey !== 'string' || !isCount(elements))
    return wrong('expected a storage');
  const dtype = storages[type.name];
  if (dtype === undefined)
    return wrong(`expected one of ${Object.keys(storages).join(', ')} but found ${quote(type.name)}`);
  const shape = counts(size);
  const strides = counts(stride);
  if (
    shape === undefined ||
    strides === undefined ||
    shape.length !== strides.length ||
    shape.length > 16 ||
    !isCount(offset)
  )
    return wrong('expected whole numbers >= 0 for offset, size and stride');
  const bytes = byteLength(dtype, shape);
  const item = itemSizes[dtype];
  const range = await find(storageKey);
  if (elements * item > range.size)
    return wrong(
      `its storage ${quote(storageKey)} claims ${elements} elements of ${item} bytes but has ${range.size} bytes`,
    );
  const last = lastIndex(shape, strides);
  if (last >= 0 && !(offset + last < elements))
    return wrong(
      `offset ${offset}, size [${shape.join(', ')}] and stride [${strides.join(', ')}] ` +
        `reach past the ${elements} elements of its storage`,
    );
  // A stride of 0 repeats elements: a small file could ask for any amount of memory.
  if (bytes === undefined || bytes > range.size)
    return wrong(`size [${shape.join(', ')}] has more elements than its storage; store a contiguous() copy`);
  return { dtype, shape, strides, begin: range.begin + (last < 0 ? 0 : offset * item), span: (last + 1) * item };
}

const isCount = (value: PickleValue | undefined): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

function counts(value: PickleValue | undefined): number[] | undefined {
  return value instanceof Tuple && value.items.every(isCount) ? (value.items as number[]) : undefined;
}

function swap(bytes: Uint8Array<ArrayBuffer>, itemSize: number): void {
  const view = Buffer.from(bytes.buffer);
  if (itemSize === 2) view.swap16();
  else if (itemSize === 4) view.swap32();
  else if (itemSize === 8) view.swap64();
}
