import { parentPort, workerData } from 'node:worker_threads';
import { openSource } from '../sources/source.js';
import { makeBatch } from './batch.js';
import { useEngineKernels } from './kernels.js';
import type { LoaderWorkerData, WorkerReply, WorkerTask } from './messages.js';
import { buffersOf, openTargets } from './targets.js';

const { spec, targets, plan, currentPass, engine } = workerData as LoaderWorkerData;
const port = parentPort!;
if (engine === true) useEngineKernels();
const source = openSource(spec);
const reader = openTargets(targets, source);
reader.catch(() => undefined); // heard with the first batch

let work = Promise.resolve();
port.on('message', (task: WorkerTask | 'close') => {
  // One batch after the other: the order of the tasks is the order in which they are wanted.
  work = work.then(() => (task === 'close' ? port.close() : answer(task)));
});

async function answer({ id, pass, ...request }: WorkerTask): Promise<void> {
  let reply: WorkerReply;
  try {
    const batch = await makeBatch(source, await reader, request, plan, () => Atomics.load(currentPass, 0) !== pass);
    reply = { id, batch };
  } catch (error) {
    reply = { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  const { batch } = reply;
  const transfer = batch ? [batch.images.buffer, ...buffersOf(batch.targets), batch.indices.buffer] : [];
  port.postMessage(reply, transfer as ArrayBuffer[]);
}
