import { type MeasuredPart, picturesOf } from '../../part-words.js';
import { niceRange } from '../draw/charts.js';
import { count, decimals, missing, moment, percent, points } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import { bar, commandList, pairList } from '../draw/lists.js';
import { markChart } from '../draw/marks.js';
import { renderPage } from '../draw/page.js';
import { tdNamed, tdNum, th, thNum, tr, wideTable } from '../draw/table.js';
import { type Shown, shownPicture } from '../parts.js';
import { type Interval, wilson } from '../statistics.js';
import { bestRound } from './best.js';

/** What a round of a self-training found; shares are fractions. */
export interface RoundRow {
  round: number;
  model: string;
  size: number;
  /** Top-1 accuracy of the weights that are kept, and the pictures that it comes from. */
  top1: number;
  images: number;
  measured: MeasuredPart;
  /** The same on validation pictures, where the test pictures are others. */
  validation?: { top1: number; images: number };
  /** Labelled pictures that it learned from. */
  trainImages: number;
  seconds: number;
  /** Of a student: the pictures without labels that it learned from. */
  unlabelled?: {
    /** Pictures with a label, those that were selected, and how many of them a pass draws. */
    pictures: number;
    kept: number;
    drawn: number;
    /** Mean probability that the teacher gives to its class. */
    confidence: number;
    /** Pictures that the teacher of the round before called otherwise. */
    changed?: { pictures: number; of: number };
  };
}

/** A picture that two teachers call differently. */
export interface ShownDisagreement {
  picture: Shown;
  source: string;
  before: string;
  beforeProbability: number;
  now: string;
  nowProbability: number;
}

/** A self-training, for its page: plain data. */
export interface RoundsPage {
  title: string;
  data: string;
  unlabelled: readonly string[];
  /** Rounds that are to be. */
  of: number;
  /** The first is the teacher, which saw labelled pictures alone. */
  rounds: readonly RoundRow[];
  /** Of the last two teachers. */
  disagreements: readonly ShownDisagreement[];
  /** How students learn. */
  recipe: { ratio: number; weight: number; targets: string; augment: string };
  /** ISO 8601. */
  generatedAt: string;
  commands: readonly { what: string; command: string }[];
}

/** The page of `rescaled self-train`: one HTML document that loads nothing. */
export function renderRoundsPage(page: RoundsPage): string {
  const { title, rounds, of, generatedAt, disagreements } = page;
  const last = rounds.at(-1)!;
  return renderPage({
    title,
    kind: 'Rescaled · self-training',
    subtitle: html`${page.data} with ${page.unlabelled.join(', ')} · round ${last.round} of ${of} · ${moment(generatedAt)}`,
    head: html`<ul class="findings">${findings(page).map((text) => html`<li>${text}</li>`)}</ul>`,
    sections: [
      {
        id: 'rounds',
        title: 'Rounds',
        body: html`<div class="charts">${accuracyChart(rounds)}${labelsChart(rounds)}</div>${roundsTable(rounds)}`,
      },
      ...(disagreements.length > 0
        ? [
            {
              id: 'disagreements',
              title: 'What the last two teachers call differently',
              body: disagreementGrid(disagreements),
            },
          ]
        : []),
      { id: 'how', title: 'How students learn', body: pairList(how(page)) },
      { id: 'next', title: 'What to do next', body: commandList([...page.commands]) },
    ],
    footer: `Made by Rescaled, ${moment(generatedAt)}. This file is complete: it loads nothing.`,
  });
}

const intervalOf = ({ top1, images }: Pick<RoundRow, 'top1' | 'images'>): Interval =>
  wilson(Math.round(top1 * images), images) ?? { low: 0, high: 1 };

/** What the figures say, in sentences that follow from them alone. */
function findings({ rounds }: RoundsPage): string[] {
  const [teacher, ...students] = rounds as [RoundRow, ...RoundRow[]];
  const where = picturesOf(teacher.measured, teacher.images);
  const said = [
    `The teacher, which saw ${count(teacher.trainImages)} labelled pictures alone, has ${percent(teacher.top1)} on ${where}.`,
  ];
  if (students.length === 0) return said;
  const best = bestRound(rounds);
  const by = best.validation === undefined ? '' : `, chosen on ${picturesOf('val', best.validation.images)}`;
  if (best.round === 0) said.push(`No student is better${by}: the labels that it gave taught them nothing that helps.`);
  else {
    const { low, high } = intervalOf(best);
    const gain = best.top1 - teacher.top1;
    const clear = low > intervalOf(teacher).high;
    const chance = ` (95 % interval ${percent(low)} to ${percent(high)}, which the teacher's overlaps: it may be chance)`;
    said.push(
      `The best is round ${best.round}${by}: ${percent(best.top1)}, ${points(gain)} against the teacher` +
        `${clear ? ', and their 95 % intervals lie apart' : chance}.`,
    );
  }
  const changed = rounds.at(-1)!.unlabelled?.changed;
  if (changed !== undefined)
    said.push(
      `From the last teacher but one to the last, ${count(changed.pictures)} of ${count(changed.of)} pictures got another class ` +
        `(${percent(changed.pictures / Math.max(1, changed.of), 1)}).`,
    );
  return said;
}

