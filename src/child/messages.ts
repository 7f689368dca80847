// What goes between a process and its child, and what a child's module is made of.
import { inspect } from 'node:util';
import { type ExitCode, errorOf, RescaledError } from '../errors.js';
import { refusal } from '../files.js';

/**
 * What a child is for: the task it is given, what it tells meanwhile, and its answer. All three travel as JSON: no
 * functions or typed arrays, and NaN arrives as null. One type serves both sides: `runChild<TrainJob>` and
 * `TaskHandler<TrainJob>`.
 */
export interface Job {
  task: unknown;
  message: unknown;
  answer: unknown;
}

/** What a child's module exports as `handle`: it does the task and returns the answer, or throws. */
export type TaskHandler<J extends Job> = (task: J['task'], tools: TaskTools<J['message']>) => Promise<J['answer']>;

export interface TaskTools<Message> {
  /** Aborted when the parent asks for a stop or has gone, or at SIGTERM: save and return. */
  signal: AbortSignal;
  /** Tells the parent something. Never throws because the parent has gone: `signal` tells that. */
  send: (message: Message) => void;
  /** To be awaited between steps that block the thread, or neither a stop nor the parent's end is noticed. */
  letMessagesIn: () => Promise<void>;
}

export type ToChild = { type: 'task'; task: unknown } | { type: 'stop' };
export type FromChild =
  | { type: 'message'; message: unknown }
  | { type: 'answer'; answer?: unknown }
  | { type: 'failed'; error: SentError };

/** An error on its way. One with a stack is a fault of the program, which somebody has to find. */
export type SentError = { message: string; exitCode: ExitCode } | { message: string; stack: string };

export function packError(thrown: unknown): SentError {
  const error = refusal(thrown) ?? thrown;
  if (error instanceof RescaledError) return { message: error.message, exitCode: error.exitCode };
  const fault = error instanceof Error ? error : new Error(`Expected an error to be thrown but got ${inspect(error)}.`);
  // The stack with the causes and codes that the error carries.
  return { message: fault.message, stack: inspect(fault) };
}

export function unpackError(sent: SentError): Error {
  if ('stack' in sent) return Object.assign(new Error(sent.message), { stack: sent.stack });
  return errorOf(sent.message, sent);
}

/** A mistake by its message, a fault of the program by its stack. */
export const reasonOf = (error: unknown): string =>
  error instanceof RescaledError
    ? error.message
    : error instanceof Error
      ? (error.stack ?? error.message)
      : String(error);
