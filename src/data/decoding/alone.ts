// Decodes beside one another, and one alone: libvips keeps what went wrong in one place of the whole process, where a decode that fails finds
// the words of others that fail at the same time, or none since another has wiped them. Its own words it has alone.

let running = 0;
/** Settled when no decode is alone, or waits to be. */
let free: Promise<void> = Promise.resolve();
let whenNone: (() => void) | undefined;

/** Among others. `work` may ask for neither of the two. */
export async function beside<T>(work: () => Promise<T>): Promise<T> {
  for (let before: Promise<void> | undefined; before !== free; ) {
    before = free;
    await before;
  }
  running++;
  try {
    return await work();
  } finally {
    if (--running === 0) whenNone?.();
  }
}

/** When those that run in this thread have ended; others wait for it. */
export function alone<T>(work: () => Promise<T>): Promise<T> {
  const done = free.then(async () => {
    if (running > 0) await new Promise<void>((resolve) => (whenNone = resolve));
    whenNone = undefined;
    return work();
  });
  free = done.then(
    () => undefined,
    () => undefined,
  );
  return done;
}
