import { type Metric, ofTraining } from '../../metric.js';
import { count, decimals, missing, percent } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { measureOf } from '../draw/measure.js';
import { download, type Sheet, sheet } from '../draw/sheet.js';
import { below, td, tdNamed, tdNum, tdWords, th, thNum, tr, wideTable } from '../draw/table.js';
import type { Halving, RungOutcome } from './analysis.js';
import { type StudyConfiguration, type StudyReport, studyCost } from './data.js';
import { COST_WORDS, epochWords } from './words.js';

/** Failed trials that the page names. */
const NAMED = 40;

const state = ({ done, failed, pending, droppedAtEpoch }: StudyConfiguration): string =>
  [
    `${done.length}`,
    ...(failed.length > 0 ? [`${failed.length} failed`] : []),
    ...(pending.length > 0 ? [`${pending.length} to do`] : []),
    ...(droppedAtEpoch !== undefined ? [`dropped after ${epochWords(droppedAtEpoch)}`] : []),
  ].join(', ');
const cost = (of: keyof typeof COST_WORDS, value: number | undefined): string =>
  value === undefined || !Number.isFinite(value) ? missing : COST_WORDS[of].text(value);

/** Every configuration with what is known of it. */
export function configurationSheet({ configurations, metric }: StudyReport): Sheet {
  const { title, plusMinus } = measureOf(metric);
  const [stem, train] = [metric.name, ofTraining(metric.name)];
  return sheet(
    'configurations',
    [
      { key: 'name', title: 'Configuration', words: true, value: ({ name }) => name },
      { key: stem, title: `Test ${title}`, value: ({ score }) => score?.mean, show: ({ score }) => plusMinus(score) },
      { key: `${stem}Low`, value: ({ score }) => score?.low },
      { key: `${stem}High`, value: ({ score }) => score?.high },
      {
        key: train,
        title: `Training ${title}`,
        value: ({ trainScore }) => trainScore?.mean,
        show: ({ trainScore }) => plusMinus(trainScore),
      },
      { key: `${train}Low`, value: ({ trainScore }) => trainScore?.low },
      { key: `${train}High`, value: ({ trainScore }) => trainScore?.high },
      { key: 'seedsDone', title: 'Seeds', value: ({ done }) => done.length, show: state },
      { key: 'seedsFailed', value: ({ failed }) => failed.length },
      { key: 'seedsPending', value: ({ pending }) => pending.length },
      { key: 'droppedAtEpoch', value: ({ droppedAtEpoch }) => droppedAtEpoch },
      { key: 'family', value: ({ family }) => family },
      { key: 'model', value: ({ model }) => model },
      { key: 'depth', title: 'Depth', value: ({ depth }) => depth },
      { key: 'width', title: 'Width', value: ({ width }) => width },
      { key: 'size', title: 'Pixels', value: ({ size }) => size },
      { key: 'epochs', title: 'Epochs', value: ({ epochs }) => epochs },
      { key: 'flops', title: 'FLOPs', value: ({ flops }) => flops, show: ({ flops }) => cost('flops', flops) },
      {
        key: 'parameters',
        title: 'Parameters',
        value: ({ parameters }) => parameters,
        show: ({ parameters }) => cost('parameters', parameters),
      },
      { key: 'batch', value: ({ batch }) => batch },
      {
        key: 'trainStepMs',
        title: 'Step, each picture',
        value: ({ measured }) => measured?.trainStepMs,
        show: (one) => cost('trainStepMs', studyCost(one, 'trainStepMs')),
      },
      {
        key: 'inferenceMs',
        title: 'Inference',
        value: ({ measured }) => measured?.inferenceMs,
        show: ({ measured }) => cost('inferenceMs', measured?.inferenceMs),
      },
      {
        key: 'peakBytes',
        title: 'Memory',
        value: ({ measured }) => measured?.peakBytes,
        show: ({ measured }) => cost('peakBytes', measured?.peakBytes),
      },
      { key: 'predictedBytes', value: ({ predictedBytes }) => predictedBytes },
    ],
    configurations,
  );
}

/** A line a trial: done, failed or pending. */
export function trialSheet({ configurations, metric }: StudyReport): Sheet {
  const rows = configurations.flatMap(({ name, done, failed, pending }) => [
    ...done.map((trial) => ({ name, status: 'done', reason: undefined, ...trial })),
    ...failed.map((trial) => ({ name, status: 'failed', score: undefined, trainScore: undefined, ...trial })),
    ...pending.map((seed) => ({
      name,
      status: 'pending',
      seed,
      score: undefined,
      trainScore: undefined,
      reason: undefined,
    })),
  ]);
  return sheet(
    'trials',
    [
      { key: 'name', value: ({ name }) => name },
      { key: 'seed', value: ({ seed }) => seed },
      { key: 'status', value: ({ status }) => status },
      { key: metric.name, value: ({ score }) => score },
      { key: ofTraining(metric.name), value: ({ trainScore }) => trainScore },
      { key: 'reason', value: ({ reason }) => reason },
    ],
    rows,
  );
}

