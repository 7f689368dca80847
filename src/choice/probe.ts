// The process that looks at the data, measures the machine and chooses. chooseRun() starts it.
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { drawsOf, mixtureOf, viewsPerLabelled } from '../batches.js';
import type { TaskHandler, TaskTools } from '../child/messages.js';
import { cachedDataset } from '../data/cached.js';
import type { Dataset } from '../data/dataset.js';
import { watchIndexing } from '../data/shard-data.js';
import { typicalSide } from '../data/sources/sides.js';
import { storedSpec } from '../data/sources/source.js';
import type { TrainingData } from '../data/unlabelled.js';
import { UsageError } from '../errors.js';
import { availableMemory, peakMemory } from '../memory.js';
import { type ModelOverrides, modelFacts } from '../models/index.js';
import type { RunConfig } from '../run/config.js';
import type { TrainEvent } from '../run/events.js';
import { taskNamed } from '../tasks/index.js';
import { openTrainingData, resolveRun } from '../tasks/runs.js';
import { measureModel, settingsIn, stemStrideAt, trainLoop } from '../train/index.js';
import type { TrainOptions } from '../train/options.js';
import { decided } from '../train/step/precision.js';
import { choose, type Facts, lengthOf, runSeconds } from './choose.js';
import { costOf, nominalSeconds, type Rung, rungsFor } from './rungs.js';

/** What is to be chosen, and what is given. */
export interface Asked {
  /** Those of the training; what stands here is kept. */
  options: Omit<TrainOptions, 'out'>;
  /** The time that the whole run may take; without it `DEFAULT_MINUTES`, roughly. */
  minutes?: number;
}

export interface ChoiceJob {
  task: Asked;
  message: TrainEvent;
  /** Undefined when it was stopped. */
  answer: Choice | undefined;
}

/** A network and how long it would take, all else alike. */
export interface Alternative {
  rung: Rung;
  epochs: number;
  seconds: number;
}

/** What was chosen for data and machine, and what it rests on. `withChoice` puts it into options. */
export interface Choice {
  /** The network, its width and the size of the pictures. */
  rung: Rung;
  /** The recipe's name. */
  recipe: string;
  /** Pictures in a step. */
  batch: number;
  /** Passes over the training pictures. */
  epochs: number;
  /** Steps of the whole run. */
  steps: number;
  /** Of the whole run, from the command to the report. */
  seconds: number;
  /** The most that the process will take; unknown on systems that do not say. */
  memoryBytes?: number;
  /** Pictures a second while training. */
  imagesPerSecond: number;
  /** The next smaller network, where there is one. */
  smaller?: Alternative;
  /** The next larger one, and what it would take. */
  larger?: Alternative;
  /** What it rests on. */
  trainImages: number;
  /** Without labels, each as often as it is drawn in a pass over them. */
  unlabelledImages?: number;
  /** How many, where the task has classes. */
  classes?: number;
  /** The typical shorter side of the pictures on disk, in pixels. */
  side?: number;
  /** Of this machine. */
  cores: number;
  /** That the training takes. */
  threads: number;
  /** Memory that could be had. */
  freeBytes: number;
  /** What it would be trained on. */
  device: string;
  /** The time that was to be filled. */
  minutes: number;
  /** Whether the user named it. */
  asked: boolean;
  /** The time that a picture takes here, as a multiple of `nominalSeconds`. */
  factor: number;
}

/** A first model while you wait: two minutes below the ten that a first try may take. */
const DEFAULT_MINUTES = 8;
/** The recipe of short runs. */
const RECIPE = 'quick';
const FROM_WEIGHTS = 'finetune';
/** Of training, to tell the speed: a twentieth of the time there is, within these. A shared processor's speed moves by tens of per cent. */
const PROBE_SECONDS = { least: 5, most: 12 };
/** The first seconds start threads and choose kernels. */
const WARM_SECONDS = 1.5;
const PROBE_STEPS = 4;
/** Part of the free memory that a training may take. */
const SHARE_OF_MEMORY = 0.7;
/** Node, libtorch and the threads that make batches. */
const BASE_BYTES = 0.4e9;
/** From so much off on the choice is made anew. */
const FAR_OFF = 1.3;

