import { existsSync } from 'node:fs';
import { untilInterrupted } from '../child/interrupt.js';
import { fetchWeights } from '../weights/hub/fetch.js';
import { parseName } from '../weights/hub/name.js';

/** Renewed on a terminal so often, told elsewhere so often, in milliseconds. */
const EVERY = { terminal: 100, elsewhere: 10_000 };

/** Shows a download: one line that renews itself on a terminal, a plain line now and then elsewhere. */
export class DownloadProgress {
  #shown = 0;
  #started: { at: number; done: number } | undefined;
  readonly #terminal: boolean;

  constructor(
    readonly name: string,
    readonly stream: Pick<NodeJS.WriteStream, 'write' | 'isTTY' | 'columns'> = process.stderr,
  ) {
    this.#terminal = stream.isTTY === true;
  }

  show(done: number, of: number | undefined): void {
    const now = Date.now();
    this.#started ??= { at: now, done };
    if (done !== of && now - this.#shown < (this.#terminal ? EVERY.terminal : EVERY.elsewhere)) return;
    this.#shown = now;
    const rate = (done - this.#started.done) / Math.max(0.001, (now - this.#started.at) / 1000);
    const share = of === undefined || of === 0 ? '' : ` of ${megabytes(of)} MB, ${Math.floor((100 * done) / of)} %`;
    const text = `fetching ${this.name}: ${megabytes(done)}${share === '' ? ' MB' : share}, ${megabytes(rate)} MB/s`;
    if (this.#terminal) this.stream.write(`\r\x1b[2K${text.slice(0, (this.stream.columns ?? 120) - 1)}`);
    else this.stream.write(`${text}\n`);
  }

  say(text: string): void {
    this.stream.write(`${this.#terminal ? '\r\x1b[2K' : ''}${text}\n`);
  }

  /** Leaves the terminal's line clean. */
  end(): void {
    if (this.#terminal) this.stream.write('\r\x1b[2K');
  }
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

/** Downloads named weights unless they are there, and shows it; Ctrl-C stops and keeps what has come. */
export async function fetchShown(name: string): Promise<string> {
  const progress = new DownloadProgress(name);
  try {
    return await untilInterrupted((signal) =>
      fetchWeights(name, {
        signal,
        progress: (done, of) => progress.show(done, of),
        say: (text) => progress.say(text),
      }),
    );
  } finally {
    progress.end();
  }
}

/**
 * The path that a person means by `target`: itself where there is such a path, else the file of the weights that have
 * this name, which are downloaded when they are not there. Any other text is itself.
 */
export async function weightsPath(target: string): Promise<string> {
  return existsSync(target) || parseName(target) === undefined ? target : fetchShown(target);
}
