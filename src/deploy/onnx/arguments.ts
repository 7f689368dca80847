import { RescaledError } from '../../errors.js';
import type { TraceArg, TraceNode } from '../../torch/trace.js';

/**
 * Reads the arguments of one traced ATen call by position in its schema. Arguments left off the end take the default
 * that the caller gives, which is the schema's.
 */
export class Arguments {
  constructor(readonly node: TraceNode) {}

  /** `conv2d`, `add.Tensor` */
  get name(): string {
    return operatorName(this.node);
  }

  at(index: number): TraceArg | undefined {
    return this.node.args[index];
  }

  /** True for a missing argument and for None. */
  isNone(index: number): boolean {
    const arg = this.at(index);
    return arg === undefined || (arg.kind === 'const' && arg.value === null);
  }

  number(index: number, fallback?: number): number {
    const arg = this.at(index);
    if (arg === undefined && fallback !== undefined) return fallback;
    return this.#number(arg, index);
  }

  boolean(index: number, fallback?: boolean): boolean {
    const arg = this.at(index);
    if (arg === undefined && fallback !== undefined) return fallback;
    if (arg?.kind === 'const' && typeof arg.value === 'boolean') return arg.value;
    throw this.error(index, 'true or false');
  }

  /** A list of numbers of any length; one number is a list of one. */
  numbers(index: number, fallback?: readonly number[]): number[] {
    const arg = this.at(index);
    if (arg === undefined && fallback !== undefined) return [...fallback];
    if (arg?.kind === 'list') return arg.items.map((item) => this.#number(item, index));
    return [this.#number(arg, index)];
  }

  /** ATen's int[2] or int[3]: one number stands for all. An empty list takes the fallback (avg_pool2d's stride). */
  sides(index: number, count: number, fallback?: readonly number[]): number[] {
    let values = this.numbers(index, fallback);
    if (values.length === 0 && fallback !== undefined) values = [...fallback];
    if (values.length === 1) return new Array<number>(count).fill(values[0]!);
    if (values.length !== count) throw this.error(index, `one or ${count === 2 ? 'two' : 'three'} numbers`);
    return values;
  }

  /** `sides` of pictures. */
  pair(index: number, fallback?: readonly number[]): [number, number] {
    return this.sides(index, 2, fallback) as [number, number];
  }

  #number(arg: TraceArg | undefined, index: number): number {
    if (arg?.kind === 'const' && (typeof arg.value === 'number' || typeof arg.value === 'bigint'))
      return Number(arg.value);
    throw this.error(index, 'a number');
  }

  error(index: number, expected: string): RescaledError {
    const arg = this.at(index);
    const came = arg === undefined ? 'nothing' : arg.kind === 'const' ? String(arg.value) : `a ${arg.kind}`;
    return new RescaledError(
      `Cannot export aten::${this.name} to ONNX: expected ${expected} for argument ${index} but received ${came}.`,
    );
  }
}

/** `aten::add` with overload `Tensor` -> `add.Tensor` */
export function operatorName(node: TraceNode): string {
  const name = node.op.replace(/^aten::/, '');
  return node.overload === '' || node.overload === 'default' ? name : `${name}.${node.overload}`;
}