export const handle: TaskHandler<ChoiceJob> = async ({ options, minutes }, tools) => {
  const began = performance.now();
  watchIndexing((done, of) => tools.send({ type: 'indexing', step: 0, done, of }));
  const dataset = await openTrainingData({ ...options });
  if (dataset.train === undefined)
    throw new UsageError(`Expected training pictures in ${options.data} but there is only a validation part.`);
  const side = await typicalSide(dataset.train);
  // A task with recipes of its own has a network too: the length alone is chosen.
  const own = taskNamed(options.task).recipe;
  const recipe = options.recipe ?? own ?? (options.from === undefined ? RECIPE : FROM_WEIGHTS);
  const given =
    options.from === undefined && own === undefined
      ? {
          ...(options.model === undefined ? {} : { model: options.model }),
          ...(options.width === undefined ? {} : { width: options.width }),
          ...(options.size === undefined ? {} : { size: options.size }),
        }
      : rungOf(await resolveRun({ ...options, recipe, out: '.' }, dataset));
  const rungs = own === undefined ? rungsFor(side, given) : [given as Rung];
  const configOf = ({ model, width, size }: Rung): Promise<RunConfig> =>
    resolveRun({ ...options, recipe, model, width, size, out: '.' }, dataset);

  const asked = minutes !== undefined;
  // -- the speed of this machine, on a small network and no pictures
  const first = rungs.find(({ size, width }) => size >= 96 && width >= 0.5) ?? rungs[0]!;
  const config = await configOf(first);
  const { device, threads } = config;
  const batch = config.recipe.values.batch / config.recipe.values.accumulate;
  const perPicture = async (): Promise<number> => {
    const { model, width, size } = first;
    const overrides = { width, stemStride: stemStrideAt(modelFacts(model), size) } as ModelOverrides;
    const precision = decided(config.recipe.values.precision);
    const { train } = await measureModel(model, { size, overrides, batch, runs: 5, threads, device, precision });
    return train.median / 1000 / batch;
  };
  const freeBytes = availableMemory();
  const facts = (factor: number, values: RunConfig['recipe']['values']): Facts => ({
    ...known(dataset, values),
    factor,
    memoryBytes: device === 'cpu' ? SHARE_OF_MEMORY * freeBytes : Number.POSITIVE_INFINITY,
    memoryOf: (rung) => BASE_BYTES + costOf(rung, batch).trainMemoryBytes,
    ...(settingsIn(options).epochs === undefined && (own === undefined || asked) ? {} : { epochs: values.epochs }),
  });
  const seconds = 60 * (minutes ?? DEFAULT_MINUTES);
  const left = (): number => Math.max(1, seconds - (performance.now() - began) / 1000);
  let found = facts(own === undefined ? (await perPicture()) / nominalSeconds(first) : 1, config.recipe.values);
  let pick = choose(rungs, left(), asked, found);

  // -- the speed of the choice, as it is trained
  const { least, most } = PROBE_SECONDS;
  const probe = { seconds: Math.min(most, Math.max(least, seconds / 20)), tools };
  let speed = await trained(await configOf(pick.rung), dataset, probe);
  if (speed === undefined) return undefined;
  const factorOf = ({ imagesPerSecond }: Trained, rung: Rung): number => 1 / imagesPerSecond / nominalSeconds(rung);
  const off = factorOf(speed, pick.rung) / found.factor;
  found = { ...found, factor: factorOf(speed, pick.rung) };
  if (off > FAR_OFF || off < 1 / FAR_OFF) {
    const other = choose(rungs, left(), asked, found);
    if (other.rung !== pick.rung) {
      speed = await trained(await configOf(other.rung), dataset, probe);
      if (speed === undefined) return undefined;
      found = { ...found, factor: factorOf(speed, other.rung) };
    }
    pick = other;
  }
  const taken = (performance.now() - began) / 1000;
  pick = { rung: pick.rung, ...lengthOf(pick.rung, left(), asked, found) };
  const resolved = await configOf(pick.rung);
  const { batch: whole } = resolved.recipe.values;
  const at = rungs.indexOf(pick.rung);
  const alternative = (rung: Rung | undefined): Alternative | undefined =>
    rung === undefined
      ? undefined
      : {
          rung,
          epochs: pick.epochs,
          seconds: taken + runSeconds(pick.epochs, found.factor * nominalSeconds(rung), found),
        };
  const [smaller, larger] = [alternative(rungs[at - 1]), alternative(rungs[at + 1])];
  const peak = device === 'cpu' ? peakMemory() : undefined;
  const memoryBytes = peak === undefined ? undefined : peak + (await unseenBytes(dataset, pick.rung.size, speed.views));
  return {
    rung: pick.rung,
    recipe,
    batch: whole,
    epochs: pick.epochs,
    steps: pick.epochs * Math.ceil(found.trainImages / whole),
    seconds: taken + pick.seconds,
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    imagesPerSecond: speed.imagesPerSecond,
    ...(smaller === undefined ? {} : { smaller }),
    ...(larger === undefined ? {} : { larger }),
    trainImages: resolved.trainImages,
    ...(resolved.unlabelled && { unlabelledImages: resolved.unlabelled.pictures }),
    ...taskNamed(options.task).counts(resolved.task),
    ...(side === undefined ? {} : { side }),
    cores: availableParallelism(),
    threads,
    freeBytes,
    device,
    minutes: seconds / 60,
    asked,
    factor: found.factor,
  };
};

