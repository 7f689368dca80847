import { Worker } from 'node:worker_threads';
import { RescaledError } from '../../errors.js';
import { engineLoaded } from '../../torch/addon.js';
import type { MadeBatch } from './batch.js';
import type { LoaderWorkerData, WorkerReply, WorkerTask } from './messages.js';

interface Waiting {
  resolve(batch: MadeBatch | undefined): void;
  reject(error: Error): void;
}

interface Member {
  readonly worker: Worker;
  readonly waiting: Map<number, Waiting>;
  readonly ended: Promise<void>;
}

/** How long a worker may take to finish the picture in hand before it is stopped by force. */
const CLOSE_MS = 5000;

/**
 * Worker threads that make batches. Threads start with the first tasks. A thread without work does not keep the process
 * alive. A thread that dies takes its tasks with it (they reject) and is replaced when the next task comes.
 */
export class WorkerPool {
  readonly #members: Member[] = [];
  readonly #count: number;
  readonly #data: LoaderWorkerData;
  #nextId = 0;
  #closed = false;

  constructor(count: number, data: LoaderWorkerData) {
    this.#count = count;
    this.#data = data;
  }

  /** Gives the task to the thread with the least to do. */
  run(task: Omit<WorkerTask, 'id'>): Promise<MadeBatch | undefined> {
    if (this.#closed) return Promise.reject(new RescaledError('The batch loader is closed.'));
    const member = this.#leastBusy();
    const id = this.#nextId++;
    const result = new Promise<MadeBatch | undefined>((resolve, reject) => member.waiting.set(id, { resolve, reject }));
    if (member.waiting.size === 1) member.worker.ref();
    member.worker.postMessage({ ...task, id } satisfies WorkerTask);
    return result;
  }

  #leastBusy(): Member {
    let best: Member | undefined;
    for (const member of this.#members)
      if (best === undefined || member.waiting.size < best.waiting.size) best = member;
    if (best !== undefined && (best.waiting.size === 0 || this.#members.length >= this.#count)) return best;
    const member = this.#start();
    this.#members.push(member);
    return member;
  }

  #start(): Member {
    const worker = new Worker(new URL('./loader-worker.js', import.meta.url), {
      workerData: { ...this.#data, engine: engineLoaded() } satisfies LoaderWorkerData,
      name: 'rescaled-loader',
      execArgv: [], // the caller's flags (--input-type, --import) are about the caller's program; some forbid a worker
    });
    const waiting = new Map<number, Waiting>();
    let reason = 'it ended without being asked to';
    const ended = new Promise<void>((resolve) => {
      worker.once('exit', (code) => {
        const at = this.#members.findIndex((member) => member.worker === worker);
        if (at >= 0) this.#members.splice(at, 1);
        const text = this.#closed
          ? 'The batch loader was closed while a batch was being made.'
          : `A loader thread stopped (exit code ${code}): ${reason}.`;
        for (const { reject } of waiting.values()) reject(new RescaledError(text));
        waiting.clear();
        resolve();
      });
    });
    worker.on('error', (error: Error) => (reason = error.message));
    worker.on('message', ({ id, batch, error }: WorkerReply) => {
      const task = waiting.get(id);
      waiting.delete(id);
      if (waiting.size === 0) worker.unref();
      if (error !== undefined) task?.reject(new RescaledError(`A loader thread could not make a batch: ${error}`));
      else task?.resolve(batch);
    });
    return { worker, waiting, ended };
  }

  /** Lets each thread finish the picture in hand, then ends it. Tasks not done by then reject. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(
      this.#members.map(async ({ worker, ended }) => {
        worker.ref();
        worker.postMessage('close');
        // Stopping a thread by force in the middle of native decoding is the last resort.
        const timer = setTimeout(() => void worker.terminate(), CLOSE_MS);
        await ended;
        clearTimeout(timer);
      }),
    );
  }
}
