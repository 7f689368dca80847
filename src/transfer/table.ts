import { isBetter, type Metric } from '../metric.js';
import { wilson } from '../report/statistics.js';
import type { ReportCell, ReportPair, TransferReport } from '../report/transfer/data.js';
import { plural } from '../suggest.js';
import { taskNamed } from '../tasks/index.js';
import { compare, drawnInterval, meanOver } from './compare.js';
import {
  type Cell,
  type Group,
  gridOf,
  METHOD_TITLES,
  type Method,
  methodsOn,
  type Setting,
  type TransferPlan,
} from './plan.js';
import { type CellResult, readCell, readPoint } from './results.js';
import { NEIGHBOURS } from './solve/knn.js';
import { PENALTIES } from './solve/linear.js';
import { digest } from './starts.js';
import { contentOf, type TargetFacts } from './targets.js';

/** What is known of a study: all that its page shows. */
export type TransferTable = Omit<TransferReport, 'commands'>;

interface Column {
  target: TargetFacts;
  method: Method;
  labels: number;
}

/** Of the results that are there. */
export function tableOf(plan: TransferPlan, out: string): TransferTable {
  const { ask, starts, targets, cells } = plan;
  const results = new Map<string, CellResult>();
  const failures: { name: string; reason: string }[] = [];
  for (const cell of cells) {
    const known = readCell(out, cell.id);
    if (known?.status === 'done') results.set(cell.id, known);
    else if (known !== undefined) failures.push({ name: nameOf(cell), reason: known.reason });
  }
  failures.push(...failedWork(plan, out, (id) => results.has(id)));
  const columns = targets.flatMap((target) =>
    methodsOn(target, ask.methods).flatMap((method) =>
      ask.labels.map((labels): Column => ({ target, method, labels })),
    ),
  );
  const found: ReportCell[] = [];
  const pairs: ReportPair[] = [];
  for (const column of columns) {
    const rows = starts.map((start) => {
      const own = cells.filter((cell) => cell.start.name === start.name && isIn(cell, column));
      const known = own.flatMap(({ id }) => results.get(id) ?? []);
      return { start: start.name, known, cell: cellOf(start.name, column, own, known) };
    });
    const compared = rows.flatMap((first, i) =>
      rows.slice(i + 1).flatMap((second): ReportPair[] => {
        const comparison = compare(first.known, second.known, column.target.metric);
        const place = { ...column, target: column.target.name };
        return comparison === undefined ? [] : [{ ...place, first: first.start, second: second.start, ...comparison }];
      }),
    );
    pairs.push(...compared);
    found.push(
      ...ranked(
        rows.map(({ cell }) => cell),
        compared,
        column.target.metric,
      ),
    );
  }
  return {
    title: `${starts
      .map(({ name }) => name)
      .slice(0, 4)
      .join(', ')}${starts.length > 4 ? ', …' : ''} on ${targets.map(({ name }) => name).join(', ')}`,
    generatedAt: new Date().toISOString(),
    starts: starts.map(({ name, title, kind, size, evalCrop, input, weights, task, cost }) => ({
      ...{ name, title, kind, size, evalCrop, ...input, ...cost },
      ...(weights !== undefined && { weights }),
      ...(task !== undefined && { task }),
    })),
    targets: targets.map((target) => ({
      ...{ name: target.name, task: target.task, content: contentOf(target), metric: target.metric },
      methods: methodsOn(target, ask.methods),
      ...(target.size !== undefined && { size: target.size }),
      ...{ classes: target.classes, train: target.train, val: target.val, test: target.test, notes: target.notes },
    })),
    methods: ask.methods
      .filter((name) => targets.some((target) => methodsOn(target, [name]).length > 0))
      .map((name) => ({ name, title: METHOD_TITLES[name] })),
    ...{ labels: ask.labels, seeds: ask.seeds, cells: found, pairs, failures },
    how: howOf(plan),
  };
}

const isIn = (cell: Cell, { target, method, labels }: Column): boolean =>
  cell.target.name === target.name && cell.method === method && cell.labels === labels;

