import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { RescaledError, UsageError } from '../errors.js';
import { closeGate, openGate } from './exit-gate.js';
import type { OutputName, Outputs, SessionOptions } from './session.js';
import type { SentError, SessionReply, SessionTask, SessionThreadData } from './session-messages.js';

interface Waiting {
  resolve(outputs: Outputs): void;
  reject(error: Error): void;
}

const received = ({ message, exitCode }: SentError): Error =>
  exitCode === 2 ? new UsageError(message) : new RescaledError(message);

/**
 * An `OnnxSession` in a thread of its own: while it computes, the calling thread decodes the pictures that come next, or
 * serves others. It keeps the process alive only while there is work.
 */
export class SessionThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ended: Promise<unknown>;
  #nextId = 0;
  #closing: Promise<void> | undefined;
  #death: Error | undefined;

  private constructor(
    worker: Worker,
    /** Side S of the input in pixels. */
    readonly size: number,
    /** Numbers K in a row of the output. */
    readonly width: number,
    readonly output: OutputName,
    /** Frames T of a clip; undefined of pictures. */
    readonly frames: number | undefined,
  ) {
    this.#worker = worker;
    this.#ended = once(worker, 'exit').then(() => {
      const closed = this.#closing !== undefined;
      this.#death ??= new RescaledError(closed ? CLOSED : 'The thread of the model ended without being asked to.');
      for (const { reject } of this.#waiting.values()) reject(this.#death);
      this.#waiting.clear();
    });
    worker.on('error', (error) => {
      this.#death = new RescaledError(`The thread of the model failed: ${error.message}`, { cause: error });
    });
    worker.on('message', (reply: SessionReply) => {
      if ('ready' in reply || reply.id === undefined) return;
      const task = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if (this.#waiting.size === 0 && this.#closing === undefined) worker.unref();
      if ('error' in reply) task?.reject(received(reply.error));
      else task?.resolve(reply.outputs);
    });
    worker.unref();
  }

  /**
   * @param bytes an .onnx file written by `exportOnnx`; moved to the thread: of no use here afterwards
   * @param name the file, for messages
   * @throws UsageError as `OnnxSession.create`
   */
  static async create(
    bytes: Uint8Array<ArrayBuffer>,
    name: string,
    options: SessionOptions = {},
  ): Promise<SessionThread> {
    const gate = openGate();
    const worker = new Worker(new URL('./session-worker.js', import.meta.url), {
      workerData: { bytes, name, ...options, gate } satisfies SessionThreadData,
      transferList: [bytes.buffer],
      name: 'rescaled-predictor',
      execArgv: [], // the caller's flags (--input-type, --import) are about the caller's program; some forbid a worker
    });
    worker.once('exit', () => closeGate(gate));
    const [reply] = (await once(worker, 'message')) as [SessionReply];
    if ('ready' in reply) {
      const { size, width, output, frames } = reply.ready;
      return new SessionThread(worker, size, width, output, frames);
    }
    await worker.terminate();
    throw received((reply as { error: SentError }).error);
  }

  /**
   * Runs n pictures or clips; runs asked for meanwhile follow in order.
   * @param images raw pixels [n, S, S, 3], RGB, of clips [n, T, S, S, 3]; moved to the thread: of no use here afterwards
   */
  run(images: Uint8Array<ArrayBuffer>, n: number): Promise<Outputs> {
    if (this.#closing !== undefined) return Promise.reject(new RescaledError(CLOSED));
    if (this.#death !== undefined) return Promise.reject(this.#death);
    const id = this.#nextId++;
    const result = new Promise<Outputs>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    if (this.#waiting.size === 1) this.#worker.ref();
    this.#worker.postMessage({ id, images, n } satisfies SessionTask, [images.buffer]);
    return result;
  }

  /** @throws RescaledError once it was closed */
  checkOpen(): void {
    if (this.#closing !== undefined) throw new RescaledError(CLOSED);
  }

  /** Ends the thread after the runs that were asked for. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#worker.ref();
      this.#worker.postMessage('close' satisfies SessionTask);
      await this.#ended;
    })();
    return this.#closing;
  }
}

const CLOSED =
  'Expected an open predictor but it was closed: call close() after the last prediction, or load it again.';
