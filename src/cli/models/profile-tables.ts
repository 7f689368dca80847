import { csvRow } from '../../csv.js';
import type { LayerCost, ModelCost } from '../../models/index.js';
import { plural } from '../../suggest.js';
import { table } from '../table.js';

/**
 * One entry of `rescaled profile --json`. Counts are for one picture, memory in bytes, times in milliseconds for a
 * whole batch.
 */
export interface ModelProfile extends Omit<ModelCost, 'layers'> {
  layers?: LayerCost[];
  /**
   * With --measure: medians, and the lowest and highest of the runs. Inference is the engine's, in eval mode without
   * gradients.
   */
  measured?: {
    trainStepMs: number;
    trainStepMsLow: number;
    trainStepMsHigh: number;
    inferenceMs: number;
    inferenceMsLow: number;
    inferenceMsHigh: number;
    trainImagesPerSecond: number;
    inferenceImagesPerSecond: number;
    /** Growth of the process over training steps (docs/cost.md); null where it cannot be measured. */
    peakMemoryBytes: number | null;
    runs: number;
    threads: number;
    device: string;
  };
}

/** Bytes for people, in binary units. */
export const bytes = (n: number): string =>
  n >= 2 ** 30 ? `${(n / 2 ** 30).toFixed(2)} GiB` : `${(n / 2 ** 20).toFixed(0)} MiB`;
const millions = (n: number): string => `${(n / 1e6).toFixed(2)} M`;
const billions = (n: number): string => `${(n / 1e9).toFixed(2)} G`;

/** `224`, of a model of clips `32x224`. */
const sizeOf = ({ frames, size }: Pick<ModelCost, 'frames' | 'size'>): string =>
  frames === undefined ? String(size) : `${frames}x${size}`;

export function profileTable(profiles: readonly ModelProfile[]): string {
  const { batch } = profiles[0]!;
  const rows = profiles.map((p) => [
    p.model,
    sizeOf(p),
    millions(p.parameters),
    billions(p.multiplyAdds),
    billions(p.flops),
    millions(p.activations),
    bytes(p.trainMemoryBytes),
  ]);
  const lines = [
    table(
      [['model', 'size', 'parameters', 'multiply-adds', 'FLOPs (2 each)', 'activations', 'training memory'], ...rows],
      1,
    ),
    `Counts are for one ${pieces(profiles)}; training memory is predicted, for batch ${batch} in ${profiles[0]!.precision}.`,
  ];
  const speeds = profiles.flatMap(({ measured: m, ...p }) =>
    m === undefined
      ? []
      : [
          [
            p.model,
            sizeOf(p),
            ...time(m.trainStepMs, m.trainStepMsLow, m.trainStepMsHigh, m.trainImagesPerSecond),
            ...time(m.inferenceMs, m.inferenceMsLow, m.inferenceMsHigh, m.inferenceImagesPerSecond),
            m.peakMemoryBytes === null ? 'not measured' : bytes(m.peakMemoryBytes),
          ],
        ],
  );
  const first = profiles.find(({ measured }) => measured !== undefined)?.measured;
  if (first !== undefined) {
    lines.push(
      '',
      table(
        [
          [
            'model',
            'size',
            'training step (low to high)',
            `${pieces(profiles, 's')}/s`,
            'inference (low to high)',
            `${pieces(profiles, 's')}/s`,
            'memory',
          ],
          ...speeds,
        ],
        1,
      ),
      `Measured on ${first.device}, ${plural(first.threads, 'thread')}, batch ${batch} in ${profiles[0]!.precision}: ` +
        `medians of ${plural(first.runs, 'run')}. ` +
        "A training step is forward, loss, backward and SGD; inference is the engine's, " +
        'in eval mode without gradients; memory is the growth of the process over training steps.',
    );
  }
  return lines.join('\n');
}

/** What counts are for: pictures, clips, or both where both are asked for. */
function pieces(profiles: readonly ModelProfile[], plural = ''): string {
  const clips = profiles.filter(({ frames }) => frames !== undefined).length;
  return clips === 0
    ? `picture${plural}`
    : clips === profiles.length
      ? `clip${plural}`
      : `picture${plural} or clip${plural}`;
}

const time = (median: number, low: number, high: number, imagesPerSecond: number): string[] => [
  `${median.toFixed(0)} ms (${low.toFixed(0)} to ${high.toFixed(0)})`,
  imagesPerSecond.toFixed(1),
];

export function layersTable({ model, frames, size, layers }: ModelCost): string {
  const rows = layers.map((l) => [
    l.path,
    l.operator,
    l.output.join('x'),
    String(l.parameters),
    String(l.multiplyAdds),
    String(l.activations),
  ]);
  return (
    `${model} at ${frames === undefined ? '' : `${frames} frames of `}${size} pixels, for one ${frames === undefined ? 'picture' : 'clip'}:\n` +
    `${table([['layer', 'operator', 'output', 'parameters', 'multiply-adds', 'activations'], ...rows], 3)}`
  );
}

const csv = (rows: readonly (readonly (string | number | null)[])[]): string => rows.map(csvRow).join('\n');

export function profileCsv(profiles: readonly ModelProfile[]): string {
  const columns = [
    'model',
    ...(profiles.some(({ frames }) => frames !== undefined) ? (['frames'] as const) : []),
    'size',
    'batch',
    'precision',
    'parameters',
    'multiplyAdds',
    'flops',
    'activations',
    'trainMemoryBytes',
  ] as const;
  const first = profiles[0]!.measured;
  const times = first === undefined ? [] : (Object.keys(first) as (keyof typeof first)[]);
  return csv([
    [...columns, ...times],
    ...profiles.map((p) => [...columns.map((column) => p[column] ?? null), ...times.map((key) => p.measured![key])]),
  ]);
}

export function layersCsv(costs: readonly ModelCost[]): string {
  const rows = costs.flatMap(({ model, size, layers }) =>
    layers.map((l) => [
      model,
      size,
      l.path,
      l.operator,
      l.output.join('x'),
      l.parameters,
      l.multiplyAdds,
      l.activations,
    ]),
  );
  return csv([['model', 'size', 'layer', 'operator', 'output', 'parameters', 'multiplyAdds', 'activations'], ...rows]);
}
