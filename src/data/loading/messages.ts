import type { SourceSpec } from '../sources/source.js';
import type { BatchPlan, BatchRequest, MadeBatch } from './batch.js';
import type { TargetSpec } from './targets.js';

/** What a loader's worker thread is started with. */
export interface LoaderWorkerData {
  readonly spec: SourceSpec;
  readonly targets: TargetSpec;
  readonly plan: BatchPlan;
  /** One shared integer: the pass that is wanted now. Tasks of other passes are dropped. */
  readonly currentPass: Int32Array;
  /** Whether this process has loaded the engine, whose kernels then make the views. Said as a thread starts. */
  readonly engine?: boolean;
}

export interface WorkerTask extends BatchRequest {
  readonly id: number;
  readonly pass: number;
}

/** A batch (undefined when its pass is no longer wanted), or what went wrong. */
export interface WorkerReply {
  readonly id: number;
  readonly batch?: MadeBatch | undefined;
  readonly error?: string;
}
