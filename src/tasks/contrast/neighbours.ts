import { call, fromTypedArray, matmul, mul, noGrad, scope, type Tensor } from '../../torch/index.js';

/** Rows that are compared with all others at a time. */
const BLOCK = 512;
/** Of weighing neighbours: exp(cosine / this). Wu et al. 2018, arXiv 1805.01978. */
const TEMPERATURE = 0.07;

/** The k nearest other rows of each row, the nearest first. */
export interface Neighbours {
  k: number;
  /** [n, k] */
  rows: Int32Array;
  /** [n, k] */
  cosines: Float32Array;
}

/** By the cosine of rows [n, width], each row left out of its own list. */
export function nearest(features: Float32Array, width: number, wanted: number): Neighbours {
  const n = features.length / width;
  const k = Math.min(wanted, n - 1);
  const rows = new Int32Array(n * k);
  const cosines = new Float32Array(n * k);
  noGrad(() =>
    scope(() => {
      const x = fromTypedArray(features, [n, width]);
      const lengths = call<Tensor>('aten::clamp_min', [call('aten::linalg_vector_norm', [x, 2, [1], true]), 1e-12]);
      const unit = mul(x, call('aten::reciprocal', [lengths]));
      for (let begin = 0; begin < n; begin += BLOCK)
        scope(() => {
          const end = Math.min(n, begin + BLOCK);
          const some = call<Tensor>('aten::slice.Tensor', [unit, 0, begin, end]);
          const own = call<Tensor>('aten::arange.start', [begin, end], { dtype: 'int64' });
          const all = matmul(some, call('aten::t', [unit]));
          const others = call<Tensor>('aten::scatter.value', [all, 1, call('aten::unsqueeze', [own, 1]), -2]);
          const [values, places] = call<[Tensor, Tensor]>('aten::topk', [others, k, 1]);
          cosines.set(values.data() as Float32Array, begin * k);
          rows.set(Int32Array.from(places.data() as BigInt64Array, Number), begin * k);
        });
    }),
  );
  return { k, rows, cosines };
}

/** The label that the neighbours of each row vote for, each with the weight exp(cosine / 0.07); of equals the first. */
export function voted({ k, rows, cosines }: Neighbours, labels: readonly number[], classes: number): number[] {
  return labels.map((_, i) => {
    const votes = new Float64Array(classes);
    for (let j = i * k; j < (i + 1) * k; j++) votes[labels[rows[j]!]!]! += Math.exp((cosines[j]! - 1) / TEMPERATURE);
    return votes.indexOf(Math.max(...votes));
  });
}
