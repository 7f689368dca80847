import { addon, type Handle } from './addon.js';

const open: Set<Handle>[] = [];

/** Called by the Tensor constructor: what is made inside a scope belongs to the innermost one. */
export function enterScope(tensor: Handle): void {
  open.at(-1)?.add(tensor);
}

function collect(value: unknown, found: Set<unknown>, isTensor: (v: object) => boolean): void {
  if (typeof value !== 'object' || value === null || found.has(value)) return;
  found.add(value);
  if (isTensor(value) || ArrayBuffer.isView(value)) return;
  const items =
    value instanceof Map || value instanceof Set ? value.values() : Array.isArray(value) ? value : Object.values(value);
  for (const item of items) collect(item, found, isTensor);
}

/**
 * Runs `body` and disposes every tensor made in it, save those in its result (a tensor, or arrays, maps and plain
 * objects of them), which pass to the scope around it. Works by call order, so `body` must not be asynchronous.
 */
export function scope<T>(body: () => T): T {
  const mine = new Set<Handle>();
  open.push(mine);
  if (open.length === 1) addon().setScoped(true);
  let survivors: Set<unknown> | undefined;
  try {
    const result = body();
    if (result instanceof Promise)
      throw new TypeError(
        'scope: the function returned a Promise; a scope ends when its function returns, so it cannot be async',
      );
    survivors = new Set();
    collect(result, survivors, (value) => mine.has(value));
    return result;
  } finally {
    open.pop();
    const native = addon();
    if (open.length === 0) native.setScoped(false);
    const outer = open.at(-1);
    for (const tensor of mine) {
      if (survivors?.has(tensor) !== true) native.dispose(tensor);
      else if (outer !== undefined) outer.add(tensor);
      else native.reportExternal(tensor);
    }
  }
}

/** Runs `body` as if no scope were open: its tensors belong to another engine than those around it. */
export function outsideScopes<T>(body: () => T): T {
  const around = open.splice(0);
  try {
    return body();
  } finally {
    open.splice(0, open.length, ...around);
  }
}

/** Takes a tensor out of every open scope: it lives until `dispose()`. */
export function keep<T extends Handle>(tensor: T): T {
  for (const set of open) set.delete(tensor);
  addon().reportExternal(tensor);
  return tensor;
}
