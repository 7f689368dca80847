import type { Dataset, DatasetOptions } from '../data/dataset.js';
import type { Batch } from '../data/loading/batch.js';
import type { TargetSpec, Targets } from '../data/loading/targets.js';
import type { Source } from '../data/sources/source.js';
import type { Unlabelled } from '../data/unlabelled.js';
import type { FoundAndAsked } from '../deploy/found.js';
import type { ExportedOutput } from '../deploy/metadata.js';
import type { Metric, Scores } from '../metric.js';
import type { ImageModel } from '../models/index.js';
import type { MeasuredPart } from '../part-words.js';
import type { Recipe, RecipeKey, Settings } from '../recipe/recipe.js';
import type { ClassMaps } from '../report/classes/maps.js';
import type { TaskParts } from '../report/parts.js';
import type { RunConfig, TaskSettings } from '../run/config.js';
import type { Tensor } from '../torch/index.js';
import type { WeightsFacts } from '../weights/facts.js';

/**
 * What can be learned from pictures: classes, boxes, depth. The loop, checkpoints, logs, studies and the report of a run ask a task for what
 * stands here and for nothing else; figures and metrics they know by name alone. A task is a folder of src/tasks/ and a line in its
 * register.
 * @typeParam T what a batch carries beside its pictures
 * @typeParam S the task's part of a run's configuration
 * @typeParam D what an evaluation finds besides its metrics
 */
export interface Task<T extends Targets = Targets, S extends TaskSettings = TaskSettings, D = unknown> {
  readonly name: string;
  /** What an evaluation gives. The first one is primary: epochs, trials and models are chosen by it. */
  readonly metrics: readonly [Metric, ...Metric[]];
  /**
   * What a step tells of its batch besides the loss, by name; more of them where it learns from pictures without labels. Those that are
   * metrics too are compared with them.
   */
  figures(recipe: Recipe): readonly string[];
  /** Whether it can learn from pictures without labels beside the labelled ones. */
  readonly unlabelled?: boolean;
  /** Its samples are clips: its models are those that take [N, C, T, S, S]. */
  readonly clips?: boolean;

  /**
   * Learns from two views of each picture: they stand in a row in a batch of the training. In evaluation each picture comes whole and then in
   * two views, all three in a row.
   */
  readonly pairs?: boolean;
  /** The recipe that it takes where none is named, of a task with recipes of its own. */
  readonly recipe?: string;
  /** The network that it takes where none is named, and the side of the pictures: what suits a small set and machine. */
  readonly network?: { readonly model: string; readonly width: number; readonly size: number };
  /** What of a recipe it cannot do: `accumulate=1`, and why. */
  refuses?(recipe: Recipe): { expected: string; received: string; why: string } | undefined;
  /** Settings of a recipe that play no part in it. */
  readonly idleSettings?: { readonly keys: readonly RecipeKey[]; readonly why: string };

  // -- data
  openData(path: string, options: DatasetOptions): Promise<Dataset>;
  /** What batches carry, and how it is made in the loader's threads. */
  readonly targets: TargetSpec<T>;
  /** The same for batches to learn from, where that depends on the recipe. */
  targetsOf?(recipe: Recipe): TargetSpec<T>;
  /** What a run keeps of this data: run.json has it under `task`. JSON, with `name` first. */
  settings(dataset: Dataset): S;
  /** The settings with what the model and the weights that a run starts from have to do with them. */
  settled?(settings: S, about: { recipe: Recipe; start: WeightsFacts; features(): number }): S;
  /**
   * What these pictures ask of a recipe of the task's own (`recipe`, or one that extends it), before what was set by the user.
   * @param size of the pictures as the network sees them
   */
  suited?(train: Source, size: number, start: WeightsFacts): Suited | undefined;
  /** The same from what weights say of themselves. @param outputs rows of their head */
  settingsOf(facts: WeightsFacts, outputs: number): S;
  /** How many classes, where there are any; for people. */
  counts(settings: S): { classes?: number };

