import { entryOf, type WeightsEntry, type WeightsFile } from './formats/weights-file.js';

/**
 * What a kernel of pictures becomes over kt frames:
 * - `centre`: itself at the frame in the middle, 0 elsewhere. The network starts by seeing frames one by one; of a still clip it gives what
 *   the network of pictures gives of the picture, exactly, zero padding in time or not.
 * - `mean`: itself / kt at every frame (Carreira and Zisserman, CVPR 2017). The same holds only where time is padded with the frames at its
 *   ends: zeros there take their share of the sum.
 */
export type Inflation = 'centre' | 'mean';

/** [out, in, k, k] -> [out, in, frames, k, k]. @param area k*k */
export function inflateKernel(values: Float32Array, area: number, frames: number, how: Inflation): Float32Array {
  const result = new Float32Array(values.length * frames);
  const middle = (frames - 1) >> 1;
  for (let from = 0; from < values.length; from += area) {
    const kernel = values.subarray(from, from + area);
    for (let t = 0; t < frames; t++) {
      if (how === 'centre' && t !== middle) continue;
      const at = from * frames + t * area;
      for (let i = 0; i < area; i++) result[at + i] = how === 'mean' ? kernel[i]! / frames : kernel[i]!;
    }
  }
  return result;
}

/**
 * The weights of a network of pictures for one of clips whose state has these shapes: each kernel [out, in, k, k] whose key stands for
 * [out, in, kt, k, k] there is inflated. A ResNet-RS has an average pool before the convolution of its shortcuts and a convolution in the
 * place of the max pool, a 3D-ResNet-RS neither: the convolutions of shortcuts are taken, that of the pool is left out. Any other file is
 * itself.
 */
export function inflated(
  file: WeightsFile,
  shapes: ReadonlyMap<string, readonly number[]>,
  how: Inflation = 'centre',
): WeightsFile {
  const isConv = (shape: readonly number[] | undefined, rank: number): boolean => shape?.length === rank;
  const ofPictures = [...file.entries].some(([key, { shape }]) => isConv(shape, 4) && isConv(shapes.get(key), 5));
  if (!ofPictures) return file;
  const pooled = [...file.entries].some(([key, { shape }]) => /\.downsample\.1\.weight$/.test(key) && isConv(shape, 4));
  const entries = new Map<string, WeightsEntry>();
  const ignored = new Map(file.ignored);
  const sources = new Map<string, string>();
  for (const [name, { dtype, shape }] of file.entries) {
    const key = pooled
      ? name.replace(/(\.downsample\.)([12])\./, (_, at: string, i: string) => `${at}${+i - 1}.`)
      : name;
    if (name.startsWith('maxpool.') && !shapes.has(name)) {
      ignored.set(name, 'a network of clips has a max pool there');
      continue;
    }
    const wanted = shapes.get(key);
    const [out = 0, columns = 0, ...kernel] = shape;
    const inflates = isConv(shape, 4) && isConv(wanted, 5) && kernel.join() === wanted!.slice(3).join();
    entries.set(key, inflates ? { dtype: 'F32', shape: [out, columns, wanted![2]!, ...kernel] } : { dtype, shape });
    sources.set(key, name);
  }
  const readFloat32 = (key: string): Float32Array => {
    const { shape } = entryOf(entries, key, file.path);
    const values = file.readFloat32(sources.get(key)!);
    const [, , frames = 1, height = 1, width = 1] = shape;
    const same = shape.length === file.entries.get(sources.get(key)!)!.shape.length;
    return same ? values : inflateKernel(values, height * width, frames, how);
  };
  return {
    path: file.path,
    format: file.format,
    metadata: { ...file.metadata, inflated: how },
    entries,
    ignored,
    read: (key) => {
      const { shape } = entryOf(entries, key, file.path);
      const source = sources.get(key)!;
      if (shape.length === file.entries.get(source)!.shape.length) return file.read(source);
      const values = readFloat32(key);
      return new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength);
    },
    readFloat32,
    close: () => file.close(),
  };
}
