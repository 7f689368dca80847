import { join } from 'node:path';
import { makeFolder, writeFileAtomic } from '../files.js';
import { written } from '../metric.js';
import { studyFigureCsv } from '../report/study/csv.js';
import { renderStudy } from '../report/study/report.js';
import type { ScalingPlan } from '../study/plan/scaling-plan.js';
import { studyReport } from './facts.js';

export const studyPage = (folder: string): string => join(folder, 'report.html');

/** Writes report.html, report.json and the figures' numbers in figures/. @returns the page */
export function writeStudyPage(plan: ScalingPlan, folder: string): string {
  const data = studyReport(plan, folder);
  const figures = join(folder, 'figures');
  makeFolder(figures);
  for (const { name, text } of studyFigureCsv(data)) writeFileAtomic(join(figures, name), text);
  // A report without a task is of classification, as are all from before there were others.
  const { metric, ...rest } = data;
  const about = plan.task === undefined ? {} : { task: plan.task, metric };
  const json = written(metric, { format: 1, ...about, ...rest });
  writeFileAtomic(join(folder, 'report.json'), `${JSON.stringify(json, null, 1)}\n`);
  writeFileAtomic(studyPage(folder), renderStudy(data));
  return studyPage(folder);
}