const nameOf = ({ start, target, method, labels, seed }: Cell): string =>
  `${start.name} on ${target.name}, ${METHOD_TITLES[method]}, ${labels} %, seed ${seed}`;

/** What failed without being a result, of what is still wanted. */
function failedWork(
  { cells, groups }: TransferPlan,
  out: string,
  done: (id: string) => boolean,
): { name: string; reason: string }[] {
  const found: { name: string; reason: string }[] = [];
  const features = new Map<string, Cell>();
  for (const cell of cells)
    if (cell.method !== 'finetune' && !done(cell.id))
      features.set(`frozen-${digest(cell.start.identity, cell.target.identity).slice(0, 16)}`, cell);
  for (const [id, { start, target }] of features) {
    const known = readCell(out, id);
    if (known?.status === 'failed')
      found.push({ name: `${start.name} on ${target.name}, features`, reason: known.reason });
  }
  for (const group of groups) {
    if (group.cells.every(({ id }) => done(id))) continue;
    for (const { id, setting } of group.points) {
      const known = readPoint(out, id);
      if (known?.status === 'failed' && !known.diverged)
        found.push({ name: `${nameOfGroup(group)}, rate ${setting.rate}`, reason: known.reason });
    }
  }
  return found;
}

const nameOfGroup = ({ start, target, labels }: Group): string =>
  `${start.name} on ${target.name}, fine-tuned, ${labels} %`;

function cellOf(
  start: string,
  { target, method, labels }: Column,
  own: readonly Cell[],
  known: readonly CellResult[],
): ReportCell {
  const common = { start, target: target.name, method, labels, done: known.length, of: own.length };
  const mean = meanOver(known);
  const [first] = known;
  if (mean === undefined || first === undefined) return { ...common, each: [], edge: [] };
  const { testPictures: n } = first;
  const ofPictures = target.task === 'classify' ? wilson(Math.round(first.score * n), n) : drawnInterval(first.drawn);
  const one = known.length > 1 ? undefined : ofPictures;
  return {
    ...common,
    score: mean.mean,
    ...(known.length > 1 && { low: mean.low!, high: mean.high!, interval: 'seeds' as const }),
    ...(one !== undefined && { ...one, interval: 'pictures' as const }),
    each: known.map(({ score }) => score),
    validation: known.reduce((sum, { validation }) => sum + validation.score, 0) / known.length,
    pictures: Math.round(known.reduce((sum, { trainPictures }) => sum + trainPictures, 0) / known.length),
    chosen: chosenWords(method, known),
    edge: [...new Set(known.flatMap(({ edge }) => edge))],
    seconds: known.reduce((sum, { seconds }) => sum + seconds, 0),
  };
}

function chosenWords(method: Method, known: readonly CellResult[]): string {
  const all = (words: (chosen: CellResult['chosen']) => string): string =>
    [...new Set(known.map(({ chosen }) => words(chosen)))].join('; ');
  if (method === 'knn') return all(({ k }) => `${k} neighbours`);
  if (method === 'linear')
    return all(({ l2, converged }) => `L2 ${short(l2)}${converged === false ? ' (not converged)' : ''}`);
  return all(
    ({ rate, decay, epochs, batch }) =>
      `rate ${short(rate)}, decay ${short(decay)}, ${epochs} epochs of batches of ${batch}`,
  );
}

/** Marks the best of a column and those that cannot be told from it. */
function ranked(column: readonly ReportCell[], pairs: readonly ReportPair[], metric: Metric): ReportCell[] {
  const best = column.reduce<ReportCell | undefined>(
    (found, cell) => (cell.score !== undefined && isBetter(metric, cell.score, found?.score) ? cell : found),
    undefined,
  );
  return column.map((cell) => {
    if (best === undefined || cell.score === undefined) return cell;
    if (cell === best) return { ...cell, rank: 'best' };
    const pair = pairs.find(
      ({ first, second }) =>
        (first === cell.start && second === best.start) || (second === cell.start && first === best.start),
    );
    return pair?.verdict === 'noise' ? { ...cell, rank: 'noise' } : cell;
  });
}

