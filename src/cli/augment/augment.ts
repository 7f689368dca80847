import { existsSync, statSync } from 'node:fs';
import { extname } from 'node:path';
import type { Command } from 'commander';
import { type Pixels, pixelsOf } from '../../augment/pixels.js';
import { OPERATIONS, type OperationName, type Step } from '../../augment/policies/operations.js';
import {
  type AugmentPlan,
  applyStepsInPlace,
  augmentPlan,
  drawSteps,
  POLICIES,
  POLICY_TITLES,
  REFERENCE_SIDE,
  styleFor,
} from '../../augment/policies/plan.js';
import { drawOperation, VARIANTS } from '../../augment/policies/randaugment.js';
import { applySimclr, drawSimclr, SIMCLR_ATTEMPTS } from '../../augment/policies/simclr.js';
import { preprocessOptions } from '../../augment/preprocess.js';
import { Random } from '../../augment/random.js';
import { applyView, drawView, evalView } from '../../augment/view.js';
import { decodeFile } from '../../data/decoding/decode.js';
import { UsageError } from '../../errors.js';
import { writeFileAtomic } from '../../files.js';
import { didYouMean } from '../../suggest.js';
import { integer } from '../options.js';
import { checkOutput } from '../output.js';
import { clipGrid, isVideo } from './clips.js';
import { argumentText, type Cell, type Grid, gridHtml, gridPng } from './grid.js';

interface Flags {
  out: string;
  force?: boolean;
  op?: string;
  policy?: string;
  magnitudes: string;
  variant: string;
  size: number;
  seed: number;
}

export function register(program: Command): void {
  program
    .command('augment')
    .description(
      'draw what each augmentation does to a picture at each strength, or clips of a video, or pictures with their boxes, masks or depth, in random views',
    )
    .argument('<picture>', 'picture or video file, or a folder of pictures with boxes, masks or depth')
    .option('-o, --out <file>', 'PNG or HTML file', 'augment.png')
    .option('--force', 'replace an existing file')
    .option('--op <name>', `only this operation: ${OPERATIONS.slice(0, -1).join(', ')}`)
    .option('--policy <name>', `draws of a whole policy instead: ${POLICIES.slice(1).join(', ')}`)
    .option('--magnitudes <list>', 'strengths, a column each', '2,5,10,15,20')
    .option('--variant <name>', VARIANTS.join(', '), 'reference')
    .option('--size <pixels>', 'side at which it is done', integer, REFERENCE_SIDE)
    .option('--seed <n>', 'the same seed draws the same', integer, 0)
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  rescaled augment rose.jpg\n' +
        '  rescaled augment rose.jpg --op Posterize --magnitudes 0,5,10,15,20 -o posterize.png\n' +
        '  rescaled augment rose.jpg --policy randaugment --seed 3 -o draws.html\n' +
        '  rescaled augment cells --seed 3 -o boxes.png',
    )
    .action(run);
}

async function run(path: string, flags: Flags): Promise<void> {
  checkOutput(flags.out, { endings: ['.png', '.html'], inputs: [path], force: flags.force });
  if (flags.op !== undefined && flags.policy !== undefined)
    throw new UsageError('Expected --op or --policy but received both.');
  if (!(flags.size >= 8 && flags.size <= 1024))
    throw new UsageError(`Expected 8 to 1024 pixels for --size but received ${flags.size}.`);
  const operation = flags.op === undefined ? undefined : oneOf('--op', flags.op, OPERATIONS.slice(0, -1));
  const policy = flags.policy === undefined ? undefined : oneOf('--policy', flags.policy, POLICIES.slice(1));
  const variant = oneOf('--variant', flags.variant, VARIANTS);
  const magnitudes = flags.magnitudes.split(',').map((text) => (text.trim() === '' ? Number.NaN : Number(text)));
  if (magnitudes.some(Number.isNaN))
    throw new UsageError(`Expected numbers with commas between for --magnitudes but received "${flags.magnitudes}".`);
  // One plan a column: they also check the numbers.
  const plans = magnitudes.map((magnitude) => augmentPlan({ policy: policy ?? 'randaugment', magnitude, variant }));
  if (existsSync(path) && statSync(path).isDirectory()) {
    if (flags.op !== undefined || flags.policy !== undefined)
      throw new UsageError(
        `Expected a picture with --op or --policy but ${path} is a folder. Leave the option out, or give a picture.`,
      );
    const { annotatedGrid } = await import('./annotated.js');
    return write(await annotatedGrid(path, flags), flags.out);
  }
  if (isVideo(path)) {
    if (flags.op !== undefined)
      throw new UsageError(`Expected a picture with --op but ${path} is a video. Leave it out, or choose a --policy.`);
    return write(await clipGrid(path, policy && plans[0], flags), flags.out);
  }
  const decoded = await decodeFile(path, { targetSize: flags.size });
  const picture = pixelsOf(
    evalView(decoded, preprocessOptions({ size: flags.size, evalCrop: 1 })),
    flags.size,
    flags.size,
  );
  const grid =
    policy === undefined
      ? operationGrid(picture, plans, operation, flags)
      : policy === 'simclr'
        ? simclrGrid(decoded, picture, flags)
        : policyGrid(picture, plans, flags);
  return write(grid, flags.out);
}

