import { partWord } from '../../part-words.js';
import { count, decimals, missing } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { type Measure, measureOf } from '../draw/measure.js';
import { download, type Sheet, sheet } from '../draw/sheet.js';
import { below, td, tdNamed, tdNum, tdWords, th, thNum, tr, wideTable } from '../draw/table.js';
import type { Dimension, Evidence, FamilyMember, NextTrial, RegimeAdvice } from './analysis.js';
import type { StudyReport } from './data.js';
import { bestSoFar, COST_WORDS, epochWords, estimateCell, missingSentence, noFamily, PAYS, time } from './words.js';

const DIMENSIONS = ['depth', 'width', 'resolution'] as const;
type Kind<K extends Evidence['kind']> = Extract<Evidence, { kind: K }>;

export const gainOf = ({ evidence }: RegimeAdvice, dimension: Dimension): Kind<'gain'> | undefined =>
  evidence.find((one): one is Kind<'gain'> => one.kind === 'gain' && one.dimension === dimension);
export const contrastOf = (
  { evidence }: RegimeAdvice,
  first: Dimension,
  second: Dimension,
): Kind<'contrast'> | undefined =>
  evidence.find(
    (one): one is Kind<'contrast'> => one.kind === 'contrast' && one.first === first && one.second === second,
  );
/** Pairs of neighbours in depth and width that over-fit, of those that could be judged. */
export function overfits({ evidence }: RegimeAdvice): { overfits: number; judged: number } {
  const known = evidence.filter(
    (one): one is Kind<'overfitting'> => one.kind === 'overfitting' && one.direction !== 'epochs',
  );
  return {
    overfits: known.reduce((sum, one) => sum + one.overfits, 0),
    judged: known.reduce((sum, one) => sum + one.judged, 0),
  };
}

/** Which dimension pays in each regime, by the change for each doubling of the cost, and what is missing to tell. */
export function regimeTable({ advice, metric, data }: StudyReport): Html {
  if (advice.regimes.length === 0) return html`<p>Not enough evidence: nothing was compared.</p>`;
  const measure = measureOf(metric);
  const costs = [
    ...new Set(
      advice.regimes.flatMap((regime) => DIMENSIONS.flatMap((dimension) => gainOf(regime, dimension)?.cost ?? [])),
    ),
  ].map((cost) => COST_WORDS[cost].short);
  // What no regime has a figure for has no column.
  const columns: Columns = {
    dimensions: DIMENSIONS.filter((dimension) =>
      advice.regimes.some((regime) => gainOf(regime, dimension) !== undefined),
    ),
    contrast: advice.regimes.some((regime) => contrastOf(regime, 'depth', 'width') !== undefined),
    overfits: advice.regimes.some((regime) => overfits(regime).judged > 0),
  };
  const heads = [
    th('Regime'),
    th('What pays'),
    columns.dimensions.map((dimension) => thNum(dimension[0]!.toUpperCase() + dimension.slice(1))),
    columns.contrast && thNum('Depth less width'),
    columns.overfits && thNum('Over-fitting pairs'),
  ];
  const unit = metric.unit === 'share' ? `Points of ${measure.title}` : `Change of ${measure.title}${measure.inUnit},`;
  return html`${wideTable(
    heads,
    advice.regimes.map((regime) => regimeRow(regime, measure, columns)),
  )}
<p class="note">${
    costs.length > 0 && `${unit} for each doubling of ${costs.join(' or ')}, with their 95\u00a0% intervals. `
  }${
    columns.overfits &&
    'Over-fitting pairs: of two neighbours in depth or width, the larger is better on training pictures and worse on ' +
      `${partWord(data.part ?? 'test')} pictures, both beyond noise. `
  }Download CSV: ${download(regimeSheet({ advice }))}</p>
${risk(advice.risk)}`;
}

interface Columns {
  dimensions: readonly Dimension[];
  contrast: boolean;
  overfits: boolean;
}