  /**
   * @throws UsageError when the pictures to measure (`dataset.val`) ask for something else than weights of these settings give
   * @returns them as these weights are measured on them, where that differs from what they are
   */
  fits(settings: S, dataset: Dataset, names: { weights: string; data: string }): Fit | undefined;

  // -- model
  /** Numbers that the head gives for a picture. */
  outputs(settings: S): number;
  /** A fresh model on the run's trunk, a function of the seed: [n, 3, S, S] -> [n, outputs, ...]. */
  model(config: RunConfig): ImageModel;
  /** Of a head of many layers the one whose rows the outputs are, or a multiple of them: a path within the head. */
  readonly lastLayer?: string | readonly string[];
  /** Parts of the head that weights to start from may have beside it, or lack. */
  readonly optionalParts?: readonly string[];
  /** The same for weights in a file, where more than a linear layer stands on the trunk. @param tensors of the file, by key */
  restore?(
    trunk: (classes: number) => ImageModel,
    tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>,
    facts: WeightsFacts,
  ): ImageModel | undefined;
  /** What is written of the task into the header of weights. */
  facts(settings: S): WeightsFacts;

  // -- learning and measuring
  /** @param unlabelled pictures that stand after the labelled ones in the batches' source @param ranks where several share a step */
  objective(config: RunConfig, train: Source, unlabelled?: Unlabelled, ranks?: RankView): Objective<T>;
  /** A new one for each evaluation. */
  evaluator(settings: S, options: EvaluatorOptions): Evaluator<T, D>;

  // -- shipping and telling
  /** What an exported file gives out beside the model's own outputs. Absent where weights are a beginning, not an end. */
  exported?(settings: S): ExportedOutput;
  /**
   * What a program is told of an evaluation besides the metrics. JSON. @param much `summary`: what grows with the square of something, such
   * as a matrix of classes, is left out. Default: all.
   */
  told(found: Evaluation<D>, settings: S, much?: 'all' | 'summary'): Readonly<Record<string, unknown>>;
  /** The same for people: what stands behind the primary metric, and lines below the figures. */
  text?(found: Evaluation<D>, settings: S): TaskText;
  /** The boxes found, and those that were to be found, of a task that finds boxes: for files that other programs read. */
  boxes?(found: Evaluation<D>, settings: S, source: Source): FoundAndAsked;
  /**
   * The primary metric where the picture that was measured as the i-th counts `times[i]` times, for intervals over drawn pictures; NaN where
   * those have none. Absent where it is a mean over pictures, each right or wrong.
   */
  redrawn?(found: Evaluation<D>, times: ArrayLike<number>): number;
  /** Names of metrics that say nothing with these settings, such as the top 5 of 5 classes: they are not shown. */
  silent?(settings: S): readonly string[];
  /** What should be known as a run goes on, at the end of an epoch; told once. */
  advice?(epoch: EpochFigures, config: RunConfig): string | undefined;
  /** The task's part of a run's report. */
  report(found: Evaluation<D>, context: ReportContext<S>): Promise<TaskParts>;
  /** Brings where a run of 0.1.0 stands to today's form. */
  upgradeState?(state: unknown): unknown;
}

/** Which of the processes that share each step this one is. */
export interface RankView {
  readonly rank: number;
  readonly world: number;
}

/** Settings, why, and what else should be known. */
export interface Suited extends Settings {
  advice?: string;
}

/** Pictures as weights are measured on them. */
export interface Fit {
  val: Source;
  /** What is to be known. */
  notes: readonly string[];
}

export interface TaskText {
  /** Behind the primary metric: its interval, say. */
  primary?: string;
  lines: readonly string[];
}

