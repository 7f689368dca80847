/** How a child ended that gave no answer. */
export interface Death {
  pid: number | undefined;
  /** One of the two is null. */
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Why this process ended it: `killSignal`, or it had not stopped within `graceMs`. Undefined when it did not. */
  by?: 'killSignal' | 'grace';
  graceMs: number;
}

export interface DeathWords {
  /** The process, at the beginning of a sentence. */
  who: string;
  /** What to try if memory has run out. */
  memory: string;
  /** A sentence about what is left of its work. */
  kept?: string;
}

/** One or two sentences. */
export function deathText(death: Death, { who, memory, kept }: DeathWords): string {
  const { code, signal, by, graceMs } = death;
  let how = `left with code ${code}`;
  if (signal !== null) how = `was ended by ${signal}`;
  // Whoever has nothing to save ends it at the first one, and says so itself.
  if (by === 'killSignal') how = 'was ended at once, as a second Ctrl-C or SIGTERM asks';
  else if (by === 'grace') how += `, since it had not stopped after ${graceMs / 1000} s`;
  else if (killedBySystem(death)) how += ` (out of memory? ${memory})`;
  return `${who} ${how}.${kept === undefined ? '' : ` ${kept}`}`;
}

/** Nobody here has ended it: mostly the system, when memory ran out. */
export const killedBySystem = ({ signal, by }: Death): boolean => signal === 'SIGKILL' && by === undefined;

/** Whether an error is that of an allocator: what libtorch's and C++'s say. */
export const isOutOfMemory = (error: unknown): boolean =>
  error instanceof Error && /can't allocate memory|out of memory|bad_alloc/i.test(error.message);
