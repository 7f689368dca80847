import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { Scores } from '../metric.js';
import { decodeEvents, type Event, encodeEvent, FILE_VERSION, SESSION_START } from './event-file.js';
import { type EpochEvent, figuresOfTraining, type TrainEvent } from './events.js';

/** A long run writes every n-th step, about so many in all: TensorBoard itself draws 1000 points of a curve. */
const STEPS_KEPT = 10_000;
const NAME = /^events\.out\.tfevents\.(\d+)\./;
const EPOCH = 'epoch';

/**
 * The scalars of a run for TensorBoard, in `RUN/tensorboard/events.out.tfevents.<seconds>.rescaled`, one file each time
 * the run starts. The x axis is the step. Names: `step/loss` and `step/learning_rate` of single steps; of epochs
 * `train/*`, `val/*_raw`, `val/*_ema`, `minival/*`, `learning_rate`, `images_per_second` and `epoch`.
 */
export class TensorBoardLog {
  readonly #file: string;
  #every = 1;

  /**
   * @param from where a resumed run stands: what lies behind it is cut off, since the run writes it again. Without it
   * the folder begins anew.
   */
  constructor(run: string, from?: { step: number; epoch: number }) {
    const folder = join(run, 'tensorboard');
    mkdirSync(folder, { recursive: true });
    const names = readdirSync(folder).filter((name) => NAME.test(name));
    for (const name of names) {
      if (from === undefined) rmSync(join(folder, name));
      else cutBehind(join(folder, name), from);
    }
    // TensorBoard reads the files in the order of their names, also where the clock was set back.
    const latest = Math.max(0, ...names.map((name) => Number(NAME.exec(name)![1])));
    const seconds = Math.max(Math.floor(Date.now() / 1000), latest + 1);
    this.#file = join(folder, `events.out.tfevents.${String(seconds).padStart(10, '0')}.rescaled`);
    this.#append({ wallTime: now(), fileVersion: FILE_VERSION });
    // A TensorBoard that is open may have read what was cut off.
    if (from !== undefined)
      this.#append({ wallTime: now(), step: from.step + 1, sessionLog: { status: SESSION_START } });
  }

  write(event: TrainEvent): void {
    if (event.type === 'start') this.#every = Math.ceil(Math.max(1, event.steps) / STEPS_KEPT);
    else if (event.type === 'step' && event.step % this.#every === 0) this.#scalars(event.step, stepScalars(event));
    else if (event.type === 'epoch') this.#scalars(event.step, epochScalars(event));
  }

  #scalars(step: number, values: Readonly<Record<string, number>>): void {
    this.#append({
      wallTime: now(),
      step,
      summary: { value: Object.entries(values).map(([tag, simpleValue]) => ({ tag, simpleValue })) },
    });
  }

  #append(event: Event): void {
    appendFileSync(this.#file, encodeEvent(event));
  }
}

const now = (): number => Date.now() / 1000;

function stepScalars({ loss, learningRate, lossScale }: Extract<TrainEvent, { type: 'step' }>): Record<string, number> {
  return {
    'step/loss': loss,
    'step/learning_rate': learningRate,
    ...(lossScale === undefined ? {} : { 'step/loss_scale': lossScale }),
  };
}

function epochScalars(event: EpochEvent): Record<string, number> {
  const scores = (prefix: string, suffix: string, { images: _, ...of }: Partial<Scores> = {}): [string, number][] =>
    Object.entries(of).map(([name, value]) => [`${prefix}/${name}${suffix}`, value as number]);
  return {
    ...Object.fromEntries(Object.entries(figuresOfTraining(event)).map(([name, value]) => [`train/${name}`, value])),
    ...Object.fromEntries([
      ...scores('val', '_raw', event.raw),
      ...scores('val', '_ema', event.ema),
      ...scores('minival', '', event.minival),
    ]),
    learning_rate: event.learningRate,
    images_per_second: event.imagesPerSecond,
    [EPOCH]: event.epoch,
  };
}

/**
 * Cuts a file off at the first event that the resumed run will write again; one that then holds no event of the run
 * goes.
 */
function cutBehind(path: string, from: { step: number; epoch: number }): void {
  let keep = 0;
  for (const { event, end } of decodeEvents(readFileSync(path))) {
    if (event.summary === undefined) continue;
    // The step alone does not tell an epoch that was done but not saved from one that was.
    const epoch = event.summary.value.find(({ tag }) => tag === EPOCH)?.simpleValue ?? 0;
    if ((event.step ?? 0) > from.step || epoch > from.epoch) break;
    keep = end;
  }
  if (keep > 0) truncateSync(path, keep);
  else rmSync(path);
}
