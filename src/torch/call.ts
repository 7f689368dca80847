import { addon } from './addon.js';
import { didYouMean } from '../suggest.js';

const ids = new Map<string, number>();

/** Watches every call, for tracing. */
export type CallListener = (name: string, args: readonly unknown[], named: Readonly<Record<string, unknown>> | undefined, result: unknown) => void;
let listener: CallListener | undefined;

/** Sets the listener and returns the one before it. */
export function setCallListener(next: CallListener | undefined): CallListener | undefined {
  const before = listener;
  listener = next;
  return before;
}

function operatorId(name: string): number {
  const known = ids.get(name);
  if (known !== undefined) return known;
  // "aten::add.Tensor" is operator aten::add, overload Tensor.
  const full = name.includes('::') ? name : `aten::${name}`;
  const dot = full.indexOf('.', full.indexOf('::'));
  const id = addon().findOperator(dot < 0 ? full : full.slice(0, dot), dot < 0 ? '' : full.slice(dot + 1));
  if (id === null) {
    const all = addon().operatorNames();
    const base = dot < 0 ? full : full.slice(0, dot);
    const overloads = all.filter((other) => other === base || other.startsWith(`${base}.`));
    const hint = overloads.length > 0 ? ` Its overloads are: ${overloads.join(', ')}.` : didYouMean(full, all);
    throw new TypeError(`no operator "${full}" is registered with this libtorch.${hint}`);
  }
  ids.set(name, id);
  return id;
}

/**
 * Calls any operator of PyTorch's dispatcher: `call('aten::add.Tensor', [a, b], { alpha: 2 })`. Arguments are converted by the operator's
 * schema: tensors, numbers, booleans, strings, lists, null; dtypes, devices, layouts and memory formats by name. Missing ones take the
 * schema's defaults. The result is a Tensor, a number, a list ..., or an array when there are several.
 */
export function call<T = unknown>(name: string, args: readonly unknown[] = [], named?: Readonly<Record<string, unknown>>): T {
  const result = addon().call(operatorId(name), args, named);
  listener?.(name, args, named, result);
  return result as T;
}

/** The operator's schema as PyTorch prints it. */
export function schema(name: string): string {
  return addon().operatorSchema(operatorId(name));
}
