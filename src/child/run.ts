// The parent's side: starts a child, talks to it, cancels it and waits until it has gone. main.ts is the other side.
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { RescaledError } from '../errors.js';
import { type Death, type DeathWords, deathText } from './death.js';
import { childEnvironment, type OwnVariables } from './environment.js';
import { type FromChild, type Job, type ToChild, unpackError } from './messages.js';

export interface ChildOptions<J extends Job> {
  /** Of this project; it exports `handle`, a `TaskHandler<J>`. It is imported in the child alone. */
  module: URL;
  task: J['task'];
  /** Asks it to save and to answer. */
  signal?: AbortSignal;
  /** Ends it at once. */
  killSignal?: AbortSignal;
  /** How long a stop may take before the process is ended; 2 minutes by default. */
  graceMs?: number;
  /** Beside the environment of this process. */
  env?: OwnVariables;
  onMessage?: (message: J['message']) => void;
}

export type ChildEnd<Answer> =
  | { type: 'answer'; answer: Answer }
  /** What its handler threw, as a RescaledError, a UsageError, or an Error with the child's stack. */
  | { type: 'failed'; error: Error }
  /** It had no last word. */
  | { type: 'died'; death: Death };

/**
 * A child's answer.
 * @throws what its handler threw, or a RescaledError that says how it died
 */
export function answerOf<Answer>(end: ChildEnd<Answer>, words: DeathWords): Answer {
  if (end.type === 'answer') return end.answer;
  if (end.type === 'failed') throw end.error;
  throw new RescaledError(deathText(end.death, words));
}

/** A step and a checkpoint of the largest models fit in. */
const GRACE_MS = 120_000;

/**
 * Does a task in a process of its own. A child that this process leaves alone, by its end too, saves and stops.
 * @returns its last word or how it died, once it has gone
 * @throws what `onMessage` throws, after ending the child
 */
export async function runChild<J extends Job>(options: ChildOptions<J>): Promise<ChildEnd<J['answer']>> {
  const { module, task, signal, killSignal, graceMs = GRACE_MS, env, onMessage = () => {} } = options;
  let child: ChildProcess;
  try {
    child = fork(fileURLToPath(new URL('./main.js', import.meta.url)), [module.href], { env: childEnvironment(env) });
  } catch (error) {
    return { type: 'failed', error: notStarted(error as Error) };
  }
  // It may have gone a moment ago; its exit tells.
  const tell = (message: ToChild): void => {
    if (child.connected) child.send(message, () => {});
  };
  let by: Death['by'];
  const end = (why: Death['by']): void => {
    by ??= why;
    child.kill('SIGKILL');
  };
  let timer: NodeJS.Timeout | undefined;
  const grace = (): void => void (timer ??= setTimeout(() => end('grace'), graceMs));
  const stop = (): void => {
    tell({ type: 'stop' });
    grace();
  };
  const kill = (): void => end('killSignal');

  const gone = new Promise<ChildEnd<J['answer']>>((resolve, reject) => {
    let last: ChildEnd<J['answer']> | undefined;
    let death: Death | undefined;
    let thrown: { error: unknown } | undefined;
    child.on('message', (message: FromChild) => {
      if (last !== undefined || thrown !== undefined) return;
      if (message.type === 'message') {
        try {
          onMessage(message.message);
        } catch (error) {
          thrown = { error };
          kill();
        }
        return;
      }
      last =
        message.type === 'answer'
          ? { type: 'answer', answer: message.answer }
          : { type: 'failed', error: unpackError(message.error) };
      // It has said its last word; hanging up lets it go.
      if (child.connected) child.disconnect();
      grace();
    });
    // Both: a last word may still be on its way when the process has gone. ('close' does not come when this side hangs
    // up.)
    const settle = (): void => {
      if (death === undefined || child.connected) return;
      if (thrown !== undefined) reject(thrown.error);
      else resolve(last ?? { type: 'died', death });
    };
    child.on('disconnect', settle);
    child.on('exit', (code, name) => {
      death = { pid: child.pid, code, signal: name, graceMs, ...(by === undefined ? {} : { by }) };
      settle();
    });
    child.on('error', (error) => resolve({ type: 'failed', error: notStarted(error) }));
  });

  signal?.addEventListener('abort', stop);
  killSignal?.addEventListener('abort', kill);
  tell({ type: 'task', task });
  if (killSignal?.aborted === true) kill();
  else if (signal?.aborted === true) stop();
  try {
    return await gone;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    killSignal?.removeEventListener('abort', kill);
  }
}

const notStarted = (cause: Error): RescaledError =>
  new RescaledError(
    `Expected to start a process but the system refused: ${cause.message}. Close other programs, or raise the limits on processes and memory.`,
    { cause },
  );