function accuracyChart(rounds: readonly RoundRow[]): Html {
  const marks = rounds.map((round) => ({
    x: round.round,
    y: 100 * round.top1,
    low: 100 * intervalOf(round).low,
    high: 100 * intervalOf(round).high,
  }));
  const validated = rounds.flatMap(({ round, validation }) =>
    validation === undefined ? [] : [{ x: round, y: 100 * validation.top1 }],
  );
  const range = niceRange(
    Math.min(...marks.map(({ low }) => low), ...validated.map(({ y }) => y)),
    Math.max(...marks.map(({ high }) => high), ...validated.map(({ y }) => y)),
  );
  const named = (part: MeasuredPart) => picturesOf(part, rounds[0]!.images);
  return markChart({
    id: 'accuracy',
    title: 'Top-1 accuracy, %',
    series: [
      { name: `on ${named(rounds[0]!.measured)}`, tone: 'one', marks, joined: true },
      ...(validated.length === 0
        ? []
        : [{ name: 'on validation pictures', tone: 'two' as const, marks: validated, joined: true, dashed: true }]),
    ],
    x: roundAxis(rounds),
    y: { ...range, format: (value) => String(Number(value.toPrecision(4))) },
    note: 'Bars are 95 % intervals of the share of right pictures (Wilson). All rounds are measured on the same pictures.',
  });
}

function labelsChart(rounds: readonly RoundRow[]): Html | undefined {
  const students = rounds.flatMap(({ round, unlabelled }) =>
    unlabelled === undefined ? [] : [{ round, ...unlabelled }],
  );
  if (students.length === 0) return undefined;
  const line = (
    name: string,
    tone: 'one' | 'two' | 'three',
    value: (one: (typeof students)[number]) => number | undefined,
  ) => ({
    ...{ name, tone, joined: true },
    marks: students.flatMap((one) => {
      const y = value(one);
      return y === undefined ? [] : [{ x: one.round, y: 100 * y }];
    }),
  });
  return markChart({
    id: 'labels',
    title: 'Labels of the pictures without labels, %',
    series: [
      line('selected', 'one', ({ kept, pictures }) => kept / Math.max(1, pictures)),
      line("mean probability of the teacher's class", 'two', ({ confidence }) => confidence),
      line(
        'changed since the round before',
        'three',
        ({ changed }) => changed && changed.pictures / Math.max(1, changed.of),
      ),
    ],
    x: roundAxis(rounds),
    y: { min: 0, max: 100, format: String },
  });
}

const roundAxis = (rounds: readonly RoundRow[]) => ({
  name: 'round',
  min: 0,
  max: Math.max(1, rounds.at(-1)!.round),
  ticks: Array.from({ length: Math.max(1, rounds.at(-1)!.round) + 1 }, (_, i) => i),
  format: (value: number) => (value === 0 ? 'teacher' : String(value)),
});

function roundsTable(rounds: readonly RoundRow[]): Html {
  const validated = rounds.some(({ validation }) => validation !== undefined);
  return wideTable(
    [
      ...[th('round'), th('network'), thNum('top-1'), th('95 % interval')],
      ...(validated ? [thNum('validation')] : []),
      ...[thNum('labelled'), thNum('selected'), thNum('draws of a pass'), thNum('changed'), thNum('minutes')],
    ],
    rounds.map((round) => {
      const { unlabelled: own } = round;
      return tr([
        tdNamed(round.round === 0 ? 'teacher' : String(round.round)),
        tdNamed(`${round.model} at ${round.size}`),
        tdNum(percent(round.top1)),
        html`<td>${bar(round.top1, intervalOf(round))}</td>`,
        ...(validated ? [tdNum(percent(round.validation?.top1))] : []),
        tdNum(count(round.trainImages)),
        tdNum(
          own === undefined
            ? missing
            : html`${count(own.kept)} <small class="note">${percent(own.kept / Math.max(1, own.pictures), 0)}</small>`,
        ),
        tdNum(own === undefined ? missing : count(own.drawn)),
        tdNum(own?.changed === undefined ? missing : percent(own.changed.pictures / Math.max(1, own.changed.of), 1)),
        tdNum(decimals(round.seconds / 60, 1)),
      ]);
    }),
    { table: 'full' },
  );
}

function disagreementGrid(all: readonly ShownDisagreement[]): Html {
  return html`<p class="note">Pictures on which both were sure, the surest first. Often they show two things, or something between the classes.</p>
<ul class="mistakes">${all.map(
    ({
      picture,
      source,
      ...said
    }) => html`<li>${shownPicture(picture, `A picture called ${said.before}, then ${said.now}`)}
<p class="said">${said.now} ${percent(said.nowProbability, 1)}</p>\
<p>before: ${said.before} ${percent(said.beforeProbability, 1)}</p><p class="source">${source}</p></li>
`,
  )}</ul>`;
}

function how({ recipe: { ratio, weight, targets, augment } }: RoundsPage): { key: string; value: string }[] {
  return [
    { key: 'unlabelled pictures for each labelled one of a step', value: String(ratio) },
    { key: 'weight of their mean loss', value: String(weight) },
    {
      key: 'what is learned of them',
      value: targets === 'soft' ? "the teacher's probabilities" : "the teacher's class",
    },
    { key: 'augmentation of students', value: augment === 'none' ? 'crops and flips' : augment },
  ];
}
