import type { Sheet } from '../draw/sheet.js';
import { familySheet, regimeSheet } from './advice.js';
import type { StudyReport } from './data.js';
import { dimensionSheet } from './dimensions.js';
import { errorSheet, lawSheet, spreadSheet } from './error.js';
import { frontierSheet, inversionSheet, rankSheet } from './frontiers.js';
import { gapSheet, overfittingSheet } from './gap.js';
import { resolutionSheet } from './resolution.js';
import { configurationSheet, halvingSheet, trialSheet } from './trials.js';

/** The numbers of every figure and table of the page as CSV, by file name; those without rows are left out. */
export function studyFigureCsv(report: StudyReport): { name: string; text: string }[] {
  const sheets: Sheet[] = [
    configurationSheet(report),
    trialSheet(report),
    regimeSheet(report),
    familySheet(report),
    errorSheet(report),
    lawSheet(report),
    spreadSheet(report),
    dimensionSheet(report),
    frontierSheet(report),
    rankSheet(report),
    inversionSheet(report),
    gapSheet(report),
    overfittingSheet(report),
    resolutionSheet(report),
    ...(report.halving === undefined ? [] : [halvingSheet(report.halving)]),
  ];
  return sheets.filter(({ rows }) => rows > 0).map(({ name, csv }) => ({ name: `${name}.csv`, text: csv() }));
}
