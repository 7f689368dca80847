/** Rows of features, [n, d], row-major. */
export interface Features {
  data: Float32Array;
  n: number;
  d: number;
}

/** Some of the rows, in the order given. */
export function rowsOf({ data, d }: Features, chosen: ArrayLike<number>): Features {
  const out = new Float32Array(chosen.length * d);
  for (let i = 0; i < chosen.length; i++) out.set(data.subarray(chosen[i]! * d, (chosen[i]! + 1) * d), i * d);
  return { data: out, n: chosen.length, d };
}

/** One below the other. */
export function stacked(parts: readonly Features[]): Features {
  const [first] = parts;
  const n = parts.reduce((sum, part) => sum + part.n, 0);
  const data = new Float32Array(n * first!.d);
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  return { data, n, d: first!.d };
}
