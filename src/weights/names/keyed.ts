import { toFloat32 } from '../formats/dtypes.js';
import { entryOf, type WeightsEntry, type WeightsFile } from '../formats/weights-file.js';
import { planKeys } from './plan.js';
import { transformed } from './transforms.js';

/**
 * A Keras or TensorFlow file under the keys and in the layouts of PyTorch; other files are themselves. A name that no
 * rule knows stays as it is, so that a comparison with a model shows it as unexpected.
 */
export function underModelKeys(file: WeightsFile): WeightsFile {
  if (file.format !== 'keras' && file.format !== 'tensorflow') return file;
  const plan = planKeys(file);
  for (const name of plan.unknown)
    plan.tensors.set(name, { source: name, transform: 'none', shape: file.entries.get(name)!.shape });
  const entries = new Map<string, WeightsEntry>(
    [...plan.tensors].map(([key, { source, shape }]) => [key, { dtype: file.entries.get(source)!.dtype, shape }]),
  );
  const read = (key: string): Uint8Array<ArrayBuffer> => {
    const { source, transform } = entryOf(plan.tensors, key, file.path);
    const { dtype, shape } = file.entries.get(source)!;
    return transformed(transform, file.read(source), dtype, shape);
  };
  return {
    path: file.path,
    format: file.format,
    metadata: file.metadata,
    entries,
    ignored: plan.ignored,
    read,
    readFloat32: (key) => toFloat32(read(key), entryOf(entries, key, file.path).dtype),
    close: () => file.close(),
  };
}
