import { count, decimals, missing } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { download, type Sheet, sheet } from '../draw/sheet.js';
import type { Dimension, Evidence, NextTrial, RegimeAdvice } from './analysis.js';
import type { StudyReport } from './data.js';
import { bare, COST_WORDS, epochWords, estimateCell, missingSentence, PAYS, plusMinus, time } from './words.js';

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

/** Which dimension pays in each regime, in points for each doubling of the cost, and what is missing to tell. */
export function regimeTable({ advice }: StudyReport): Html {
  if (advice.regimes.length === 0) return html`<p>Not enough evidence: nothing was compared.</p>`;
  const costs = [
    ...new Set(
      advice.regimes.flatMap((regime) => DIMENSIONS.flatMap((dimension) => gainOf(regime, dimension)?.cost ?? [])),
    ),
  ].map((cost) => COST_WORDS[cost].short);
  return html`<div class="scroll"><table class="full"><thead><tr><th>Regime</th><th>What pays</th>${DIMENSIONS.map((dimension) => html`<th class="num">${dimension[0]!.toUpperCase() + dimension.slice(1)}</th>`)}<th class="num">Depth less width</th><th class="num">Over-fitting pairs</th></tr></thead>
<tbody>${advice.regimes.map((regime) => {
    const over = overfits(regime);
    return html`<tr><td class="words">${epochWords(regime.epochs)}</td><td><b>${PAYS[regime.pays]}</b>${regime.pays === 'undecided' && html`<br><small>between ${regime.among.join(' and ')}</small>`}${regime.missing.map((one) => html`<br><small class="note">${missingSentence(one)}</small>`)}</td>${DIMENSIONS.map((dimension) => html`<td class="num">${estimateCell(gainOf(regime, dimension)?.perDoubling, bare)}</td>`)}<td class="num">${estimateCell(contrastOf(regime, 'depth', 'width')?.difference, bare)}</td><td class="num">${over.judged === 0 ? missing : `${over.overfits} of ${over.judged}`}</td></tr>
`;
  })}</tbody></table></div>
<p class="note">${costs.length > 0 && `Points of top-1 for each doubling of ${costs.join(' or ')}, with their 95\u00a0% intervals. `}Over-fitting pairs: of two neighbours in depth or width, the larger is better on training pictures and worse on test pictures, both beyond noise. Download CSV: ${download(regimeSheet({ advice }))}</p>
${risk(advice.risk)}`;
}

function risk({ text, source, flopsRange, breakFlops }: StudyReport['advice']['risk']): Html {
  return html`<p><b>How far it reaches.</b> ${text} Source: ${source}.${flopsRange !== undefined && ` The largest model here has ${flopsRange < 10 ? decimals(flopsRange, 1) : count(flopsRange)} times the FLOPs of the smallest.`}${
    breakFlops !== undefined &&
    ` The power law of the longest regime breaks at ${COST_WORDS.flops.text(breakFlops)} FLOPs.`
  }</p>`;
}

/** The proposed models of the longest regime, smallest to largest. */
export function familyTable(report: StudyReport): Html {
  const { full } = report.advice;
  if (full === undefined || full.family.members.length === 0)
    return html`<p>No family is proposed: not enough evidence.</p>${full !== undefined && full.missing.length > 0 && html`<ul class="findings">${full.missing.map((one) => html`<li>${missingSentence(one)}</li>`)}</ul>`}`;
  const { cost, instead, members, passedOver } = full.family;
  const byName = new Map(report.configurations.map((one) => [one.name, one]));
  const { flops, parameters } = COST_WORDS;
  const timed = cost !== 'flops' && cost !== 'parameters';
  return html`<div class="scroll small"><table class="full"><thead><tr><th>Model</th><th class="num">Depth</th><th class="num">Width</th><th class="num">Pixels</th><th class="num">FLOPs</th><th class="num">Parameters</th>${timed && html`<th class="num">${COST_WORDS[cost].head}</th>`}<th class="num">Measured top-1, %</th><th class="num">Gain, points</th><th class="num">Predicted top-1</th></tr></thead>
<tbody>${members.map(
    (
      one,
    ) => html`<tr><td class="named">${one.name}<br><small class="note">${one.why}${one.insteadOf !== undefined && html`; instead of ${one.insteadOf}, which it is not told from`}${one.fasterThanCompound === true && '; raises resolution faster than compound scaling'}</small></td><td class="num">${one.depth}</td><td class="num">${one.width}</td><td class="num">${one.size}</td><td class="num">${flops.text(one.flops)}</td><td class="num">${parameters.text(byName.get(one.name)?.parameters ?? Number.NaN)}</td>${timed && html`<td class="num">${COST_WORDS[cost].text(one.cost)}</td>`}<td class="num">${plusMinus(one.top1)}</td><td class="num">${estimateCell(one.gain, bare)}</td><td class="num">${estimateCell(one.prediction)}</td></tr>
`,
  )}</tbody></table></div>
<p class="note">Smallest to largest by ${COST_WORDS[cost].short}${instead && ', since nothing else was measured'}, at ${epochWords(full.epochs)}. Each model beats the one before. Predicted: the mean of ${seedWords(members[0]!.prediction.seeds)} of the same training on the same pictures, and where 95\u00a0% of such means would lie; one seed of a model leaves no interval.${
    passedOver.length > 0 &&
    ` Passed over on the frontier, since not told from a member of the family: ${count(passedOver.length)}.`
  } Download CSV: ${download(familySheet(report))}</p>`;
}

const seedWords = (seeds: number): string => (seeds === 1 ? 'one new seed' : `${seeds} new seeds`);

export const familySheet = ({ advice }: Pick<StudyReport, 'advice'>): Sheet =>
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
      { key: 'top1', value: ({ top1 }) => top1.mean },
      { key: 'top1Low', value: ({ top1 }) => top1.low },
      { key: 'top1High', value: ({ top1 }) => top1.high },
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
  return html`<div class="scroll"><table class="full"><thead><tr><th>Train</th><th class="num">Epochs</th><th class="num">Seeds</th><th>Why</th><th class="num">FLOPs</th><th class="num">Takes about</th></tr></thead>
<tbody>${advice.next.map(
    (
      one,
    ) => html`<tr><td class="named">${nextName(one)}</td><td class="num">${one.epochs}</td><td class="num">${one.seeds}</td><td class="named">More ${one.dimension} than ${one.base}, ${one.where}</td><td class="num">${decimals(one.flopsRatio)}\u00a0×</td><td class="num">${time(one.seconds)}</td></tr>
`,
  )}</tbody></table></div>
<p class="note">FLOPs: over those of the model that it is compared with. The time is that model's, times the ratio of FLOPs: a guess, since FLOPs predict time poorly.</p>`;
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