/** How wrong a model is, as a number to make smaller. Made once a run; holds the tensors that all steps share. */
export interface Objective<T extends Targets = Targets> {
  /**
   * Begins a step on a batch of at least two pictures. What the whole batch has a part in, such as mixing, happens here; it is a function of
   * (seed, epoch, number of the batch).
   * @param whole sums of `counts` over the parts of a step, of which this batch is one. Default: those of the batch
   */
  begin(batch: Batch<T>, epoch: number, number: number, whole?: Float64Array): StepObjective;
  /** Of a batch what a step of several parts must know of all of them: how many pictures its means are over, say. The first is its pictures. */
  counts?(batch: Batch<T>): Float64Array;
  /** Ranks look at each other's pictures within a step: none computes it where one of `counts` is 0. */
  readonly together?: boolean;
  dispose(): void;
}

export interface StepObjective {
  /** Pictures as the network shall see them, [n, S, S, 3], bytes. */
  readonly images: Uint8Array;
  /** What shall be learned of picture k, for people: its class, of a mixed one each with its share. */
  caption?(k: number): string;
  /** Where a batch may be cut into parts: the place at or next to `at` that leaves together what belongs together. Default: anywhere. */
  cut?(at: number): number;
  /**
   * Of the pictures from `begin` to before `end`, whose outputs are given in float32: the mean loss, a scalar that gradients flow from, and
   * the task's figures, each the sum over these pictures.
   */
  loss(outputs: Tensor, begin: number, end: number): { loss: Tensor; figures: Readonly<Record<string, number>> };
}

export interface EvaluatorOptions {
  /** How many single pictures worth a look are kept. */
  examples: number;
  /** What is measured. */
  model: ImageModel;
  /** What it was trained by, where that is known. */
  recipe?: Recipe;
}

/** An epoch that has ended. */
export interface EpochFigures {
  /** Of all epochs, counted from 1. */
  epoch: number;
  trainLoss: number;
  /** Means over the training pictures, by name. */
  figures: Readonly<Record<string, number>>;
  /** Where it was measured, by what epochs are chosen on. */
  scores?: Scores;
}

/** Gathers what outputs say, batch by batch. */
export interface Evaluator<T extends Targets = Targets, D = unknown> {
  /**
   * Called without gradients and in a scope that frees what it makes.
   * @throws RescaledError for outputs that no metric can be taken of, such as NaN
   */
  add(outputs: Tensor, batch: Batch<T>): void;
  result(): Evaluation<D>;
  /**
   * For several processes that measure some of the pictures each. `scores` of what all of them have gathered are those of one evaluator that saw
   * the same batches in their order. Where it is absent one of them measures all pictures.
   */
  readonly shared?: { own(): Gathered; scores(all: Gathered): Scores };
}

/** What an evaluation has of its pictures, as numbers. */
export interface Gathered {
  /** Whole numbers, which are summed over the processes: in float64 that is exact. */
  readonly sums: Float64Array;
  /** Values of the pictures or of the batches, in their order: each list is joined to those of the other processes. */
  readonly lists: readonly Float64Array[];
}

export interface Evaluation<D = unknown> {
  /** A value for each of the task's metrics, and the pictures that they come from. */
  readonly scores: Scores;
  readonly details: D;
}

/** What a task may look at for its part of a report. */
export interface ReportContext<S extends TaskSettings = TaskSettings> {
  readonly settings: S;
  /** Which pictures were measured. Default: the test pictures. */
  readonly part?: MeasuredPart;
  /** These pictures. */
  readonly source: Source;
  /** Where they lie. */
  readonly folder?: string;
  /** Picture i of them as the network sees it, as a PNG in base64. */
  picture(index: number): Promise<string>;
  /** The same evaluation of the weights that the run began with, for tasks that compare. */
  before?(): Promise<Evaluation>;
  /** Where the network saw some outputs in some of them. A report may be made without. */
  maps?(asked: readonly { index: number; outputs: readonly number[] }[]): Promise<ClassMaps>;
}
