import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';

/** A process that is timed in turn with others: it waits until it is asked, and answers with a line. */
export class Side {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  constructor(command: string, args: string[]) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#reader = createInterface({ input: this.#child.stdout! });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }
  async line(): Promise<string> {
    const next = await this.#lines.next();
    if (next.done === true) throw new Error('one side ended before its time; its message stands above');
    return next.value;
  }
  /** Seconds of one step. */
  async step(kind: string): Promise<number> {
    this.#child.stdin!.write(`${kind}\n`);
    return Number(await this.line());
  }
  close(): void {
    this.#child.stdin!.end();
    this.#reader.close();
  }
}
