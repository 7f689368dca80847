import type { Command } from 'commander';
import { UsageError } from '../../errors.js';
import {
  COMPARED_SOURCES,
  type Family,
  familyOf,
  modelCost,
  modelFacts,
  modelNames,
  PUBLISHED_COMPARED,
  PUBLISHED_EFFICIENTNET,
  PUBLISHED_RESNET_RS,
  PUBLISHED_VIDEO,
  VIDEO_SOURCES,
} from '../../models/index.js';
import { didYouMean } from '../../suggest.js';
import { tellNext } from '../words.js';

/** Where a published accuracy comes from, by the number of its footnote. */
const SOURCES = [
  'Published for these pixels, EMA weights: tensorflow/tpu models/official/resnet/resnet_rs/README.md',
  'Published, trained with AutoAugment: tensorflow/tpu models/official/efficientnet/README.md',
  'Published, trained with RandAugment: tensorflow/tpu models/official/efficientnet/README.md',
];
const PICTURE_SOURCES: readonly string[] = [...SOURCES, ...Object.values(COMPARED_SOURCES)];
const CLIP_SOURCES: readonly string[] = Object.values(VIDEO_SOURCES);
const RULE =
  'efficientnet-rs-b0 to efficientnet-rs-b7 are EfficientNets below their own resolution: ' +
  'put the size behind the name, ' +
  'as in efficientnet-rs-b4@288. "rescaled models efficientnet-rs-b4@288" says what that costs. ' +
  'No accuracy is published as a number.';

interface Accuracy {
  /** Percent. */
  top1: number;
  source: string;
}
interface Row {
  name: string;
  family: Family;
  /** Of models of clips alone. */
  task?: 'video';
  frames?: number;
  size: number;
  /** Share of the shorter side that the published figures were measured with, and how pictures were resampled, where they are not ours. */
  crop?: number;
  interpolation?: string;
  parameters: number;
  /** Multiply-adds of one picture or clip in 1e9. */
  gmacs: number;
  /** Published top-1 of ImageNet, of clips of Kinetics-400; empty where there is none for this size. */
  published: Accuracy[];
}

export function register(program: Command): void {
  program
    .command('models')
    .description('list the models: resolution, parameters, multiply-adds, published accuracy')
    .argument('[pattern]', 'only names that contain this, or one name@size')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  rescaled models\n  rescaled models rs-101\n  rescaled models efficientnet-rs-b4@288\n  rescaled models resnet3d-50@8x112',
    )
    .action((pattern: string | undefined, flags: { json?: boolean }) => {
      const { rows, rule } = select(pattern);
      if (flags.json === true)
        console.log(JSON.stringify(rule ? [...rows, { family: 'efficientnet-rs', rule: RULE }] : rows, null, 2));
      else {
        console.log([...tables(rows), ...(rule ? ['', ...wrap(RULE)] : [])].join('\n').trim());
        tellNext('rescaled', 'profile', rows.length === 1 ? rows[0]!.name : 'MODEL');
      }
    });
}

/** The rows whose names contain the pattern, and whether the rule of EfficientNet-RS is asked for. */
function select(pattern: string | undefined): { rows: Row[]; rule: boolean } {
  const names = [...listed(), ...modelNames('clips')];
  const found = names.filter((name) => name.includes(pattern ?? ''));
  const ruled = modelNames().filter((name) => name.startsWith('efficientnet-rs-'));
  const rule = ruled.some((name) => name.includes(pattern ?? ''));
  if (found.length > 0 || rule) return { rows: found.map(rowOf), rule };
  // A size that is not in the list, or a mistake, of which modelFacts says what it is.
  if (pattern?.includes('@') === true) return { rows: [rowOf(modelFacts(pattern).name)], rule: false };
  const families = [...new Set([...modelNames(), ...modelNames('clips')].map(familyOf))];
  throw new UsageError(
    'Expected part of a model name but no model contains ' +
      `"${pattern}".${didYouMean(pattern!, [...families, ...names, ...ruled])} "rescaled models" lists them all.`,
  );
}

/** Each name, and `name@size` for the further sizes of a ResNet-RS or TResNet. */
function listed(): string[] {
  return modelNames()
    .filter((name) => !name.startsWith('efficientnet-rs-'))
    .flatMap((name) => {
      const others = PUBLISHED_RESNET_RS.filter(({ depth }) => name === `resnet-rs-${depth}`).slice(1);
      const larger = PUBLISHED_COMPARED.filter((row) => row.name === name).slice(1);
      return [name, ...others.map(({ resolution }) => resolution), ...larger.map(({ size }) => size)].map((size, i) =>
        i === 0 ? name : `${name}@${size}`,
      );
    });
}

