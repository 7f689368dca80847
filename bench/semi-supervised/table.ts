import { plural } from '../../src/suggest.js';
import { estimate } from '../estimate.js';
import { type Result, VARIANTS } from './variants.js';

/** A Markdown table: mean and 95 % interval over seeds, paired differences from labelled pictures alone, and the labels. */
export function table(results: readonly Result[]): string {
  const lines = [
    '| | test, % | against labelled alone | against labelled alone with noise | labels right, % | kept, % |',
    '| --- | --- | --- | --- | --- | --- |',
  ];
  for (const { name, what, open = false } of VARIANTS) {
    const own = results.filter((one) => one.variant === name);
    if (own.length === 0) continue;
    const against = (base: string): string => {
      const other = open ? `open-${base}` : base;
      const differences = own.flatMap((one) => {
        const found = results.find(({ seed, variant }) => seed === one.seed && variant === other);
        return found === undefined ? [] : [100 * (one.test - found.test)];
      });
      return differences.length === 0 || other === name ? '' : estimate(differences);
    };
    const labels = own.flatMap((one) => (one.labels === undefined ? [] : [one.labels]));
    const mean = (of: (one: (typeof labels)[number]) => number): string =>
      labels.length === 0 ? '' : (labels.reduce((sum, one) => sum + 100 * of(one), 0) / labels.length).toFixed(1);
    lines.push(
      `| ${[
        own.length < results.reduce((most, { seed }) => Math.max(most, seed + 1), 0)
          ? `${what} (${plural(own.length, 'seed')})`
          : what,
        estimate(own.map(({ test }) => 100 * test)),
        against('labelled'),
        against('labelled-noise'),
        mean(({ right, kept }) => right / kept),
        mean(({ kept, pictures }) => kept / pictures),
      ].join(' | ')} |`,
    );
  }
  return [...lines, '', ...confidence(results)].join('\n');
}

/** How often a label is right, by the teacher's probability. */
function confidence(results: readonly Result[]): string[] {
  const all = results.filter(({ variant, labels }) => variant === 'no-threshold' && labels !== undefined);
  if (all.length === 0) return [];
  const rows = Array.from({ length: 10 }, (_, bin) => {
    const [n, right] = all.reduce(
      ([a, b], { labels }) => [a + labels!.bins[bin]!.n, b + labels!.bins[bin]!.right],
      [0, 0],
    );
    return n === 0
      ? []
      : [`| ${(bin / 10).toFixed(1)} to ${((bin + 1) / 10).toFixed(1)} | ${n} | ${((100 * right) / n).toFixed(1)} |`];
  });
  return ['| probability | labels | right, % |', '| --- | --- | --- |', ...rows.flat()];
}
