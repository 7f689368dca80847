import type { Pixels } from '../../augment/pixels.js';
import { type PreprocessOptions, preprocessOptions } from '../../augment/preprocess.js';
import { Random } from '../../augment/random.js';
import { applyView, drawView, evalViewOf, type View } from '../../augment/view.js';
import { type DetectTargets, detectTargets } from '../../data/annotations/detect-targets.js';
import { openAnnotated } from '../../data/annotations/look.js';
import {
  type DepthTargets,
  depthTargets,
  type SegmentTargets,
  segmentTargets,
} from '../../data/annotations/map-targets.js';
import { type FoundAnnotations, whichAnnotations } from '../../data/annotations/which.js';
import { openTargets, type TargetReader, type TargetSpec, type Targets } from '../../data/loading/targets.js';
import { readPixels, type Source } from '../../data/sources/source.js';
import { UsageError } from '../../errors.js';
import type { Cell, Grid } from './grid.js';

const PICTURES = 4;
const VIEWS = 4;
/** How much of a colour is laid on a picture. */
const INK = 0.55;

/**
 * Pictures of a folder with their boxes, masks or depth, whole and in random views of two ranges of size.
 * @throws UsageError for a folder without annotations
 */
export async function annotatedGrid(path: string, { seed, size }: { seed: number; size: number }): Promise<Grid> {
  const found = await whichAnnotations(path);
  if (found === undefined)
    throw new UsageError(
      `Expected a picture, or a folder of pictures with boxes, masks or depth, but ${path} has none of these. Give a picture.`,
    );
  const { val: source, name, classes } = await openAnnotated(path, found, { need: 'val', take: 'all', maxBroken: 1 });
  const draw = await drawerOf(found, source);
  const order = new Random(seed).permutation(source.length).subarray(0, PICTURES);
  const options = (scaleRange: [number, number]): PreprocessOptions =>
    preprocessOptions({ size, fit: 'letterbox', cropMode: 'scale', scaleRange });
  const [usual, large] = [options([0.75, 1.5]), options([0.1, 2])];
  const rows: { name: string; cells: Cell[] }[] = [];
  for (const [row, index] of order.entries()) {
    const pixels = await readPixels(source, index, size);
    const { width, height } = pixels;
    const cells = [await draw(index, pixels, evalViewOf(width, height, usual))];
    for (let k = 0; k < VIEWS; k++)
      cells.push(
        await draw(index, pixels, drawView(width, height, k < VIEWS / 2 ? usual : large, new Random(seed, row, k))),
      );
    rows.push({ name: shortened(source.describe(index)), cells });
  }
  const what = { boxes: 'boxes', masks: 'masks', depth: 'depth' }[found.kind];
  const named = found.kind === 'depth' ? '' : `: ${classes.slice(0, 6).join(', ')}${classes.length > 6 ? ' ...' : ''}`;
  return {
    title: `${name}, ${what}${named}, at ${size} pixels, seed ${seed}`,
    columns: ['whole', ...['0.75 to 1.5', '0.75 to 1.5', '0.1 to 2', '0.1 to 2'].map((range) => `scale ${range}`)],
    rows,
    side: 224,
  };
}

const shortened = (path: string): string => {
  const name = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
  return name.length > 13 ? `${name.slice(0, 4)}…${name.slice(-8)}` : name;
};

type Drawer = (index: number, pixels: Pixels, view: View) => Promise<Cell>;

async function drawerOf({ kind }: FoundAnnotations, source: Source): Promise<Drawer> {
  const { classes } = source;
  if (kind === 'boxes')
    return drawer(detectTargets(), source, (data, size, targets) => drawBoxes(data, size, targets, classes));
  if (kind === 'masks') return drawer(segmentTargets(), source, (data, _, { masks }) => drawMask(data, masks, classes));
  return drawer(depthTargets(), source, (data, _, { depths }) => drawDepth(data, depths));
}