export function configurationSection(report: StudyReport): Html {
  const all = configurationSheet(report);
  if (all.rows === 0) return html`<p>The study has no configuration.</p>`;
  const failed = report.configurations.flatMap(({ name, failed: some }) => some.map((trial) => ({ name, ...trial })));
  const pending = report.configurations.flatMap(({ name, pending: seeds }) =>
    seeds.length === 0 ? [] : [`${name} (seed ${seeds.join(', ')})`],
  );
  const { nouns, inUnit } = measureOf(report.metric);
  const what = nouns.charAt(0).toUpperCase() + nouns.slice(1);
  const unit = report.metric.unit === 'share' ? ' in percent' : inUnit.replace(', ', ' in ');
  return html`<div class="small">${all.table()}</div>
<p class="note">${what}${unit}; after ± half the width of the 95\u00a0% interval over seeds, or the interval in \
brackets where it ends at what is possible. Download CSV: \
${download(all)}, each trial: ${download(trialSheet(report))}</p>
${
  failed.length > 0 &&
  html`<h3>Failed trials</h3><ul class="findings">${failed
    .slice(0, NAMED)
    .map(
      ({ name, seed, reason }) => html`<li>${name}, seed ${seed}: ${reason.split('\n')[0]}</li>`,
    )}</ul>${more(failed.length)}`
}
${
  pending.length > 0 &&
  html`<details><summary>Trials to do, of ${count(pending.length)} ${
    pending.length === 1 ? 'configuration' : 'configurations'
  }</summary><ul class="findings">${pending
    .slice(0, NAMED)
    .map((one) => html`<li>${one}</li>`)}</ul>${more(pending.length)}</details>`
}`;
}

const more = (all: number): Html | false =>
  all > NAMED && html`<p class="note">${NAMED} of ${count(all)}: the CSV has all.</p>`;

/** Rungs with what has become of them. */
const rungsOf = ({ plan, outcomes, agreement }: Halving) =>
  plan.rungs.map((rung, i) => ({
    ...rung,
    last: i === plan.rungs.length - 1,
    outcome: outcomes[i],
    agreement: agreement.find(({ epochs }) => epochs === rung.epochs),
  }));
const OUTCOMES: Record<RungOutcome['outcome'], string> = {
  decided: 'decided',
  waiting: 'trials are not done',
  'nobody left': 'every trial failed',
};

/** What successive halving kept and dropped, and what it cannot know. */
export function halvingSection(halving: Halving, metric: Metric): Html {
  const { plan, warning } = halving;
  const { nouns, inChange, bare } = measureOf(metric);
  const heads = [
    th('Rung'),
    thNum('Configurations'),
    thNum('Go on'),
    th('State'),
    th('Last that goes on, first that leaves'),
    thNum(`Behind${inChange}`),
    thNum('Agreement with the end'),
  ];
  const rows = rungsOf(halving).map(({ epochs, configurations, keep, outcome, last, agreement }) => {
    const state =
      outcome === undefined ? 'to do' : last && outcome.outcome === 'decided' ? 'done' : OUTCOMES[outcome.outcome];
    const cut = outcome?.cut;
    return tr([
      tdWords(epochWords(epochs)),
      tdNum(configurations),
      tdNum(keep ?? missing),
      td(
        html`${state}${
          outcome !== undefined && outcome.dropped.length > 0 && below(`${outcome.dropped.length} failed`)
        }`,
      ),
      tdNamed(cut === undefined ? missing : html`${cut.last}<br>${cut.first}`),
      tdNum(cut === undefined ? missing : bare(cut.behind).replace('+', '')),
      tdNum(
        html`${
          agreement?.tau === undefined ? missing : html`τ = ${decimals(agreement.tau)}${below(`${agreement.n} models`)}`
        }${agreement?.best !== undefined && below(`the best at the end was number ${agreement.best.place}`)}`,
      ),
    ]);
  });
  return html`<div class="warnings inside" role="note"><h2>Short trainings mislead</h2><ul><li>${warning.text} Source: \
${warning.source}.</li></ul></div>
<p>Takes ${percent(plan.shareOfFull, 0)} of the epochs that the full schedule of every configuration would.</p>
${wideTable(heads, rows)}
<p class="note">Behind: a small figure is a toss of a coin. Agreement: Kendall's τ between the ${nouns} at a rung and \
those at the end, of the models that got there, which are the better ones: of all it may be another. Download CSV: \
${download(halvingSheet(halving))}</p>`;
}

export const halvingSheet = (halving: Halving): Sheet =>
  sheet(
    'halving',
    [
      { key: 'epochs', value: ({ epochs }) => epochs },
      { key: 'configurations', value: ({ configurations }) => configurations },
      { key: 'goOn', value: ({ keep }) => keep },
      { key: 'outcome', value: ({ outcome }) => outcome?.outcome },
      { key: 'lastThatGoesOn', value: ({ outcome }) => outcome?.cut?.last },
      { key: 'firstThatLeaves', value: ({ outcome }) => outcome?.cut?.first },
      { key: 'behind', value: ({ outcome }) => outcome?.cut?.behind },
      { key: 'tau', value: ({ agreement }) => agreement?.tau },
      { key: 'models', value: ({ agreement }) => agreement?.n },
      { key: 'placeOfTheBest', value: ({ agreement }) => agreement?.best?.place },
    ],
    rungsOf(halving),
  );