function regimeRow(regime: RegimeAdvice, { bare }: Measure, columns: Columns): Html {
  const over = overfits(regime);
  return tr([
    tdWords(epochWords(regime.epochs)),
    td(
      html`<b>${PAYS[regime.pays]}</b>${
        regime.pays === 'undecided' && html`<br><small>between ${regime.among.join(' and ')}</small>`
      }${regime.missing.map((one) => below(missingSentence(one)))}`,
    ),
    columns.dimensions.map((dimension) => tdNum(estimateCell(gainOf(regime, dimension)?.perDoubling, bare))),
    columns.contrast && tdNum(estimateCell(contrastOf(regime, 'depth', 'width')?.difference, bare)),
    columns.overfits && tdNum(over.judged === 0 ? missing : `${over.overfits} of ${over.judged}`),
  ]);
}

function risk({ text, source, flopsRange, breakFlops }: StudyReport['advice']['risk']): Html {
  const times = flopsRange !== undefined && (flopsRange < 10 ? decimals(flopsRange, 1) : count(flopsRange));
  return html`<p><b>How far it reaches.</b> ${text} Source: ${source}.${
    times !== false && ` The largest model here has ${times} times the FLOPs of the smallest.`
  }${
    breakFlops !== undefined &&
    ` The power law of the longest regime breaks at ${COST_WORDS.flops.text(breakFlops)} FLOPs.`
  }</p>`;
}

/** The proposed models of the longest regime, smallest to largest. */
export function familyTable(report: StudyReport): Html {
  const { full } = report.advice;
  if (full === undefined || full.family.members.length === 0)
    return html`<p>${noFamily(report)}</p>${bestSoFar(report) !== undefined && html`<p>${bestSoFar(report)}</p>`}${
      full !== undefined &&
      full.missing.length > 0 &&
      html`<ul class="findings">${full.missing.map((one) => html`<li>${missingSentence(one)}</li>`)}</ul>`
    }`;
  const { cost, instead, members, passedOver } = full.family;
  const byName = new Map(report.configurations.map((one) => [one.name, one]));
  const { flops, parameters } = COST_WORDS;
  const { title, inUnit, inChange, value, bare, plusMinus } = measureOf(report.metric);
  const timed = cost !== 'flops' && cost !== 'parameters';
  const heads = [
    th('Model'),
    ['Depth', 'Width', 'Pixels', 'FLOPs', 'Parameters'].map(thNum),
    timed && thNum(COST_WORDS[cost].head),
    thNum(`Measured ${title}${inUnit}`),
    members.length > 1 && thNum(`Gain${inChange}`),
    thNum(`Predicted ${title}`),
  ];
  const rows = members.map((one) =>
    tr([
      tdNamed(html`${one.name}<br><small class="note">${whyMember(one)}</small>`),
      [one.depth, one.width, one.size, flops.text(one.flops)].map(tdNum),
      tdNum(parameters.text(byName.get(one.name)?.parameters ?? Number.NaN)),
      timed && tdNum(COST_WORDS[cost].text(one.cost)),
      tdNum(plusMinus(one.score)),
      members.length > 1 && tdNum(estimateCell(one.gain, bare)),
      tdNum(estimateCell(one.prediction, value)),
    ]),
  );
  return html`${wideTable(heads, rows, { scroll: 'scroll small' })}
<p class="note">Smallest to largest by ${COST_WORDS[cost].short}${instead && ', since nothing else was measured'}, at \
${epochWords(full.epochs)}. Each model beats the one before. Predicted: the mean of \
${seedWords(members[0]!.prediction.seeds)} of the same training on the same pictures, and where 95\u00a0% of such means \
would lie.${
    passedOver.length > 0 &&
    ` Passed over on the frontier, since not told from a member of the family: ${count(passedOver.length)}.`
  } Download CSV: ${download(familySheet(report))}</p>`;
}

const whyMember = ({ why, insteadOf, fasterThanCompound }: FamilyMember): string =>
  why +
  (insteadOf === undefined ? '' : `; instead of ${insteadOf}, which it is not told from`) +
  (fasterThanCompound === true ? '; raises resolution faster than compound scaling' : '');