/** @param ink draws the targets, and says them in short */
async function drawer<T extends DetectTargets | SegmentTargets | DepthTargets>(
  spec: TargetSpec<T>,
  source: Source,
  ink: (data: Uint8Array, size: number, targets: T) => string,
): Promise<Drawer> {
  const reader: TargetReader<T & Targets> = await openTargets(spec, source);
  return async (index, pixels, view) => {
    const data = applyView(pixels, view);
    const writer = reader.writer(1, 'train');
    await writer.add({ index, pixels, view });
    const caption = ink(data, view.size, writer.finish());
    return { picture: { data, width: view.size, height: view.size }, caption };
  };
}

/** Colours far apart, by the golden angle: red, green, blue. */
function colourOf(label: number): [number, number, number] {
  const hue = ((label * 137.508) % 360) / 60;
  const part = (offset: number): number => {
    const k = (offset + hue) % 6;
    return Math.round(255 * (1 - Math.max(0, Math.min(k, 4 - k, 1))));
  };
  return [part(5), part(3), part(1)];
}

function drawBoxes(
  data: Uint8Array,
  size: number,
  { boxes, classes }: DetectTargets,
  names: readonly string[],
): string {
  const thick = Math.max(1, Math.round(size / 150));
  for (const [k, label] of classes.entries()) {
    const [x0, y0, x1, y1] = Array.from(boxes.subarray(4 * k, 4 * k + 4), Math.round) as [
      number,
      number,
      number,
      number,
    ];
    const colour = colourOf(label);
    const fill = (left: number, top: number, right: number, bottom: number): void => {
      for (let y = Math.max(0, top); y < Math.min(size, bottom); y++)
        for (let x = Math.max(0, left); x < Math.min(size, right); x++) data.set(colour, 3 * (y * size + x));
    };
    fill(x0, y0, x1, y0 + thick);
    fill(x0, y1 - thick, x1, y1);
    fill(x0, y0, x0 + thick, y1);
    fill(x1 - thick, y0, x1, y1);
  }
  return commonest(classes, names, (count) => `${count}`) || 'no boxes';
}

function lay(data: Uint8Array, i: number, colour: readonly number[]): void {
  for (let c = 0; c < 3; c++) data[3 * i + c] = Math.round((1 - INK) * data[3 * i + c]! + INK * colour[c]!);
}

function drawMask(data: Uint8Array, mask: Uint8Array, names: readonly string[]): string {
  const asked: number[] = [];
  for (const [i, label] of mask.entries()) {
    if (label === 255) continue;
    asked.push(label);
    lay(data, i, colourOf(label));
  }
  return commonest(asked, names, (count) => `${Math.round((100 * count) / mask.length)} %`) || 'nothing asked for';
}

/** Near is yellow, far is blue. */
function drawDepth(data: Uint8Array, depths: Float32Array): string {
  let [near, far] = [Infinity, 0];
  for (const depth of depths) if (depth > 0) [near, far] = [Math.min(near, depth), Math.max(far, depth)];
  if (far === 0) return 'no reading';
  for (const [i, depth] of depths.entries()) {
    if (depth === 0) continue;
    const t = far > near ? (depth - near) / (far - near) : 0;
    lay(data, i, [255 * (1 - t), 220 * (1 - t) + 40 * t, 255 * t]);
  }
  return `${near.toFixed(1)} to ${far.toFixed(1)} m`;
}

/** The commonest classes with how often they are there: `12 RBC, 1 WBC`. */
function commonest(labels: ArrayLike<number>, names: readonly string[], many: (count: number) => string): string {
  const counts = new Map<number, number>();
  for (const label of Array.from(labels)) counts.set(label, (counts.get(label) ?? 0) + 1);
  const sorted = [...counts].sort((a, b) => b[1] - a[1]);
  return sorted
    .slice(0, 3)
    .map(([label, count]) => `${many(count)} ${names[label]}`)
    .join(', ');
}
