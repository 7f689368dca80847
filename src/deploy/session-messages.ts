import type { GateState } from './exit-gate.js';
import type { OutputName, Outputs } from './session.js';

/** What a thread that runs a model is begun with. */
export interface SessionThreadData {
  bytes: Uint8Array;
  /** The file, for messages. */
  name: string;
  threads?: number;
  gate: GateState;
}

/** n pictures [n, S, S, 3] or clips [n, T, S, S, 3] to run, or the wish that the thread ends. */
export type SessionTask = { id: number; images: Uint8Array; n: number } | 'close';

/** An error as it crosses from thread to thread. */
export interface SentError {
  message: string;
  /** 1 or 2 where it is one that a person can mend. */
  exitCode?: number;
}

export type SessionReply =
  | { ready: { size: number; width: number; output: OutputName; frames?: number } }
  | { id: number; outputs: Outputs }
  | { id?: number; error: SentError };
