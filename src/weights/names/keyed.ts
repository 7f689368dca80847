import { toFloat32 } from '../formats/dtypes.js';
import { entryOf, type WeightsEntry, type WeightsFile } from '../formats/weights-file.js';
import { clipKeys } from './clips.js';
import { planKeys } from './plan.js';
import { detectorKey, torchvisionDetector } from './torchvision-detect.js';
import { segmentationKey, torchvisionSegmentation } from './torchvision-segment.js';
import { transformed } from './transforms.js';
import { tresnetKeys } from './tresnet.js';

/** One of torchvision's detectors or segmentation models, or pytorchvideo's, under our names; any other file is itself. */
function renamedFile(file: WeightsFile): WeightsFile {
  const kind = torchvisionDetector(file.entries.keys());
  const clips = clipKeys(file.entries.keys());
  const pixels = kind === undefined && torchvisionSegmentation(file.entries.keys()) !== undefined;
  if (kind === undefined && clips === undefined && !pixels) return file;
  const keyOf = (name: string): string | undefined =>
    clips !== undefined ? clips(name) : kind === undefined ? segmentationKey(name) : detectorKey(name, kind);
  const sources = new Map([...file.entries.keys()].map((name) => [keyOf(name) ?? name, name]));
  const entries = new Map([...sources].map(([key, name]) => [key, file.entries.get(name)!]));
  const own = (key: string): string => sources.get(key) ?? key;
  return {
    path: file.path,
    format: file.format,
    metadata: file.metadata,
    entries,
    ignored: file.ignored,
    read: (key) => file.read(own(key)),
    readFloat32: (key) => file.readFloat32(own(key)),
    close: () => file.close(),
  };
}

/**
 * A Keras or TensorFlow file under the keys and in the layouts of PyTorch, and a detector or a segmentation model of
 * torchvision, a network of clips of pytorchvideo or a TResNet of its authors under ours; other files are themselves. A name that no
 * rule knows stays as it is, so that a comparison with a model shows it as unexpected.
 */
export function underModelKeys(file: WeightsFile): WeightsFile {
  const isPlanned = file.format === 'keras' || file.format === 'tensorflow' || tresnetKeys(file.entries) !== undefined;
  if (!isPlanned) return renamedFile(file);
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
