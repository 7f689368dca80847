import { written } from '../../metric.js';
import { regimeFinding, studyFindings } from '../../report/study/findings.js';
import { bestSoFar, noFamily } from '../../report/study/words.js';
import { studyReport } from '../../studied/facts.js';
import { openBegun, type TargetFlags } from '../../studied/open.js';
import { DO_NOT_EXTRAPOLATE } from '../../study/advice/advise.js';
import { SHORT_RUNS_MISLEAD } from '../../study/analysis/halving.js';
import type { ScalingPlan } from '../../study/plan/scaling-plan.js';
import { commandLine } from '../../suggest.js';
import { duration } from '../progress.js';
import { table } from '../table.js';
import { scoreWithInterval } from './words.js';

/** Prints which dimension pays, the family that follows, and what to try next. */
export async function adviseOn(wanted: string, flags: TargetFlags & { json?: boolean }): Promise<void> {
  const { plan, folder } = await openBegun(wanted, flags);
  const report = studyReport(plan, folder);
  const { advice, configurations, metric } = report;
  if (flags.json === true) return console.log(JSON.stringify(written(metric, advice), null, 2));
  if (configurations.every(({ score }) => score === undefined))
    return console.log(`No trial has ended yet: not enough evidence. Go on with: rescaled study run ${folder}`);
  for (const regime of advice.regimes) tell(regimeFinding(regime, metric));
  const { full } = advice;
  if (full === undefined || full.family.members.length === 0)
    console.log(`\n${[noFamily(report), bestSoFar(report)].filter((text) => text !== undefined).join('\n')}`);
  else {
    const byName = new Map(configurations.map((one) => [one.name, one]));
    const newSeeds = full.family.members[0]!.prediction.seeds;
    console.log(`\nThe family for these pictures and this machine, at ${full.epochs} epochs:`);
    console.log(
      table(
        [
          [
            'model',
            `${metric.title} (95 %)`,
            `${newSeeds} new seed${newSeeds === 1 ? '' : 's'} (95 %)`,
            'step, ms',
            'ms a picture',
            'MFLOPs',
            'parameters',
          ],
          ...full.family.members.map((member) => {
            const { measured, parameters } = byName.get(member.name)!;
            return [
              member.name,
              scoreWithInterval(metric, member.score),
              scoreWithInterval(metric, member.prediction),
              measured?.trainStepMs.toFixed(1) ?? '',
              measured?.inferenceMs.toPrecision(3) ?? '',
              (member.flops / 1e6).toFixed(1),
              `${(parameters / 1e6).toFixed(2)} M`,
            ];
          }),
        ],
        1,
      ),
    );
  }
  if (advice.next.length > 0) {
    console.log('\nTo try next:');
    for (const one of advice.next) {
      const time =
        one.seconds === undefined
          ? ''
          : `, about ${duration(one.seconds)} for ${one.seeds} seed${one.seeds === 1 ? '' : 's'}`;
      console.log(
        `  ${one.family}-${one.depth} x${one.width} @${one.size} for ${one.epochs} epochs: ` +
          `more ${one.dimension} than ${one.base}, ${one.where}; ${one.flopsRatio.toFixed(2)} times its FLOPs${time}`,
      );
    }
  }
  for (const finding of studyFindings(report).filter(({ text }) => /^(FLOPs|Resolution|The error)/.test(text)))
    tell(finding);
  if (plan.study.halving !== undefined) console.log(`\n${SHORT_RUNS_MISLEAD.text} (${SHORT_RUNS_MISLEAD.source}.)`);
  console.log(`\n${DO_NOT_EXTRAPOLATE.text} (${DO_NOT_EXTRAPOLATE.source}.)`);
  const pick = report.commands.find(({ what }) => what === 'pick a model');
  if (pick !== undefined && full !== undefined && full.family.members.length > 0)
    console.error(`next: ${pick.command}`);
}

const tell = ({ lead, text }: { lead?: string; text: string }): void =>
  console.log(`${lead === undefined ? '' : `${lead} `}${text}`);

/** The command that trains a configuration of a study as its trials were trained. */
export function trainCommand(plan: ScalingPlan, name: string): string {
  const { options } = plan.configurations.find((configuration) => configuration.name === name)!;
  const { data, limitTrain, valSplit, model, size, width, recipe, settings = {}, stemStride } = options;
  const words = [
    'rescaled',
    'train',
    data,
    ...(limitTrain === undefined ? [] : ['--limit-train', String(limitTrain)]),
    ...(valSplit === undefined ? [] : ['--val-split', String(valSplit)]),
    '--model',
    model!,
    '--size',
    String(size),
    ...(width === undefined ? [] : ['--width', String(width)]),
    ...(stemStride === undefined ? [] : ['--stem-stride', String(stemStride)]),
    '--recipe',
    recipe ?? 'resnet-rs',
    ...Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${String(value)}`]),
  ];
  return commandLine(words);
}
