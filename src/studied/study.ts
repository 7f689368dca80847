import { availableParallelism } from 'node:os';
import { checkOptions, checkValue, type OptionKinds, wholeOption } from '../checks.js';
import { RescaledError, UsageError } from '../errors.js';
import type { Metric } from '../metric.js';
import type { Advice } from '../study/advice/advise.js';
import { type BudgetPick, parseBudget } from '../study/advice/budget.js';
import type { StudyPoint } from '../study/analysis/points.js';
import type { StudyFile } from '../study/plan/file.js';
import { isStudyFolder, planScaling, readPlan, type ScalingPlan } from '../study/plan/scaling-plan.js';
import type { MeasureStudyOptions } from '../study/trials/measured.js';
import { adviceOf, metricOf } from './facts.js';
import { openBegun, openTarget, type TargetFlags } from './open.js';
import { asBegun, claimStudyFolder, overCosts, workersFor } from './plan.js';
import { pickOf, type TrialState, trainedPoints, trialStates } from './results.js';
import { runRungs, timeTrained } from './rungs.js';
import { measureSpeeds, unknownSpeeds } from './speed.js';
import { checkTrials, type StudyEnd, TRIALS_OPTIONS, type TrialsOptions, trainNamed } from './trials.js';

async function pageOf(plan: ScalingPlan, folder: string): Promise<string> {
  const { writeStudyPage } = await import('./study-page.js');
  return writeStudyPage(plan, folder);
}

/** One training of a study. */
export interface StudyTrial {
  /** Names its files in the folder of the study. */
  id: string;
  /** Of its configuration: `resnet-rs-26 x0.5 @64, 30 epochs`. */
  name: string;
  /** Of its whole training. */
  epochs: number;
  /** Of all chance in it. */
  seed: number;
  /** What became of it so far. */
  state: TrialState;
  /** Why it failed. */
  reason?: string;
}

/** How a study runs. */
export interface StudyOptions extends TrialsOptions {
  /** False: the models are not timed at the end, and have no place on the frontiers of time. */
  measure?: boolean;
  /** Told of each model that was timed. */
  onMeasured?: MeasureStudyOptions['onMeasured'];
}

const STUDY_OPTIONS: OptionKinds<Required<StudyOptions>> = {
  ...TRIALS_OPTIONS,
  measure: 'flag',
  onMeasured: 'function',
};

/**
 * A scaling study: many trainings of one recipe over depths, widths, sizes and lengths, and what follows from them (paper section 5).
 *
 * ```ts
 * const study = await Study.open('flowers/study.json');
 * const { page } = await study.run();
 * const { pick } = await study.pick('20ms');
 * ```
 */
export class Study {
  private constructor(
    /** Of its results. */
    readonly folder: string,
    /** What is studied: the file, filled in. */
    readonly file: StudyFile,
    private readonly where: string,
  ) {}

  /**
   * @param wanted its file, the name of a preset, or the folder of its results
   * @param options where the pictures are and the results go, and how many seeds
   * @throws UsageError for what is none of them
   */
  static async open(wanted: string, options: TargetFlags = {}): Promise<Study> {
    checkValue('the study of Study.open', wanted, 'path');
    checkOptions('Study.open', options, { data: 'path', out: 'path', seeds: 'number' });
    wholeOption('seeds', options.seeds, 1, 1000);
    const { study, folder, where } = await openTarget(wanted, options);
    return new Study(folder, study, where);
  }

  /** What its results are compared by. */
  get metric(): Metric {
    return metricOf(isStudyFolder(this.folder) ? readPlan(this.folder) : this.file);
  }

  /** All configurations with their trials, those that are left out with the reason, and the data. Nothing is trained or written. */
  async plan(): Promise<ScalingPlan> {
    const laidOut = await planScaling(this.file, undefined, this.where);
    return isStudyFolder(this.folder) ? asBegun(laidOut, this.folder) : laidOut;
  }

  /**
   * Trains what is not done yet, times the models, and writes the page. Trials run in processes of their own; a second call, also of another
   * process, shares the work or goes on with it.
   */
  async run(options: StudyOptions = {}): Promise<StudyEnd> {
    checkOptions('Study.run', options, STUDY_OPTIONS);
    checkTrials(options);
    const { signal, checkpointSeconds, measure = true, onMeasured } = options;
    const threads = options.threads ?? availableParallelism();
    const laidOut = await planScaling(this.file, undefined, this.where);
    const workers = options.workers ?? workersFor(laidOut, threads);
    const shared = { study: this.folder, workers, threads, checkpointSeconds, signal };
    const plan = await claimStudyFolder(laidOut, this.folder, async (time) => {
      const { stopped } = await measureSpeeds(unknownSpeeds(overCosts(laidOut), time), shared, time);
      if (stopped) throw new RescaledError('Measuring was stopped; limits.minutes of the study needs it.');
    });
    const end = await runRungs(plan, this.folder, (trials) => trainNamed(trials, shared, options.onEvent));
    if (!end.stopped && measure) await timeTrained(plan, this.folder, { threads, signal, onMeasured });
    return { ...end, page: await pageOf(plan, this.folder) };
  }

  /** Every trial and what became of it. */
  async trials(): Promise<StudyTrial[]> {
    const { plan } = await this.begun();
    return trialStates(plan, this.folder).map(({ trial, configuration, state, reason }) => ({
      id: trial.id,
      name: configuration.name,
      epochs: configuration.epochs,
      seed: trial.seed,
      state,
      ...(reason === undefined ? {} : { reason }),
    }));
  }

  /** The configurations with their costs and the scores of their trials so far. */
  async points(): Promise<StudyPoint[]> {
    const { plan } = await this.begun();
    return trainedPoints(plan, this.folder);
  }

  /** Which dimension pays, the family that follows, and what to try next; no more than the results bear. */
  async advice(): Promise<Advice> {
    const { plan } = await this.begun();
    return adviceOf(plan, trainedPoints(plan, this.folder));
  }

  /**
   * The best model within a budget, `20ms`, `300MFLOPs`, `5Mparams` or `200MiB`.
   * @param options.any of all configurations, not of the proposed family alone
   */
  async pick(budget: string, options: { any?: boolean } = {}): Promise<BudgetPick & { from: 'family' | 'all' }> {
    checkValue('the budget of Study.pick', budget, 'text');
    checkOptions('Study.pick', options, { any: 'flag' });
    const wanted = parseBudget(budget);
    const { plan } = await this.begun();
    return pickOf(plan, this.folder, wanted, options.any);
  }

  /** Writes report.html, report.json and the numbers of its figures from the results so far. @returns the page */
  async report(): Promise<string> {
    const { plan } = await this.begun();
    return pageOf(plan, this.folder);
  }

  private async begun(): ReturnType<typeof openBegun> {
    if (!isStudyFolder(this.folder))
      throw new UsageError(`Expected a study that has begun but ${this.folder} has no plan.json. Begin it with run().`);
    return openBegun(this.folder, {});
  }
}
