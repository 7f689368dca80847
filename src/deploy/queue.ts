/**
 * Passes items from one task to another in order. `push` waits while the queue is full, `shift` while it is empty: what
 * runs ahead is bounded, and a slow reader slows the writer.
 */
export class Queue<T> {
  readonly #items: T[] = [];
  readonly #room: number;
  #ended = false;
  #dropped = false;
  #error: { thrown: unknown } | undefined;
  #waiters: (() => void)[] = [];

  /** @param room items that may wait */
  constructor(room: number) {
    this.#room = room;
  }

  get length(): number {
    return this.#items.length;
  }

  /** Whether nothing comes after what waits. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Waits for room. @returns whether what is pushed will be read: false once the reader has left */
  async free(): Promise<boolean> {
    while (this.#items.length >= this.#room && !this.#dropped) await this.changed();
    return !this.#dropped;
  }

  /** Waits for room, then adds an item. @returns as `free` */
  async push(item: T): Promise<boolean> {
    if (!(await this.free())) return false;
    this.#items.push(item);
    this.#tell();
    return true;
  }

  /** The next item; undefined at the end. An error given to `end` is thrown after the items before it. */
  async shift(): Promise<T | undefined> {
    while (this.#items.length === 0 && !this.#ended) await this.changed();
    if (this.#items.length === 0 && this.#error !== undefined) throw this.#error.thrown;
    const item = this.#items.shift();
    this.#tell();
    return item;
  }

  /** The writer has no more, or failed. */
  end(error?: { thrown: unknown }): void {
    if (this.#dropped) return;
    this.#ended = true;
    this.#error = error;
    this.#tell();
  }

  /** The reader leaves: what waits is forgotten. */
  drop(): void {
    this.#dropped = this.#ended = true;
    this.#items.length = 0;
    this.#tell();
  }

  /** Until an item comes or goes, or the queue ends. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #tell(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter();
  }
}