const seedWords = (seeds: number): string => (seeds === 1 ? 'one new seed' : `${seeds} new seeds`);

export const familySheet = ({ advice, metric: { name: stem } }: Pick<StudyReport, 'advice' | 'metric'>): Sheet =>
  sheet(
    'family',
    [
      { key: 'name', value: ({ name }) => name },
      { key: 'depth', value: ({ depth }) => depth },
      { key: 'width', value: ({ width }) => width },
      { key: 'size', value: ({ size }) => size },
      { key: 'flops', value: ({ flops }) => flops },
      {
        key: advice.full?.family.cost === 'flops' ? 'cost' : `cost_${advice.full?.family.cost ?? ''}`,
        value: ({ cost }) => cost,
      },
      { key: stem, value: ({ score }) => score.mean },
      { key: `${stem}Low`, value: ({ score }) => score.low },
      { key: `${stem}High`, value: ({ score }) => score.high },
      { key: 'gain', value: ({ gain }) => gain?.mean },
      { key: 'gainLow', value: ({ gain }) => gain?.low },
      { key: 'gainHigh', value: ({ gain }) => gain?.high },
      { key: 'predicted', value: ({ prediction }) => prediction.mean },
      { key: 'predictedLow', value: ({ prediction }) => prediction.low },
      { key: 'predictedHigh', value: ({ prediction }) => prediction.high },
    ],
    advice.full?.family.members ?? [],
  );

/** `resnet-rs, depth 101, width 1, 160 pixels`. */
export const nextName = ({ family, depth, width, size }: NextTrial): string =>
  `${family}, depth ${depth}, width ${width}, ${size} pixels`;

/** What to train next, why, and what it costs. */
export function nextTable({ advice }: StudyReport): Html | undefined {
  if (advice.next.length === 0) return undefined;
  const timed = advice.next.some(({ seconds }) => seconds !== undefined);
  const heads = [
    [th('Train'), thNum('Epochs'), thNum('Seeds'), th('Why'), thNum('FLOPs')],
    timed && thNum('Takes about'),
  ];
  const rows = advice.next.map((one) =>
    tr([
      tdNamed(nextName(one)),
      tdNum(one.epochs),
      tdNum(one.seeds),
      tdNamed(`More ${one.dimension} than ${one.base}, ${one.where}`),
      tdNum(`${decimals(one.flopsRatio)}\u00a0×`),
      timed && tdNum(time(one.seconds)),
    ]),
  );
  return html`${wideTable(heads, rows)}
<p class="note">FLOPs: over those of the model that it is compared with. The time is that model's, times the ratio of \
FLOPs: a guess, since FLOPs predict time poorly.</p>`;
}

/** Regimes in figures. */
export function regimeSheet({ advice }: Pick<StudyReport, 'advice'>): Sheet {
  const interval = (
    key: string,
    of: (regime: RegimeAdvice) => { mean: number; low?: number; high?: number } | undefined,
  ) => [
    { key, value: (regime: RegimeAdvice) => of(regime)?.mean },
    { key: `${key}Low`, value: (regime: RegimeAdvice) => of(regime)?.low },
    { key: `${key}High`, value: (regime: RegimeAdvice) => of(regime)?.high },
  ];
  return sheet<RegimeAdvice>(
    'what-pays',
    [
      { key: 'epochs', value: ({ epochs }) => epochs },
      { key: 'pays', value: ({ pays }) => pays },
      { key: 'cost', value: (regime) => DIMENSIONS.flatMap((dimension) => gainOf(regime, dimension)?.cost ?? [])[0] },
      ...DIMENSIONS.flatMap((dimension) => interval(dimension, (regime) => gainOf(regime, dimension)?.perDoubling)),
      ...interval('depthLessWidth', (regime) => contrastOf(regime, 'depth', 'width')?.difference),
      { key: 'overfittingPairs', value: (regime) => overfits(regime).overfits },
      { key: 'judgedPairs', value: (regime) => overfits(regime).judged },
      { key: 'missing', value: ({ missing: some }) => some.map(missingSentence).join(' ') || undefined },
    ],
    advice.regimes,
  );
}
