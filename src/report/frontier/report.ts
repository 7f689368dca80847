import { type LineChartOptions, lineChart, niceRange, standaloneChart } from '../draw/charts.js';
import { bytes, compact, count, missing, significant } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { renderPage } from '../draw/page.js';
import { td, tdNum, tdSorted, th, thNum, wideTable } from '../draw/table.js';
import type { Tone } from '../draw/theme.js';
import { type ExportedFiles, filesSection } from './files.js';

/** How the families are drawn, the first one being what the others are held against. */
const FAMILIES = {
  'ResNet-RS': { tone: 'one', labelSide: 'left', prefix: 'resnet-rs-' },
  EfficientNet: { tone: 'two', labelSide: 'right', prefix: 'efficientnet-' },
  TResNet: { tone: 'three', labelSide: 'right', prefix: 'tresnet-' },
  ResNeSt: { tone: 'four', labelSide: 'right', prefix: 'resnest-' },
  NFNet: { tone: 'five', labelSide: 'right', prefix: 'dm-nfnet-' },
  LambdaResNet: { tone: 'six', labelSide: 'right', prefix: 'lambda-resnet-' },
} as const satisfies Record<string, { tone: Tone; labelSide: 'left' | 'right'; prefix: string }>;
export type FrontierFamily = keyof typeof FAMILIES;

/** A model with its published accuracy and what was measured here. Times are medians of one step of the batch. */
export interface FrontierRow {
  model: string;
  family: FrontierFamily;
  size: number;
  /** ImageNet top-1 in percent, and how it was trained. */
  top1: number;
  top1Source: string;
  parameters: number;
  multiplyAdds: number;
  trainStepMs: number;
  trainStepRange: readonly [number, number];
  inferenceMs: number;
  inferenceRange: readonly [number, number];
  peakMemoryBytes?: number;
}

/**
 * How many times as much a model of another family costs as the ResNet-RS frontier at its accuracy; undefined where the frontier
 * does not reach.
 */
export interface FrontierRatio {
  model: string;
  top1: number;
  train?: number;
  inference?: number;
  memory?: number;
  multiplyAdds?: number;
  publishedTpu?: number;
  publishedV100?: number;
}

export interface FrontierReport {
  generatedAt: string;
  machine: string;
  device: string;
  engine: string;
  threads: number;
  batch: number;
  runs: number;
  rows: readonly FrontierRow[];
  ratios: readonly FrontierRatio[];
  skipped: readonly { model: string; why: string }[];
  command: string;
  /** Exported files in several precisions. */
  files?: ExportedFiles;
}

type Measure = 'trainStepMs' | 'inferenceMs' | 'peakMemoryBytes' | 'multiplyAdds';
const MEASURES: { key: Measure; id: string; title: string; axis: string; unit: number }[] = [
  { key: 'trainStepMs', id: 'train', title: 'Training step', axis: 'seconds a step', unit: 1e3 },
  { key: 'inferenceMs', id: 'inference', title: 'Inference', axis: 'seconds a batch', unit: 1e3 },
  { key: 'peakMemoryBytes', id: 'memory', title: 'Peak memory of training', axis: 'GB', unit: 1e9 },
  {
    key: 'multiplyAdds',
    id: 'multiply-adds',
    title: 'Multiply-adds, for comparison',
    axis: '10⁹ a picture',
    unit: 1e9,
  },
];

function chart(report: FrontierReport, { key, id, title, axis, unit }: (typeof MEASURES)[number]): LineChartOptions {
  const of = (family: FrontierFamily) =>
    report.rows.filter((row) => row.family === family && row[key] !== undefined).sort((a, b) => a[key]! - b[key]!);
  const values = report.rows.flatMap((row) => (row[key] === undefined ? [] : row[key] / unit));
  const tops = report.rows.map((row) => row.top1);
  const y = niceRange(Math.min(...tops) - 0.3, Math.max(...tops) + 0.3);
  const line = (family: FrontierFamily) => ({
    name: family,
    tone: FAMILIES[family].tone,
    labelSide: FAMILIES[family].labelSide,
    points: of(family).map((row) => [row[key]! / unit, row.top1] as const),
    labels: of(family).map(({ model }) => {
      const { prefix } = FAMILIES[family];
      return (model.startsWith(prefix) ? model.slice(prefix.length) : model).replace(/^[bf](?=\d)/, (letter) =>
        letter.toUpperCase(),
      );
    }),
  });
  return {
    id,
    title,
    height: 340,
    lines: measured(report).map(line),
    x: {
      name: `${axis}, logarithmic`,
      log: 2,
      min: 2 ** Math.floor(Math.log2(Math.min(...values) * 0.95)),
      // Room for the name of the last point.
      max: 2 ** Math.ceil(Math.log2(Math.max(...values) * 1.4)),
      format: (value) => String(Number(significant(value, 3))),
    },
    y: { ...y, format: (value) => `${value} %` },
  };
}

/** The families of which there are rows. */
const measured = ({ rows }: FrontierReport): FrontierFamily[] =>
  (Object.keys(FAMILIES) as FrontierFamily[]).filter((family) => rows.some((row) => row.family === family));

const times = (ratio: number | undefined): string => (ratio === undefined ? missing : `${ratio.toFixed(2)} ×`);
const range = ([low, high]: readonly [number, number]): string => `${count(low)} to ${count(high)}`;