/** Weights say which network they are of, and at which size. */
const rungOf = ({ model, modelOptions, size }: RunConfig): Rung => ({ model, width: modelOptions.width, size });

/**
 * What an epoch, an evaluation and the end of the run look at. Where a step looks at pictures without labels too, they are part of the time of
 * its labelled ones: a picture that is measured counts as a part of one.
 */
function known(
  dataset: TrainingData,
  recipe: RunConfig['recipe']['values'],
): { trainImages: number; evaluated: number; tested: number } {
  const views = viewsPerLabelled(recipe);
  return {
    trainImages: drawsOf(dataset.train!.length, mixtureOf(recipe, dataset.unlabelled?.drawn.length)),
    evaluated: ((recipe.averaging === 'none' ? 1 : 2) * dataset.val.length) / views,
    tested: (dataset.test ?? dataset.val).length / views,
  };
}

interface Trained {
  imagesPerSecond: number;
  views: number;
}

/**
 * Bytes of decoded pictures that are mapped into memory but were not looked at yet, after so many views: they count as this process' memory
 * once they are.
 */
async function unseenBytes(dataset: Dataset, size: number, views: number): Promise<number> {
  const { train, val } = await cachedDataset(dataset, size);
  const cached = train && storedSpec(train)?.cached;
  if (cached === undefined) return 0;
  const { whole, reduced } = cached;
  const pictures = train!.length + val.length;
  return ((whole?.bytes ?? 0) + (reduced?.bytes ?? 0)) * Math.max(0, 1 - views / pictures);
}

/**
 * Pictures a second of a training as it will be, pictures and all, from its first steps in a folder that is removed.
 * @returns undefined when it was stopped
 */
async function trained(
  config: RunConfig,
  dataset: Dataset,
  { seconds, tools: { send, signal, letMessagesIn } }: { seconds: number; tools: TaskTools<TrainEvent> },
): Promise<Trained | undefined> {
  const out = mkdtempSync(join(tmpdir(), 'rescaled-choice-'));
  const { batch } = config.recipe.values;
  try {
    let [began, last, epoch, steps, views, latest] = [0, 0, 0, 0, 0, 0];
    const timed = { steps: 0, images: 0, seconds: 0 };
    for await (const event of trainLoop(taskNamed(config.task.name), config, { out, dataset, signal })) {
      await letMessagesIn();
      if (signal.aborted) return undefined;
      if (event.type === 'decoding' || (event.type === 'advice' && steps === 0)) send(event);
      if (event.type !== 'step') continue;
      const now = performance.now() / 1000;
      began ||= now;
      // Between epochs lie evaluations, and the last batch of one may be a small one.
      if (event.epoch === epoch && last - began > WARM_SECONDS) {
        timed.steps++;
        timed.images += batch;
        timed.seconds += now - last;
      }
      [last, epoch, steps, views, latest] = [now, event.epoch, steps + 1, views + batch, event.imagesPerSecond];
      if (now - began > seconds && steps >= PROBE_STEPS) break;
    }
    // Labelled ones a second; what the loop tells counts all.
    const told = latest / viewsPerLabelled(config.recipe.values);
    return { imagesPerSecond: timed.steps < PROBE_STEPS ? told : timed.images / timed.seconds, views };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}
