import { existsSync } from 'node:fs';
import { checkValue } from '../checks.js';
import { RescaledError } from '../errors.js';
import { FileBytes } from './formats/file-bytes.js';
import { SafetensorsFile } from './formats/safetensors.js';
import { footerBytes, sstableMagic } from './formats/sstable.js';
import type { WeightsFile } from './formats/weights-file.js';

export type { WeightsEntry, WeightsFile, WeightsFormat } from './formats/weights-file.js';

// The readers of other programs' files are loaded when such a file comes: most runs start from none.
const tensorFlow = () => import('./formats/tensorflow.js');

/**
 * Opens any weights file. The content says which format it is, never the name's ending: safetensors, PyTorch (zip),
 * Keras (HDF5), TensorFlow checkpoint (its `.index`, or the name without ending that TensorFlow itself uses).
 *
 * @param options.select which weights of a PyTorch checkpoint with several, such as `state_dict_ema`
 * @throws UsageError when it cannot be opened, RescaledError naming what it is in place of weights
 */
export async function openWeights(path: string, options: { select?: string } = {}): Promise<WeightsFile> {
  checkValue('the file of weights', path, 'path');
  const named =
    !existsSync(path) || /\.data-\d{5}-of-\d{5}$/.test(path) ? (await tensorFlow()).indexBeside(path) : undefined;
  const file = FileBytes.open(named ?? path);
  try {
    const start = Buffer.from(file.read(0, Math.min(file.size, 512)).buffer);
    if (startsWith(start, 'PK\x03\x04')) {
      const { PyTorchFile } = await import('./formats/pytorch.js');
      return await PyTorchFile.open(file, options.select);
    }
    if (startsWith(start, '\x89HDF\r\n\x1a\n')) {
      const { KerasFile } = await import('./formats/keras.js');
      return await withoutFile(file, () => KerasFile.open(file));
    }
    if (isTable(file)) return (await tensorFlow()).TensorFlowFile.open(file);
    if (isSafetensors(start, file.size)) return await withoutFile(file, () => SafetensorsFile.open(path));
    throw new RescaledError(
      `Expected weights (safetensors, PyTorch, Keras or TensorFlow) but ${path} ${whatElse(start, file.size)}.`,
    );
  } catch (error) {
    file.close();
    throw error;
  }
}

/** For readers that open the file by its name. */
function withoutFile<T>(file: FileBytes, open: () => T): T {
  file.close();
  return open();
}

const startsWith = (start: Buffer, text: string): boolean => start.toString('latin1', 0, text.length) === text;

function isTable(file: FileBytes): boolean {
  return file.size >= footerBytes && Buffer.from(file.read(file.size - 8, 8).buffer).readBigUInt64LE() === sstableMagic;
}

/** 8 bytes of header length, then the JSON's "{". What such a file may break beyond that, its own reader says. */
function isSafetensors(start: Buffer, size: number): boolean {
  return size >= 9 && start[8] === 0x7b && start.readBigUInt64LE() <= 100_000_000n;
}

/** The files that are most often taken for weights, and what to do. */
function whatElse(start: Buffer, size: number): string {
  const text = start.toString('latin1');
  if (size === 0) return 'is empty';
  if (text.startsWith('version https://git-lfs'))
    return 'is a Git LFS pointer: fetch the file itself with "git lfs pull"';
  if (/^\s*<(!doctype|html|\?xml)/i.test(text)) return 'is a web page: the download went wrong';
  if (text.startsWith('\x1f\x8b')) return 'is compressed with gzip: unpack it first with gunzip';
  if (text.startsWith('PK\x05\x06')) return 'is an empty zip';
  // pickle protocol 2, LONG1 of the magic number 0x1950a86a20f9469cfc6c (torch/serialization.py, legacy format)
  if (text.startsWith('\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19')) {
    return (
      'is a PyTorch checkpoint from before version 1.6, which is not read: ' +
      'load it in Python with torch.load(path, weights_only=True) and torch.save it again'
    );
  }
  if (/^\x80[\x02-\x05]/.test(text))
    return 'is a bare pickle, which can run code and is never loaded: save model.state_dict() with torch.save';
  if (text.startsWith('\x93NUMPY')) return 'is a NumPy array';
  if (text.slice(257, 262) === 'ustar') return 'is a tar archive: unpack it first';
  if (/^\x08[\x01-\x14][\x12\x3a]/.test(text)) return 'looks like an ONNX file: it is a program, not weights';
  return 'is none of them (or its end is missing)';
}
