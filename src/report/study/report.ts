import { picturesOf } from '../../part-words.js';
import { count, moment } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { commandList, pairList } from '../draw/lists.js';
import { measureOf } from '../draw/measure.js';
import { renderPage, type Section } from '../draw/page.js';
import { LEAST_SEEDS } from '../statistics.js';
import { familyTable, nextTable, regimeTable } from './advice.js';
import type { StudyReport } from './data.js';
import { dimensionFigure } from './dimensions.js';
import { errorFigure } from './error.js';
import { studyFindings } from './findings.js';
import { frontierFigure } from './frontiers.js';
import { gapFigure } from './gap.js';
import { resolutionFigure } from './resolution.js';
import { configurationSection, halvingSection } from './trials.js';
import { ADD_SEEDS, families, regimes, resolutions, trained, words } from './words.js';

export type { StudyConfiguration, StudyReport } from './data.js';

/** The page of a scaling study, finished or not. */
export function renderStudy(report: StudyReport): string {
  const { data, configurations, halving, metric } = report;
  const pictures =
    `${count(data.trainPictures)} training and ${picturesOf(data.part ?? 'test', data.testPictures, count)}` +
    (data.classes > 0 ? ` of ${count(data.classes)} classes` : '');
  const made = [{ key: 'Seeds', value: report.seeds.join(', ') || 'none' }, ...report.common, ...report.environment];
  const [next, findings] = [nextTable(report), studyFindings(report)];
  const sections: Section[] = [
    { id: 'pays', title: 'Which dimension pays', body: regimeTable(report) },
    { id: 'family', title: 'The proposed family', body: familyTable(report) },
    ...(next === undefined ? [] : [{ id: 'next', title: 'What to try next', body: next }]),
    { id: 'error-flops', title: 'Error against FLOPs', body: errorFigure(report) },
    { id: 'dimensions', title: 'Depth or width', body: dimensionFigure(report) },
    { id: 'frontier', title: 'The frontier', body: frontierFigure(report) },
    { id: 'gap', title: 'Over-fitting', body: gapFigure(report) },
    { id: 'resolution', title: 'Resolution', body: resolutionFigure(report) },
    ...(halving === undefined
      ? []
      : [{ id: 'halving', title: 'Successive halving', body: halvingSection(halving, metric) }]),
    { id: 'configurations', title: 'All configurations', body: configurationSection(report) },
    { id: 'comparable', title: 'What can be compared', body: comparable(report) },
    {
      id: 'made',
      title: 'How it was made',
      body: html`${pairList(made)}${commandList(report.commands)}`,
    },
  ];
  return renderPage({
    title: report.title,
    kind: 'Scaling study',
    subtitle: html`${count(configurations.length)} ${
      configurations.length === 1 ? 'configuration' : 'configurations'
    } of ${words(families(report)) || 'no family'}; ${words(regimes(report).map(String)) || 'no'} epochs; ${
      words(resolutions(report).map(String)) || 'no'
    } pixels; ${pictures}; ${moment(report.generatedAt)}`,
    head: html`${warnings(report)}
<ul class="findings">${findings.map(
      ({ lead, text }) => html`<li>${lead !== undefined && html`<b>${lead}</b> `}${text}</li>`,
    )}</ul>${
      findings.length > 1 &&
      html`<p class="note">In brackets: 95\u00a0% intervals, which speak of seeds and not of other pictures.${
        metric.unit === 'share' && ` A point is a percentage point of ${measureOf(metric).title}.`
      }</p>`
    }`,
    sections,
    footer: `Made by Rescaled, ${moment(report.generatedAt)}`,
  });
}

function warnings(report: StudyReport): Html | undefined {
  const trials = (pick: 'done' | 'failed' | 'pending'): number =>
    report.configurations.reduce((sum, one) => sum + one[pick].length, 0);
  const [done, failed, pending] = [trials('done'), trials('failed'), trials('pending')];
  const all = done + failed + pending;
  const add = report.commands.find(({ what }) => what === ADD_SEEDS);
  const few = trained(report).filter(({ done: seeds }) => seeds.length < LEAST_SEEDS).length;
  const said = [
    ...(pending > 0
      ? [`${count(pending)} of ${count(all)} trials are not done yet: figures and intervals will change.`]
      : []),
    ...(failed > 0
      ? [`${count(failed)} of ${count(all)} trials failed; they are named below the table of all configurations.`]
      : []),
    ...(few > 0
      ? [
          `${count(few)} ${few === 1 ? 'configuration has' : 'configurations have'} fewer than ${LEAST_SEEDS} seeds: ` +
            `a difference may be chance, and none is judged.${add === undefined ? '' : ` Add seeds: ${add.command}`}`,
        ]
      : []),
    ...report.warnings,
  ];
  return said.length === 0
    ? undefined
    : html`<div class="warnings" role="note"><h2>${
        pending > 0 ? 'Not finished' : 'To be read with care'
      }</h2><ul>${said.map((text) => html`<li>${text}</li>`)}</ul></div>`;
}

function comparable({ data, metric }: StudyReport): Html {
  return html`<p>Comparable: the configurations of this page with each other, seed by seed, within a regime. Not \
comparable: ${measureOf(metric).nouns} here with those of the paper, which are of ImageNet (1.28 million pictures, 1000 \
classes) and up to 350 epochs, and times here with its TPUs and GPUs. Here: ${data.name}, \
${count(data.trainPictures)} training pictures${data.classes > 0 && `, ${count(data.classes)} classes`}. What carries over is the question, not \
the answer: which dimension pays depends on pictures and epochs, and over-fitting begins sooner with fewer pictures. An \
interval over seeds does not cover the choice of ${picturesOf(data.part ?? 'test', data.testPictures, count)}.</p>`;
}
