import type { Pixels } from '../augment/pixels.js';
import { evalView } from '../augment/view.js';
import type { Source } from '../data/sources/source.js';
import { readPixels } from '../data/sources/source.js';
import { activationMaps, hasActivationMaps } from '../models/index.js';
import { type ClassMaps, MAP_COLOURS } from '../report/classes/maps.js';
import type { Shown } from '../report/parts.js';
import { call, scope, type Tensor } from '../torch/index.js';
import { Normaliser } from '../train/index.js';
import { type LoadedModel, preprocessFor } from './load.js';

/** Longest side of a picture in a page. */
export const SIDE = 192;
/** Up to this side pixels are shown as squares. */
const SMALL = 64;

/** Bytes [S, S, 3] as a small picture of a page: PNG up to 64 pixels, else JPEG of at most 192. */
export const shown = (image: Uint8Array, size: number): Promise<Shown> =>
  thumbnail({ data: image, width: size, height: size });

/** A picture of any shape as a small picture of a page, whole. */
export async function thumbnail({ data, width, height }: Pixels, most = SIDE): Promise<Shown> {
  const { default: sharp } = await import('sharp');
  const raw = sharp(data, { raw: { width, height, channels: 3 } });
  const pixels = Math.max(width, height) <= SMALL;
  const file = await (pixels
    ? raw.png()
    : raw.resize(most, most, { fit: 'inside', withoutEnlargement: true }).jpeg({ quality: 80 })
  ).toBuffer();
  return { uri: `data:image/${pixels ? 'png' : 'jpeg'};base64,${file.toString('base64')}`, pixels };
}

/** The side of an overlay: of few pixels a multiple, so that each stays a square under a smooth map. */
const overlaySide = (size: number): number => (size <= SMALL ? size * Math.floor(SIDE / size) : Math.min(SIDE, size));

/**
 * Class activation maps of pictures as the model sees them, drawn over them: one forward pass a picture. Of all maps the largest magnitude
 * has the strongest colour.
 */
export const mapsOf =
  (loaded: LoadedModel, source: Source) =>
  async (asked: readonly { index: number; outputs: readonly number[] }[]): Promise<ClassMaps> => {
    const { model, size, title } = loaded;
    if (!hasActivationMaps(model))
      return {
        none:
          `There are no class activation maps of ${title}: they are exact only where the mean over all positions goes through one ` +
          'linear layer, and this network is made otherwise.',
      };
    const view = preprocessFor(loaded);
    const side = overlaySide(size);
    const normaliser = new Normaliser('cpu', loaded.input);
    const found: { image: Uint8Array; maps: { values: Float32Array; score: number }[] }[] = [];
    try {
      model.train(false);
      for (const { index, outputs } of asked) {
        const image = evalView(await readPixels(source, index, size), view);
        found.push(
          scope(() => {
            const { logits, maps } = activationMaps(model, normaliser.input(image, 1, size))!;
            const scores = logits.data() as Float32Array;
            const large = call<Tensor>('aten::upsample_bilinear2d', [maps, [side, side], false, null, null]);
            const values = large.data() as Float32Array;
            const mapOf = (output: number) => ({
              values: values.slice(output * side * side, (output + 1) * side * side),
              score: scores[output]!,
            });
            return { image, maps: outputs.map(mapOf) };
          }),
        );
      }
    } finally {
      normaliser.dispose();
    }
    const most = (values: Float32Array): number => values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const limit = Math.max(...found.flatMap(({ maps }) => maps.map(({ values }) => most(values)))) || 1;
    const pictures = [];
    for (const { image, maps } of found) {
      const overlays = [];
      for (const { values, score } of maps)
        overlays.push({ overlay: await overlay(image, size, values, side, limit), score });
      pictures.push({ picture: await shown(image, size), maps: overlays });
    }
    return { limit, pictures };
  };

/** The strongest colour hides so much of the picture below it. */
const OPAQUE = 0.8;

/** A map as colours over the picture without colours. */
async function overlay(
  image: Uint8Array,
  size: number,
  values: Float32Array,
  side: number,
  limit: number,
): Promise<Shown> {
  const { default: sharp } = await import('sharp');
  const raw = { width: size, height: size, channels: 3 } as const;
  const out = await sharp(image, { raw })
    .resize(side, side, { kernel: size <= SMALL ? 'nearest' : 'lanczos3' })
    .raw()
    .toBuffer();
  for (let i = 0; i < side * side; i++) {
    // ITU-R BT.601, and half the contrast: the colours have to be told apart.
    const grey = 64 + 0.5 * (0.299 * out[3 * i]! + 0.587 * out[3 * i + 1]! + 0.114 * out[3 * i + 2]!);
    const share = Math.max(-1, Math.min(1, values[i]! / limit));
    const colour = share > 0 ? MAP_COLOURS.for : MAP_COLOURS.against;
    const alpha = OPAQUE * Math.abs(share);
    for (let c = 0; c < 3; c++) out[3 * i + c] = Math.round((1 - alpha) * grey + alpha * colour[c]!);
  }
  const file = await sharp(out, { raw: { width: side, height: side, channels: 3 } })
    .jpeg({ quality: 82, chromaSubsampling: '4:4:4' })
    .toBuffer();
  return { uri: `data:image/jpeg;base64,${file.toString('base64')}`, pixels: false };
}
