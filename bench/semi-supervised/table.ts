import { type Result, VARIANTS } from './variants.js';

/** Two-sided 97.5 % quantiles of Student's t by degrees of freedom. */
const T = [Number.NaN, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

function estimate(values: readonly number[]): string {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n < 2) return `${mean.toFixed(2)}`;
  const sd = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1));
  return `${mean.toFixed(2)} ± ${((T[n - 1]! * sd) / Math.sqrt(n)).toFixed(2)}`;
}

/** The baseline of a seed: the better of the runs on labelled pictures alone, by validation pictures. */
function baseline(results: readonly Result[], seed: number, open: boolean): Result | undefined {
  const names = open ? ['open-labelled', 'open-labelled-noise'] : ['labelled', 'labelled-noise'];
  const found = results.filter((one) => one.seed === seed && names.includes(one.variant));
  return found.length < 2 ? undefined : found.reduce((best, one) => (one.val > best.val ? one : best));
}

/** A Markdown table: mean and 95 % interval over seeds, the paired difference from the baseline, and the labels. */
export function table(results: readonly Result[]): string {
  const lines = [
    '| | test, % | against labelled alone | labels right, % | kept, % | seconds |',
    '| --- | --- | --- | --- | --- | --- |',
  ];
  for (const { name, what, open = false } of VARIANTS) {
    const own = results.filter((one) => one.variant === name);
    if (own.length === 0) continue;
    const differences = own.flatMap((one) => {
      const base = baseline(results, one.seed, open);
      return base === undefined ? [] : [100 * (one.test - base.test)];
    });
    const labels = own.flatMap((one) => (one.labels === undefined ? [] : [one.labels]));
    const mean = (of: (one: (typeof labels)[number]) => number): string =>
      labels.length === 0 ? '' : (labels.reduce((sum, one) => sum + 100 * of(one), 0) / labels.length).toFixed(1);
    lines.push(
      `| ${[
        what,
        estimate(own.map(({ test }) => 100 * test)),
        differences.length === 0 ? '' : estimate(differences),
        mean(({ right, kept }) => right / kept),
        mean(({ kept, pictures }) => kept / pictures),
        (own.reduce((sum, { seconds }) => sum + seconds, 0) / own.length).toFixed(0),
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
