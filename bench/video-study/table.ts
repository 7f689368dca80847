import { plural } from '../../src/suggest.js';
import { estimate } from '../estimate.js';
import { type Result, ROWS } from './rows.js';

/** A Markdown table: mean and 95 % interval over seeds (Student's t), differences paired by seed, controls, and the paper's column. */
export function table(results: readonly Result[]): string {
  const seeds = new Set(results.map(({ seed }) => seed)).size;
  const of = (row: string): readonly Result[] => results.filter((one) => one.row === row);
  const against = (row: string, base: string | undefined): string => {
    const differences = of(row).flatMap(({ seed, test }) => {
      const other = of(base ?? '').find((one) => one.seed === seed);
      return other === undefined ? [] : [100 * (test - other.test)];
    });
    return differences.length === 0 || row === base ? '' : estimate(differences);
  };
  const mean = (own: readonly Result[], value: (one: Result) => number): string =>
    ((100 * own.reduce((sum, one) => sum + value(one), 0)) / own.length).toFixed(1);
  const lines = ROWS.flatMap(({ name, what, paper }, i) => {
    const own = of(name);
    if (own.length === 0) return [];
    const cells = [
      own.length < seeds ? `${what} (${plural(own.length, 'seed')})` : what,
      estimate(own.map(({ test }) => 100 * test)),
      against(name, ROWS[i - 1]?.name),
      against(name, ROWS[0]!.name),
      mean(own, ({ train }) => train),
      mean(own, ({ singleFrame }) => singleFrame),
      mean(own, ({ shuffled }) => shuffled),
      paper === undefined ? 'not recovered' : paper.toFixed(1),
    ];
    return [`| ${cells.join(' | ')} |`];
  });
  return [
    '| | test, % | against the row above | against the baseline | train, % | one frame, % | shuffled, % | paper, Kinetics-400, % |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n');
}