const RATIO_HEADS = [
  'top-1',
  'training step',
  'inference',
  'memory',
  'multiply-adds',
  'paper, TPU v3',
  'paper, V100',
] as const;

function ratioTable({ ratios }: FrontierReport): Html {
  const rows = ratios.map((row) => {
    const costs = [row.train, row.inference, row.memory, row.multiplyAdds, row.publishedTpu, row.publishedV100];
    return html`<tr>${td(row.model)}${tdNum(`${row.top1.toFixed(1)} %`)}${costs.map((cost) => tdNum(times(cost)))}</tr>`;
  });
  return wideTable([th('model'), RATIO_HEADS.map(thNum)], rows, { table: '' });
}

const FIGURE_HEADS = [
  'pixels',
  'top-1',
  'parameters',
  'multiply-adds',
  'training step, ms',
  'inference, ms',
  'peak memory',
] as const;

function figures({ rows }: FrontierReport): Html {
  const time = (median: number, of: readonly [number, number]): Html =>
    html`${count(median)}<br><small>${range(of)}</small>`;
  const cells = rows.map((row) => [
    td(row.model),
    tdSorted(row.size, row.size),
    tdSorted(row.top1, `${row.top1.toFixed(1)} %`),
    tdSorted(row.parameters, compact(row.parameters)),
    tdSorted(row.multiplyAdds, compact(row.multiplyAdds)),
    tdSorted(row.trainStepMs, time(row.trainStepMs, row.trainStepRange)),
    tdSorted(row.inferenceMs, time(row.inferenceMs, row.inferenceRange)),
    tdSorted(row.peakMemoryBytes ?? 0, row.peakMemoryBytes === undefined ? missing : bytes(row.peakMemoryBytes)),
  ]);
  return wideTable(
    [th('model'), FIGURE_HEADS.map(thNum)],
    cells.map((row) => html`<tr>${row}</tr>`),
    { table: 'sortable full' },
  );
}

/** The drawings as files of their own, by name. */
export function frontierDrawings(report: FrontierReport): Map<string, string> {
  return new Map(
    MEASURES.filter(({ key }) => report.rows.some((row) => row[key] !== undefined)).map((measure) => [
      `${measure.id}.svg`,
      standaloneChart(chart(report, measure)),
    ]),
  );
}

const titleOf = ([first, ...others]: readonly FrontierFamily[]): string =>
  `${first}${others.length > 0 ? ' against ' : ''}${others.join(', ').replace(/, (?=[^,]*$)/, ' and ')}, measured here`;

/** The speed-accuracy frontier of ResNet-RS and other families on one machine as a self-contained page. */
export function renderFrontier(report: FrontierReport): string {
  const shown = MEASURES.filter(({ key }) => report.rows.some((row) => row[key] !== undefined));
  const sources = [...new Set(report.rows.map((row) => `${row.family}: ${row.top1Source}`))];
  return renderPage({
    kind: 'Speed-accuracy frontier',
    title: titleOf(measured(report)),
    subtitle: html`${report.machine}, ${report.device}, ${report.threads} threads, ${report.engine}; batch \
${report.batch}, median of ${report.runs} runs`,
    head: html`<br><p>Time and memory were measured on this machine with freshly initialised weights; the accuracies \
are the published ones and were not measured here. The paper's times are of other machines (TPU v3 in bfloat16, V100 \
in float32), so its ratios and these may differ: what is fast depends on the hardware.</p>`,
    sections: [
      {
        id: 'frontier',
        title: 'The frontier',
        body: html`<div class="charts">${shown.map((measure) => lineChart(chart(report, measure)))}</div>`,
      },
      {
        id: 'ratios',
        title: 'How many times as much another model costs than a ResNet-RS of its accuracy',
        body: html`${ratioTable(report)}
<p class="note">The cost of the ResNet-RS frontier at the model's accuracy is interpolated between its two \
nearest models (the logarithm of the cost, linear in the accuracy); ${missing} where no measured ResNet-RS lies on both \
sides. The paper's columns are computed in the same way from its published latencies, which exist for few EfficientNets. \
Over all its models the paper says 1.7 to 2.7 times faster on TPUs and 2.1 to 3.3 times on V100 GPUs (Figure 4).</p>`,
      },
      { id: 'figures', title: 'All figures', body: figures(report) },
      ...(report.files === undefined
        ? []
        : [{ id: 'files', title: 'Exported files in int8 and float16', body: filesSection(report.files) }]),
      {
        id: 'measured',
        title: 'What was measured where',
        body: html`<ul class="findings"><li>Training step: forward, loss, backward and SGD update on random pictures, \
float32. Inference: forward in evaluation mode in the same engine. Each model in a process of its own.</li>
<li>Peak memory: growth of the process's resident memory over the engine alone${
          report.device.startsWith('cuda') && ' (on a GPU: memory of the device)'
        }.</li>
${sources.map((source) => html`<li>Accuracy of ${source}.</li>`)}
<li>Command: <code>${report.command}</code></li>
${report.skipped.map(({ model, why }) => html`<li>${model} was left out: ${why}.</li>`)}</ul>`,
      },
    ],
    footer: `Made by Rescaled, ${report.generatedAt}`,
  });
}
