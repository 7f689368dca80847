/** Steps of a row-major tensor in elements: the last axis has 1, each other the product of the sides behind it. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  for (let axis = shape.length - 1, step = 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis]!;
  }
  return strides;
}

/** Whether elements in this order follow each other in memory. The stride of an axis of one element says nothing. */
export function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  const plain = rowMajorStrides(shape);
  return shape.every((size, axis) => size <= 1 || strides[axis] === plain[axis]);
}

/**
 * Index of the last element from the first, in elements: `sum((size - 1) * stride)`; -1 for a tensor without elements.
 */
export function lastIndex(shape: readonly number[], strides: readonly number[]): number {
  return shape.includes(0) ? -1 : shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, 0);
}

/**
 * The elements `source[sum(index[a] * strides[a])]` in row-major order of `shape`. `source` must start its own buffer,
 * aligned to the item size, and hold every index (`lastIndex`).
 */
export function gather(
  source: Uint8Array<ArrayBuffer>,
  itemSize: 1 | 2 | 4 | 8,
  shape: readonly number[],
  strides: readonly number[],
): Uint8Array<ArrayBuffer> {
  const count = shape.reduce((product, size) => product * size, 1);
  const { buffer } = source;
  const items = Math.floor(source.length / itemSize);
  let out: Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | BigUint64Array<ArrayBuffer>;
  switch (itemSize) {
    case 1:
      copy(source, (out = new Uint8Array(count)), shape, strides);
      break;
    case 2:
      copy(new Uint16Array(buffer, 0, items), (out = new Uint16Array(count)), shape, strides);
      break;
    case 4:
      copy(new Uint32Array(buffer, 0, items), (out = new Uint32Array(count)), shape, strides);
      break;
    case 8:
      copy(new BigUint64Array(buffer, 0, items), (out = new BigUint64Array(count)), shape, strides);
      break;
  }
  return new Uint8Array(out.buffer);
}

function copy<T extends number | bigint>(
  from: ArrayLike<T>,
  to: { [index: number]: T; readonly length: number },
  shape: readonly number[],
  strides: readonly number[],
): void {
  const inner = shape.at(-1) ?? 1;
  const step = strides.at(-1) ?? 0;
  const index = new Array<number>(Math.max(0, shape.length - 1)).fill(0);
  for (let at = 0, start = 0; at < to.length; ) {
    for (let i = 0; i < inner; i++) to[at++] = from[start + i * step]!;
    for (let axis = index.length - 1; axis >= 0; axis--) {
      start += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      start -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}