/** How a study was done, for its page: what is the same everywhere. */
function howOf(plan: TransferPlan): { key: string; value: string }[] {
  const { ask, targets } = plan;
  const { methods, retrain, valSplit, epochs, settings, seeds } = ask;
  const classes = targets.some(({ task }) => task === 'classify');
  const tuned = methods.includes('finetune');
  return [
    ...(classes && methods.includes('linear')
      ? [
          {
            key: 'linear',
            value: `logistic regression on frozen features as they are, ${PENALTIES.length} L2 penalties from 1e-6 to 1e5 of the summed loss, by L-BFGS`,
          },
        ]
      : []),
    ...(classes && methods.includes('knn')
      ? [
          {
            key: 'k-NN',
            value: `up to ${NEIGHBOURS.k} neighbours by cosine, weights exp(cosine / ${NEIGHBOURS.temperature})`,
          },
        ]
      : []),
    ...(tuned
      ? [
          ...(classes ? ofClasses(plan) : []),
          ...ofOthers(plan),
          {
            key: 'the grid',
            value: `tried with the labels of seed 0; what validation chose is trained with each of ${plural(seeds, 'seed')}`,
          },
          ...(epochs === undefined ? [] : [{ key: 'epochs', value: String(epochs) }]),
          ...(Object.keys(settings).length === 0 ? [] : [{ key: 'other settings', value: JSON.stringify(settings) }]),
        ]
      : []),
    {
      key: 'labels',
      value: 'of each class its share, at least one; a smaller share lies within a larger one; by seed',
    },
    {
      key: 'validation pictures',
      value:
        `all, at every share${retrain ? '; with all labels what was chosen then learns from them too' : ''}; ` +
        `where a set has none, ${Number((100 * valSplit).toPrecision(3))} % are set aside`,
    },
    {
      key: 'test pictures',
      value: `measured once for each result${classes ? ', for classes in the centre view' : ''}`,
    },
  ];
}

/** Fine-tuning to classes, by kind of start. */
function ofClasses({ ask: { grid, settings }, starts }: TransferPlan): { key: string; value: string }[] {
  const words = (kind: 'weights' | 'scratch'): string =>
    `${listed(gridOf({ kind }, grid, settings), ' per 256 pictures')}, divided by the rate`;
  const has = (kind: 'weights' | 'scratch'): boolean => starts.some((start) => start.kind === kind);
  return [
    ...(has('weights') ? [{ key: 'fine-tuned', value: `recipe finetune, ${words('weights')}` }] : []),
    ...(has('scratch')
      ? [{ key: 'from scratch', value: `the same recipe for twice the steps, ${words('scratch')}` }]
      : []),
  ];
}

/** Fine-tuning to boxes, masks and depth: all starts alike. */
function ofOthers({ targets, groups }: TransferPlan): { key: string; value: string }[] {
  return targets.flatMap(({ name, task, size }) => {
    const group = groups.find(({ target }) => target.name === name);
    if (task === 'classify' || group === undefined) return [];
    return [
      {
        key: `fine-tuned on ${name}`,
        value:
          `recipe ${taskNamed(task).recipe}, as long from scratch, whole pictures at ${size} pixels in each start's mean and deviation; ` +
          listed(settingsIn(group)),
      },
    ];
  });
}

const settingsIn = ({ points }: Group): Setting[] => points.map(({ setting }) => setting);

const short = (value: unknown): string => String(Number(Number(value).toPrecision(3)));

/** `rates 0.001, 0.01; decays none, 1e-5`. */
function listed(points: readonly Setting[], behind = ''): string {
  const all = (values: number[]): string =>
    [...new Set(values)].map((value) => (value === 0 ? 'none' : short(value))).join(', ');
  return `rates ${all(points.map(({ rate }) => rate))}${behind}; decays ${all(points.map(({ decay }) => decay))}`;
}
