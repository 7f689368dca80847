import { didYouMean } from '../suggest.js';
import { type Addon, addon } from './addon.js';

// Ids belong to the engine that gave them.
let ids = new Map<string, number>();
let idsFrom: Addon | undefined;

/** Watches every call, for tracing. */
export type CallListener = (
  name: string,
  args: readonly unknown[],
  named: Readonly<Record<string, unknown>> | undefined,
  result: unknown,
) => void;
let listener: CallListener | undefined;

/** Sets the listener and returns the one before it. */
export function setCallListener(next: CallListener | undefined): CallListener | undefined {
  const before = listener;
  listener = next;
  return before;
}

/** Whether calls are recorded: layers then call what others can run, not what is fastest here. */
export const isTracing = (): boolean => listener !== undefined;

function operatorId(engine: Addon, name: string): number {
  if (engine !== idsFrom) {
    ids = new Map();
    idsFrom = engine;
  }
  const known = ids.get(name);
  if (known !== undefined) return known;
  // "aten::add.Tensor" is operator aten::add, overload Tensor.
  const full = name.includes('::') ? name : `aten::${name}`;
  const dot = full.indexOf('.', full.indexOf('::'));
  const id = engine.findOperator(dot < 0 ? full : full.slice(0, dot), dot < 0 ? '' : full.slice(dot + 1));
  if (id === null) {
    const all = engine.operatorNames();
    const base = dot < 0 ? full : full.slice(0, dot);
    const overloads = all.filter((other) => other === base || other.startsWith(`${base}.`));
    const hint = overloads.length > 0 ? ` Its overloads are: ${overloads.join(', ')}.` : didYouMean(full, all);
    throw new TypeError(`no operator "${full}" is registered with this engine.${hint}`);
  }
  ids.set(name, id);
  return id;
}

/**
 * Calls any operator of PyTorch's dispatcher: `call('aten::add.Tensor', [a, b], { alpha: 2 })`. Arguments are converted
 * by the operator's schema: tensors, numbers, booleans, strings, lists, null; dtypes, devices, layouts and memory
 * formats by name. Missing ones take the schema's defaults. The result is a Tensor, a number, a list ..., or an array
 * when there are several.
 */
export function call<T = unknown>(
  name: string,
  args: readonly unknown[] = [],
  named?: Readonly<Record<string, unknown>>,
): T {
  const engine = addon();
  const result = engine.call(operatorId(engine, name), args, named);
  listener?.(name, args, named, result);
  return result as T;
}

/** The operator's schema as PyTorch prints it. */
export function schema(name: string): string {
  const engine = addon();
  return engine.operatorSchema(operatorId(engine, name));
}
