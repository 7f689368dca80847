import { parentPort, workerData } from 'node:worker_threads';
import { openSource, type SourceSpec } from '../sources/source.js';
import { type BatchPlan, makeBatch } from './batch.js';
import type { WorkerReply, WorkerTask } from './worker-pool.js';

/** What a loader's worker thread is started with. */
export interface LoaderWorkerData {
  readonly spec: SourceSpec;
  readonly plan: BatchPlan;
  /** One shared integer: the pass that is wanted now. Tasks of other passes are dropped. */
  readonly currentPass: Int32Array;
}

const { spec, plan, currentPass } = workerData as LoaderWorkerData;
const port = parentPort!;
const source = openSource(spec);

let work = Promise.resolve();
port.on('message', (task: WorkerTask | 'close') => {
  // One batch after the other: the order of the tasks is the order in which they are wanted.
  work = work.then(() => (task === 'close' ? port.close() : answer(task)));
});

async function answer({ id, pass, ...request }: WorkerTask): Promise<void> {
  let reply: WorkerReply;
  try {
    const batch = await makeBatch(source, request, plan, () => Atomics.load(currentPass, 0) !== pass);
    reply = { id, batch };
  } catch (error) {
    reply = { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  const transfer = reply.batch
    ? [reply.batch.images.buffer, reply.batch.labels.buffer, reply.batch.indices.buffer]
    : [];
  port.postMessage(reply, transfer as ArrayBuffer[]);
}
