import { type Measure, measureOf } from '../draw/measure.js';
import type { ReportPair, ReportTarget, TransferReport } from './data.js';

/** In how many columns one start wins and loses against another beyond noise. */
export function tally(
  pairs: readonly ReportPair[],
  one: string,
  other: string,
): { won: number; lost: number; noise: number } {
  const found = { won: 0, lost: 0, noise: 0 };
  for (const { first, second, verdict } of pairs) {
    const forward = first === other && second === one;
    if (!forward && !(first === one && second === other)) continue;
    if (verdict === 'noise') found.noise++;
    else if ((verdict === 'better') === forward) found.won++;
    else found.lost++;
  }
  return found;
}

/** Sentences on fine-tuning at most. */
const MOST_GAINS = 6;

const list = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;

/** `90.0 %`, of others than classes with what it is: `AP 45.1 %`. */
export function scoreWords({ task, metric }: Pick<ReportTarget, 'task' | 'metric'>, score: number | undefined): string {
  const { title, value }: Measure = measureOf(metric);
  return `${task === 'classify' ? '' : `${title} `}${value(score, 1)}`;
}

/** What the figures say, in sentences that follow from them alone. */
export function transferFindings({ starts, targets, methods, labels, cells, pairs }: TransferReport): string[] {
  const said: string[] = [];
  const most = labels.at(-1)!;
  for (const target of targets)
    for (const method of methods.filter(({ name }) => target.methods.includes(name))) {
      const column = cells.filter(
        (cell) => cell.target === target.name && cell.method === method.name && cell.labels === most,
      );
      const best = column.find(({ rank }) => rank === 'best');
      if (best === undefined || column.filter(({ score }) => score !== undefined).length < 2) continue;
      const equals = column.filter(({ rank }) => rank === 'noise').map(({ start }) => start);
      said.push(
        `${target.name}, ${method.title}, ${most >= 100 ? 'all labels' : `${most} % of the labels`}: ` +
          `${best.start} is best with ${scoreWords(target, best.score)}` +
          (equals.length === 0
            ? ', beyond noise against each other start.'
            : `; ${list(equals)} cannot be told from it.`),
      );
    }
  // Two starts: the paper's own kind of sentence.
  if (starts.length > 1)
    for (const [i, { name: first }] of starts.entries())
      for (const { name: second } of starts.slice(i + 1)) {
        const { won, lost, noise } = tally(pairs, first, second);
        const all = won + lost + noise;
        if (all === 0) continue;
        said.push(
          `${first} against ${second}: of ${all === 1 ? '1 column' : `${all} columns`} it wins ${won} and loses ${lost} beyond noise; ` +
            `${noise} cannot be told apart.`,
        );
      }
  const gains = targets.flatMap((target) => {
    const { change } = measureOf(target.metric);
    const scratch = starts.find(({ kind }) => kind === 'scratch')?.name;
    const tuned = (start: string, share: number): number | undefined =>
      cells.find(
        (cell) =>
          cell.start === start && cell.target === target.name && cell.method === 'finetune' && cell.labels === share,
      )?.score;
    if (scratch === undefined || labels.length < 2) return [];
    const [least] = labels;
    return starts
      .filter(({ kind }) => kind === 'weights')
      .flatMap(({ name }) => {
        const [few, fewScratch, all, allScratch] = [
          tuned(name, least!),
          tuned(scratch, least!),
          tuned(name, most),
          tuned(scratch, most),
        ];
        if (few === undefined || fewScratch === undefined || all === undefined || allScratch === undefined) return [];
        return [
          `${name} fine-tuned on ${target.name} against ${scratch}: ${change(few - fewScratch)} with ${least} % of the labels, ` +
            `${change(all - allScratch)} with ${most >= 100 ? 'all' : `${most} %`}.`,
        ];
      });
  });
  // Many of them are read better in the chart of accuracy against labels.
  return gains.length > MOST_GAINS ? said : [...said, ...gains];
}