async function write(grid: Grid, file: string): Promise<void> {
  const png = await gridPng(grid);
  writeFileAtomic(file, extname(file).toLowerCase() === '.png' ? png : gridHtml(grid.title, png));
  console.log(file);
}

function oneOf<T extends string>(option: string, value: string, known: readonly T[]): T {
  const found = known.find((name) => name.toLowerCase() === value.toLowerCase());
  if (found === undefined)
    throw new UsageError(
      `Expected ${known.join(', ')} for ${option} but received "${value}".${didYouMean(value, [...known])}`,
    );
  return found;
}

function cellOf(picture: Pixels, steps: readonly Step[], plan: AugmentPlan, caption: string): Cell {
  const data = picture.data.slice();
  applyStepsInPlace(steps, { ...picture, data }, styleFor(plan));
  return { picture: { ...picture, data }, caption };
}

/** A row an operation, a column a magnitude; sign and place are drawn once a row. */
function operationGrid(
  picture: Pixels,
  plans: readonly AugmentPlan[],
  only: OperationName | undefined,
  { seed, size, variant }: Flags,
): Grid {
  const names = only === undefined ? OPERATIONS.slice(0, -1) : [only];
  return {
    title: `${names.length === 1 ? names[0] : 'RandAugment'}, ${variant}, at ${size} pixels`,
    columns: ['unchanged', ...plans.map(({ magnitude }) => `magnitude ${magnitude}`)],
    rows: names.map((name, row) => ({
      name,
      cells: [
        { picture, caption: '' },
        ...plans.map((plan) => {
          const step = drawOperation(name, plan, size, size, new Random(seed, row));
          return cellOf(picture, [step], plan, argumentText(step));
        }),
      ],
    })),
  };
}

const DRAWS = 8;

/** Eight draws of a policy: RandAugment's at each magnitude, the others' side by side, with what was drawn below. */
function policyGrid(picture: Pixels, plans: readonly AugmentPlan[], { seed, size, variant }: Flags): Grid {
  const { policy } = plans[0]!;
  const byMagnitude = policy === 'randaugment';
  const columns = byMagnitude ? plans : Array.from({ length: 5 }, () => plans[0]!);
  return {
    title: `${POLICY_TITLES[policy]}${policy === 'trivialaugment' ? '' : `, ${variant}`}, at ${size} pixels, seed ${seed}`,
    columns: byMagnitude ? plans.map(({ magnitude }) => `magnitude ${magnitude}`) : [],
    rows: Array.from({ length: DRAWS }, (_, row) => ({
      name: `draw ${row + 1}`,
      cells: columns.map((plan, column) => {
        const steps = drawSteps(plan, size, size, new Random(seed, row, byMagnitude ? 0 : column));
        return cellOf(picture, steps, plan, steps.map(({ name }) => name).join(', ') || 'nothing');
      }),
    })),
  };
}

/** Pairs of SimCLR's views: the crop belongs to them. Below each is what was done to it besides. */
function simclrGrid(decoded: Pixels, picture: Pixels, { seed, size }: Flags): Grid {
  const options = preprocessOptions({ size, cropAttempts: SIMCLR_ATTEMPTS, cropFallback: 'whole' });
  const plan = augmentPlan({ policy: 'simclr' });
  const view = (random: Random): Cell => {
    const data = applyView(decoded, drawView(decoded.width, decoded.height, options, random));
    const draw = drawSimclr(plan, random);
    const done = [
      ...(draw.jitters.length > 0 ? ['colours'] : []),
      ...(draw.grey ? ['grey'] : []),
      ...(draw.sigma === undefined ? [] : [`blur ${draw.sigma.toFixed(1)}`]),
    ];
    applySimclr(draw, { data, width: size, height: size });
    return { picture: { data, width: size, height: size }, caption: done.join(', ') || 'crop and flip' };
  };
  return {
    title: `${POLICY_TITLES.simclr}, at ${size} pixels, seed ${seed}`,
    columns: ['unchanged', 'first view', 'second view', 'first view', 'second view'],
    rows: Array.from({ length: DRAWS / 2 }, (_, row) => ({
      name: `draws ${2 * row + 1}, ${2 * row + 2}`,
      cells: [{ picture, caption: '' }, ...[0, 1, 2, 3].map((column) => view(new Random(seed, row, column)))],
    })),
  };
}
