import { modelCost } from '../../src/models/index.js';
import { estimate } from '../estimate.js';
import { MEMBERS, titleOf } from './members.js';
import type { Line, StepTime, Training } from './results.js';

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** A Markdown table: costs, rates, and test accuracy with Student's 95 % intervals over seeds; differences are paired by seed. */
export function table(
  lines: readonly Line[],
  { size, batch, classes }: { size: number; batch: number; classes: number },
): string {
  const trials = lines.filter((line): line is Training => line.kind === 'trial');
  const of = (family: string): readonly Training[] => trials.filter((one) => one.family === family);
  const rows = MEMBERS.flatMap((member, i) => {
    const own = of(member.family);
    const step = lines.find((line): line is StepTime => line.kind === 'step' && line.family === member.family);
    if (own.length === 0 || step === undefined) return [];
    const { width, modelOptions } = member;
    const cost = modelCost(member.model, { size, batch, overrides: { ...modelOptions, width, classes } });
    const differences = own.flatMap(({ seed, test }) => {
      const first = of(MEMBERS[0]!.family).find((one) => one.seed === seed);
      return first === undefined ? [] : [100 * (test - first.test)];
    });
    return [
      [
        `${member.family}: \`${titleOf(member)}\``,
        (cost.parameters / 1e6).toFixed(2),
        (cost.multiplyAdds / 1e6).toFixed(1),
        (1000 * step.seconds).toFixed(0),
        String(own[0]!.learningRate),
        String(own[0]!.epochs),
        mean(own.map(({ seconds }) => seconds)).toFixed(0),
        (100 * mean(own.map(({ validation }) => validation))).toFixed(1),
        estimate(own.map(({ test }) => 100 * test)),
        i === 0 ? '' : estimate(differences),
      ].join(' | '),
    ];
  });
  return [
    '| | parameters, M | multiply-adds, M | step, ms | rate | epochs | seconds | validation, % | test, % | against ResNet-RS |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows.map((row) => `| ${row} |`),
  ].join('\n');
}
