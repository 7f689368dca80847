import { cpus } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { withoutPlaces, writeFileAtomic } from '../files.js';
import { written } from '../metric.js';
import type { MeasuredPart } from '../part-words.js';
import { type AblationReport, type AblationRow, renderAblation } from '../report/ablation/report.js';
import { difference } from '../study/analysis/statistics.js';
import type { StudyPlan } from '../study/plan/ablation.js';
import { studyCsv, summarise, type VariantFigures } from '../study/trials/summary.js';
import { metricsOf } from '../tasks/index.js';

/** What the page says of a study besides its results. */
export interface StudyFacts {
  title: string;
  data: { name: string; classes: number; trainPictures: number; testPictures: number; part?: MeasuredPart };
  /** The folder of the pictures. */
  place: string;
  model: string;
  size: number;
  common: { key: string; value: string }[];
  command: string;
  /** Whether the rows are the paper's, and from which of its tables. */
  table?: 1 | 2 | 6;
}

const SOURCES = {
  1:
    'Published: paper Table 1, ResNet-200 on ImageNet, read from a public transcription; ' +
    'each row adds to the one before it.',
  2:
    'Published: paper Table 2, accuracies on a held-out part of the training pictures of ImageNet, ' +
    'read from a public transcription.',
  6:
    'Published: paper section 7.5 on Table 6, 3D-ResNet-50 on Kinetics-400; where nothing stands the row is not recovered, nor is their order. ' +
    'Each row adds to the one before it.',
} as const;

export const ablationPage = (folder: string): string => join(folder, 'ablation.html');

/** Writes ablation.json, ablation.csv and ablation.html from the results so far. */
export function writeAblation(folder: string, plan: StudyPlan, facts: StudyFacts): VariantFigures[] {
  const found = summarise(plan, folder);
  const rows = found.map(passedOn(folder, facts));
  const report = reportOf(rows, plan, facts);
  // A report without a task is of classification, as are all from before there were others.
  const { metric, proportion: _ofPictures, ...rest } = report;
  const about = plan.task === undefined ? {} : { task: plan.task, metric };
  const json = written(metric, { format: 1, ...about, ...rest, rows });
  writeFileAtomic(join(folder, 'ablation.json'), `${JSON.stringify(json, null, 2)}\n`);
  writeFileAtomic(join(folder, 'ablation.csv'), studyCsv(rows, metric));
  writeFileAtomic(ablationPage(folder), renderAblation(report));
  return found;
}

/** Without places of this machine but the data's from the study's folder: the file may be passed on. */
const passedOn =
  (folder: string, { place, data }: StudyFacts) =>
  (row: VariantFigures): VariantFigures => ({
    ...row,
    done: row.done.map((one) => ({
      ...one,
      options: { ...one.options, data: relative(resolve(folder), resolve(String(one.options['data']))) },
    })),
    failed: row.failed.map((one) => ({ ...one, reason: withoutPlaces(place, data.name)(one.reason) })),
  });

const bySeed = ({ done }: VariantFigures): Map<number, number> => new Map(done.map(({ seed, score }) => [seed, score]));

function reportOf(rows: readonly VariantFigures[], { kind, task }: StudyPlan, facts: StudyFacts): AblationReport {
  const [metric] = metricsOf(task);
  const results = rows.flatMap(({ done }) => done);
  const versions = (pick: 'rescaled' | 'engine' | 'node'): string =>
    [...new Set(results.map((result) => result.versions[pick]))].join(', ');
  const { table, place: _ofThisMachine, ...rest } = facts;
  return {
    ...rest,
    kind,
    generatedAt: new Date().toISOString(),
    metric,
    // A classifier's accuracy is the share of pictures that it gets right.
    proportion: task === undefined,
    rows: rows as readonly AblationRow[],
    ...(kind === 'additive' && { total: difference(bySeed(rows[0]!), bySeed(rows.at(-1)!), metric) }),
    paperSource: table === undefined ? 'Published: as the file with the order gives them.' : SOURCES[table],
    environment: [
      { key: 'Processor', value: `${cpus()[0]?.model.trim() ?? 'unknown'}, ${cpus().length} cores` },
      ...(results.length === 0
        ? []
        : [
            { key: 'Threads of a trial', value: [...new Set(results.map(({ threads }) => threads))].join(', ') },
            {
              key: 'Versions',
              value: `Rescaled ${versions('rescaled')}, ${versions('engine')}, Node.js ${versions('node')}`,
            },
          ]),
    ],
  };
}
