import type { Sheet } from './sheet.js';
import { familySheet, regimeSheet } from './study-advice.js';
import type { StudyReport } from './study-data.js';
import { dimensionSheet } from './study-dimensions.js';
import { errorSheet, lawSheet, spreadSheet } from './study-error.js';
import { frontierSheet, inversionSheet, rankSheet } from './study-frontiers.js';
import { gapSheet, overfittingSheet } from './study-gap.js';
import { resolutionSheet } from './study-resolution.js';
import { configurationSheet, halvingSheet, trialSheet } from './study-trials.js';

/** The numbers of every figure and table of the page as CSV, by file name; those without rows are left out. */
export function studyFigureCsv(report: StudyReport): { name: string; text: string }[] {
  const sheets: Sheet[] = [
    configurationSheet(report), trialSheet(report), regimeSheet(report), familySheet(report), errorSheet(report), lawSheet(report), spreadSheet(report), dimensionSheet(report),
    frontierSheet(report), rankSheet(report), inversionSheet(report), gapSheet(report), overfittingSheet(report), resolutionSheet(report), ...(report.halving === undefined ? [] : [halvingSheet(report.halving)]),
  ];
  return sheets.filter(({ rows }) => rows > 0).map(({ name, csv }) => ({ name: `${name}.csv`, text: csv() }));
}