function rowOf(name: string): Row {
  const facts = modelFacts(name);
  const { family, size, frames } = facts;
  if (facts.kind === 'resnet' && family === 'resnet-rs') {
    const row = PUBLISHED_RESNET_RS.find(({ depth, resolution }) => depth === facts.depth && resolution === size);
    if (row !== undefined)
      return {
        name,
        family,
        size,
        parameters: row.parameters,
        gmacs: row.gmacs,
        published: [{ top1: row.top1, source: SOURCES[0]! }],
      };
  }
  if (facts.kind === 'efficientnet' && family === 'efficientnet') {
    const row = PUBLISHED_EFFICIENTNET.find(
      ({ variant, resolution }) => variant === facts.variant && resolution === size,
    );
    if (row !== undefined) {
      const published = [
        { top1: row.top1, source: SOURCES[1]! },
        ...(row.top1RandAugment === undefined ? [] : [{ top1: row.top1RandAugment, source: SOURCES[2]! }]),
      ];
      return { name, family, size, parameters: row.parameters, gmacs: row.gmacs, published };
    }
  }
  if (facts.kind === 'tresnet' || facts.kind === 'resnest') {
    const row = PUBLISHED_COMPARED.find((other) => other.name === name.replace(/@.*/, '') && other.size === size);
    if (row !== undefined) {
      const published = row.top1.map(([top1, source]) => ({ top1, source: COMPARED_SOURCES[source] }));
      const { crop, interpolation, parameters, gmacs } = row;
      return { name, family, size, crop, interpolation, parameters, gmacs, published };
    }
  }
  const { parameters, multiplyAdds } = modelCost(name, { batch: 2 });
  const published = PUBLISHED_VIDEO.filter((row) => row.name === name).map(({ top1, source }) => ({
    top1,
    source: VIDEO_SOURCES[source],
  }));
  const of = frames === undefined ? {} : { task: 'video' as const, frames };
  return { name, family, ...of, size, parameters, gmacs: Number((multiplyAdds / 1e9).toFixed(3)), published };
}

/** Models of pictures, then those of clips, each with its own notes. */
function tables(rows: readonly Row[]): string[] {
  const [pictures, clips] = [rows.filter(({ frames }) => frames === undefined), rows.filter(({ frames }) => frames)];
  return [
    ...(pictures.length > 0 ? table(pictures, PICTURE_SOURCES) : []),
    ...(pictures.length > 0 && clips.length > 0 ? [''] : []),
    ...(clips.length > 0 ? table(clips, CLIP_SOURCES) : []),
  ];
}

function table(rows: readonly Row[], sources: readonly string[]): string[] {
  const clips = rows[0]!.frames !== undefined;
  const width = Math.max(...rows.map(({ name }) => name.length));
  const used = sources.filter((source) =>
    rows.some(({ published }) => published.some((accuracy) => accuracy.source === source)),
  );
  const mark = ({ top1, source }: Accuracy): string => `${top1.toFixed(1)} [${used.indexOf(source) + 1}]`;
  const lines = rows.map(({ name, frames, size, parameters, gmacs, published }) => {
    const facts = [
      (frames === undefined ? String(size) : `${frames}x${size}`).padStart(6),
      `${(parameters / 1e6).toFixed(2)} M`.padStart(10),
      `${gmacs.toFixed(2)} G`.padStart(13),
    ];
    return [name.padEnd(width), ...facts, published.map(mark).join('  ')].join('  ').trimEnd();
  });
  const notes = [
    ...used.map((source, i) => `[${i + 1}] ${source}.`),
    clips
      ? 'Models of clips: frames x pixels. Parameters (for 400 classes) and multiply-adds (of one clip) are counted.'
      : 'Parameters (for 1000 classes) and multiply-adds (of one picture; ' +
        "the ResNet-RS paper's FLOPs are twice as many) are counted.",
  ];
  return [
    `${'name'.padEnd(width)}  ${clips ? '  clip' : 'pixels'}  parameters  multiply-adds  ${clips ? 'Kinetics-400' : 'ImageNet'} top-1, %`,
    ...lines,
    '',
    ...notes.flatMap(wrap),
  ];
}

/** Lines that fit the terminal, broken between words. */
function wrap(text: string): string[] {
  const width = Math.max(40, Math.min(process.stdout.columns ?? 80, 120));
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines[lines.length - 1]!;
    if (last !== '' && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
}
