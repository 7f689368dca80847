// One training, or the steps of all networks in turn, in a process of its own; prints a line of JSON.
//   node dist/bench/families/train.js '{"kind":"trial","data":FOLDER,"size":96,"threads":1,"member":{...},"seed":0,"epochs":10,"learningRate":0.1}'
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RescaledError } from '../../src/errors.js';
import type { TrainEvent } from '../../src/run/events.js';
import { train } from '../../src/tasks/runs.js';
import { NotFinite } from '../../src/train/step/diagnose.js';
import { Run } from '../../src/trained/run.js';
import { nextStep } from '../in-turn.js';
import type { Member } from './members.js';

interface Common {
  data: string;
  size: number;
  threads: number;
}
export type Task = Common &
  (
    | { kind: 'step'; members: readonly Member[]; rounds: number }
    | { kind: 'train'; member: Member; seed: number; epochs: number; learningRate: number }
  );

/** Steps of a network in its turn: those before the ones that are timed find the caches as the network before it left them. */
const WARM = 3;
const TIMED = 8;

const task = JSON.parse(process.argv[2]!) as Task;
const folder = mkdtempSync(join(tmpdir(), 'rescaled-families-'));
const clean = (): void => rmSync(folder, { recursive: true, force: true });
process.once('SIGINT', () => {
  clean();
  process.exit(130);
});
try {
  console.log(JSON.stringify(task.kind === 'step' ? await stepTimes(task) : await training(task)));
} catch (error) {
  if (!(error instanceof RescaledError)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
} finally {
  clean();
}
process.exit();

function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function started(
  { data, size, threads }: Common,
  { model, width, modelOptions }: Member,
  { epochs, seed, learningRate }: { epochs: number; seed: number; learningRate?: number },
): AsyncGenerator<TrainEvent> {
  return train({
    ...{ data, model, width, modelOptions, size, threads, workers: 1, seed, epochs, evalEvery: epochs },
    ...{ recipe: 'quick', settings: { precision: 'float32', ...(learningRate === undefined ? {} : { learningRate }) } },
    // Far apart: none is written while steps are timed.
    checkpointSeconds: 3600,
    out: join(folder, `${model}-${seed}`),
  });
}

/** Steps of all networks, some of each in turn, so that what else the machine does slows all of them alike. */
async function stepTimes(common: Extract<Task, { kind: 'step' }>): Promise<unknown> {
  const runs = common.members.map((member) => started(common, member, { epochs: 1000, seed: 0 }));
  const stepsPerEpoch: number[] = [];
  for (const run of runs)
    for (;;) {
      const { value } = await run.next();
      if (value?.type !== 'start') continue;
      stepsPerEpoch.push(value.stepsPerEpoch);
      break;
    }
  const steps = async (run: AsyncGenerator<TrainEvent>, count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await nextStep(run);
  };
  const seconds = runs.map(() => 0);
  for (let round = 0; round < common.rounds; round++)
    for (const [k, run] of runs.entries()) {
      await steps(run, WARM);
      const before = processorSeconds();
      await steps(run, TIMED);
      seconds[k]! += (processorSeconds() - before) / (TIMED * common.rounds);
    }
  return common.members.map(({ family }, k) => ({
    ...{ kind: 'step', family, seconds: seconds[k], stepsPerEpoch: stepsPerEpoch[k] },
  }));
}

async function training({
  member,
  seed,
  epochs,
  learningRate,
  ...common
}: Extract<Task, { kind: 'train' }>): Promise<unknown> {
  const about = { family: member.family, seed, learningRate, epochs };
  let [began, ended, steps] = [0, 0, 0];
  let epoch: Extract<TrainEvent, { type: 'epoch' }> | undefined;
  try {
    for await (const event of started(common, member, about)) {
      if (event.type === 'start') began = processorSeconds();
      if (event.type === 'step') [ended, steps] = [processorSeconds(), event.step];
      if (event.type === 'epoch') epoch = event;
    }
  } catch (error) {
    if (!(error instanceof NotFinite)) throw error;
    return { diverged: true, ...about };
  }
  const { raw, ema, trainLoss } = epoch!;
  const test = await Run.open(join(folder, `${member.model}-${seed}`)).evaluate({ data: common.data, split: 'test' });
  return {
    ...{ ...about, steps, seconds: ended - began },
    ...{ validation: (ema ?? raw)!['top1'], test: test.scores['top1'], trainLoss },
  };
}
