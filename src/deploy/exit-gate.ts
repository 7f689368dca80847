/** Places in the shared state of a thread: what it does, and what the process is about to do. */
const [THREAD, PROCESS] = [0, 1];
const IDLE = 0;
const BUSY = 1;
const ENDING = 1;

/** A run of some pictures takes far less; whoever takes longer is cut off. */
const LONGEST_MS = 30_000;

/** Shared by a thread that makes native calls and the one that began it. */
export type GateState = Int32Array<SharedArrayBuffer>;

const open = new Set<GateState>();

/** Before this process ends, whether by `process.exit` or by an exception, native calls end and no others begin. */
function hold(): void {
  for (const state of open) {
    Atomics.store(state, PROCESS, ENDING);
    Atomics.wait(state, THREAD, BUSY, LONGEST_MS);
  }
}

/**
 * State for a thread that is about to begin. A process that ends in the middle of a native call of ONNX Runtime in another thread is aborted
 * (`terminate called after throwing an instance of 'Napi::Error'`, exit code 134 in place of its own): the call cannot give its results to
 * a thread that is being ended. So the end of the process waits for the call.
 */
export function openGate(): GateState {
  const state: GateState = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  if (open.size === 0) process.on('exit', hold);
  open.add(state);
  return state;
}

/** The thread has ended. */
export function closeGate(state: GateState): void {
  open.delete(state);
  if (open.size === 0) process.off('exit', hold);
}

/** In the thread: makes a native call, unless the process is ending; then it never returns. */
export async function throughGate<T>(state: GateState, call: () => Promise<T>): Promise<T> {
  Atomics.store(state, THREAD, BUSY);
  const ending = Atomics.load(state, PROCESS) === ENDING;
  try {
    if (!ending) return await call();
  } finally {
    Atomics.store(state, THREAD, IDLE);
    Atomics.notify(state, THREAD);
  }
  return new Promise<never>(() => {});
}
