import { parentPort, workerData } from 'node:worker_threads';
import { RescaledError } from '../errors.js';
import { throughGate } from './exit-gate.js';
import { OnnxSession } from './session.js';
import type { SentError, SessionReply, SessionTask, SessionThreadData } from './session-messages.js';

const port = parentPort!;
const { bytes, name, threads, gate } = workerData as SessionThreadData;
const send = (reply: SessionReply, transfer: ArrayBuffer[] = []): void => port.postMessage(reply, transfer);
const sent = (error: unknown): SentError => ({
  message: error instanceof Error ? error.message : String(error),
  ...(error instanceof RescaledError ? { exitCode: error.exitCode } : {}),
});

try {
  const session = await throughGate(gate, () =>
    OnnxSession.create(bytes, name, threads === undefined ? {} : { threads }),
  );
  const answer = async (task: SessionTask): Promise<void> => {
    if (task === 'close') {
      await throughGate(gate, () => session.close());
      return port.close();
    }
    const { id, images, n } = task;
    try {
      const { values, probabilities, boxes, classes } = await throughGate(gate, () => session.run(images, n));
      // What ONNX Runtime gives lies in memory of its own, which cannot be moved to another thread.
      const outputs = {
        ...{ values: values.slice(), probabilities: probabilities.slice() },
        ...(boxes && { boxes }),
        ...(classes && { classes: classes.slice() }),
      };
      send({ id, outputs }, [
        ...[outputs.values.buffer, outputs.probabilities.buffer],
        ...(outputs.classes === undefined ? [] : [outputs.classes.buffer as ArrayBuffer]),
      ]);
    } catch (error) {
      send({ id, error: sent(error) });
    }
  };
  let work = Promise.resolve();
  port.on('message', (task: SessionTask) => (work = work.then(() => answer(task))));
  const { size, width, output, frames } = session;
  send({ ready: { size, width, output, ...(frames !== undefined && { frames }) } });
} catch (error) {
  send({ error: sent(error) });
}
