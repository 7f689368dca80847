import type { DType } from './tensor.js';

/** An operator call that autograd would record. */
export interface TapeNode {
  /** 'aten::conv2d' */
  op: string;
  /**
   * One for each tensor among the arguments: the node to which its gradient goes ('leaf' for a parameter, null where
   * none is wanted), and whether that is the gradient that the node received.
   */
  inputs: { bytes: number; goesTo: TapeNode | 'leaf' | null; passed: boolean }[];
  /** Shared ones are counted once. */
  saved: ShapeStorage[];
  /** Bytes of its result, where that is computed again for who asks instead of being kept (native/recompute.h). */
  again?: number;
  /** Bytes of inputs that are computed again for this node's own backward. */
  asked: number;
}

/** A piece of memory; tensors that share it (views, results of in-place operators) have the same one. */
export interface ShapeStorage {
  readonly bytes: number;
  /** Handles that JavaScript holds. */
  handles: number;
}

/** What a tensor is without its data. */
export interface ShapeRecord {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly device: string;
  readonly storage: ShapeStorage;
  requiresGrad: boolean;
  /** The recorded call that autograd would walk back to; undefined for a leaf. */
  producer?: TapeNode;
}

const BYTES: Record<DType, number> = {
  float64: 8,
  int64: 8,
  float32: 4,
  int32: 4,
  float16: 2,
  bfloat16: 2,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
};
export const elements = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);
export const bytesOf = (shape: readonly number[], dtype: DType): number => elements(shape) * BYTES[dtype];

/** The arguments of one call, checked as they are read. */
export class ShapeArgs {
  constructor(
    readonly op: string,
    readonly values: readonly unknown[],
    readonly named: Readonly<Record<string, unknown>>,
  ) {}
  get tensors(): ShapeRecord[] {
    return this.values.filter(isRecord);
  }
  tensor(i: number): ShapeRecord {
    const value = this.values[i];
    if (!isRecord(value))
      throw new TypeError(`${this.op}: expected a tensor as argument ${i} but received ${String(value)}`);
    return value;
  }
  /** [height, width], from a list of two or a number. */
  pair(i: number): readonly [number, number] {
    const value = this.values[i];
    if (typeof value === 'number') return [value, value];
    const list = this.list(i);
    return [list[0]!, list[1] ?? list[0]!];
  }
  list(i: number): readonly number[] {
    const value = this.values[i];
    if (!Array.isArray(value) || !value.every((n) => typeof n === 'number'))
      throw new TypeError(`${this.op}: expected a list of numbers as argument ${i} but received ${String(value)}`);
    return value as number[];
  }
  number(i: number, or: number): number {
    const value = this.values[i];
    return typeof value === 'number' ? value : or;
  }
}

const isRecord = (value: unknown): value is ShapeRecord =>
  typeof value === 'object' && value !== null && 'storage' in value;

/** What an operator makes of shapes, and what autograd keeps of it. */
export interface ShapeRule {
  /**
   * The shape of the result; its dtype and device are those of the first tensor unless given. `null`: the first
   * argument itself, in place.
   */
  result: ((args: ShapeArgs) => { shape: readonly number[]; dtype?: DType; device?: string }) | null;
  /** The result lies in the first argument's memory. */
  view?: boolean;
  /**
   * What backward needs and autograd holds until then: tensors, and bytes of tensors that only autograd sees. Nothing
   * when left out. Source: tools/autograd/derivatives.yaml of PyTorch; our own kernels in native/.
   */
  saves?: (args: ShapeArgs, out: ShapeRecord) => readonly (ShapeRecord | number)[];
  /** Whether the result is computed again for who needs it in backward, with `recompute=norm`. */
  again?: (args: ShapeArgs) => boolean;
  /** What `saves` names and is computed again is not kept: it is asked for, as a whole tensor or a row at a time. */
  asksAgain?: 'whole' | 'rows';
  /**
   * Whether backward hands on the gradient that it receives, to the i-th tensor among the arguments, instead of making
   * a new one.
   */
  passesGradient?: (args: ShapeArgs, i: number) => boolean;
}
