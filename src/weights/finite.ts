import { RescaledError } from '../errors.js';
import type { SafeDType } from './formats/dtypes.js';
import type { WeightsFile } from './formats/weights-file.js';

/** How many values of a tensor are not finite, and of how many. */
export interface NotFinite {
  name: string;
  values: number;
  of: number;
}

const FLOATS: ReadonlySet<SafeDType> = new Set(['F64', 'F32', 'F16', 'BF16']);

/** Tensors with NaN or infinite values. Reads every floating point tensor that is asked for. */
export function notFinite(file: WeightsFile, names: Iterable<string> = file.entries.keys()): NotFinite[] {
  const found: NotFinite[] = [];
  for (const name of names) {
    if (!FLOATS.has(file.entries.get(name)!.dtype)) continue;
    const values = file.readFloat32(name);
    let wrong = 0;
    // x - x is 0 for finite numbers alone; faster than Number.isFinite over millions.
    for (let i = 0; i < values.length; i++) if (values[i]! - values[i]! !== 0) wrong++;
    if (wrong > 0) found.push({ name, values: wrong, of: values.length });
  }
  return found;
}

export const formatNotFinite = ({ name, values, of }: NotFinite): string =>
  `${name}: ${values} of ${of} ${of === 1 ? 'value' : 'values'}`;

/** @throws RescaledError naming the tensors that hold values that are not finite */
export function checkFinite(file: WeightsFile, names: Iterable<string>): void {
  const found = notFinite(file, names);
  if (found.length === 0) return;
  const more = found.length > 3 ? ` and ${found.length - 3} more tensors` : '';
  throw new RescaledError(
    `Expected finite weights but ${file.path} holds NaN or infinite values: ` +
      `${found.slice(0, 3).map(formatNotFinite).join('; ')}${more}. The training that wrote it had diverged, or the file ` +
      'is damaged: take an earlier checkpoint. "rescaled weights inspect" lists them all.',
  );
}
