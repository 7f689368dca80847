import { RescaledError } from '../../errors.js';
import { call, fromTypedArray, noGrad, scope, type Tensor } from '../../torch/index.js';
import type { Features } from './rows.js';

export interface Neighbours {
  /** Neighbours that vote; all where there are fewer. */
  k: number;
  /** A vote weighs exp(cosine / temperature). */
  temperature: number;
}

/** 200 neighbours at temperature 0.07 (Wu et al. 2018, arXiv 1805.01978, section 3.4). */
export const NEIGHBOURS: Neighbours = { k: 200, temperature: 0.07 };

/** Similarities that are held at a time: 64 MB. */
const MOST_AT_A_TIME = 16e6;

/** Rows of length 1; a row of zeros stays one. */
const unit = ({ data, n, d }: Features): Tensor => {
  const x = fromTypedArray(data, [n, d]);
  const length = call<Tensor>('aten::linalg_vector_norm', [x, 2, [1], true]);
  return call<Tensor>('aten::div.Tensor', [x, call('aten::clamp_min', [length, 1e-12])]);
};

/**
 * The class of each query by the votes of its nearest labelled rows: sum over the k rows of largest cosine s of exp(s / temperature), per
 * class; the lower class of equals. Exact: all similarities are computed, block by block.
 */
export function nearest(
  known: Features,
  labels: Int32Array,
  classes: number,
  queries: Features,
  { k, temperature }: Neighbours = NEIGHBOURS,
): Int32Array {
  if (known.d !== queries.d || labels.length !== known.n || known.n < 1)
    throw new RescaledError(
      `Expected features of one width, each with a label, but received ${known.n} x ${known.d} with ${labels.length} labels ` +
        `and ${queries.n} x ${queries.d}.`,
    );
  const votes = Math.min(k, known.n);
  const predicted = new Int32Array(queries.n);
  const rows = Math.max(1, Math.min(queries.n, Math.floor(MOST_AT_A_TIME / known.n)));
  scope(() =>
    noGrad(() => {
      const bank = call<Tensor>('aten::t', [unit(known)]);
      for (let from = 0; from < queries.n; from += rows) {
        const n = Math.min(rows, queries.n - from);
        scope(() => {
          const part = { data: queries.data.subarray(from * queries.d, (from + n) * queries.d), n, d: queries.d };
          const similarity = call<Tensor>('aten::matmul', [unit(part), bank]);
          const [values, indices] = call<[Tensor, Tensor]>('aten::topk', [similarity, votes, 1, true, false]);
          const [s, at] = [values.data() as Float32Array, indices.data() as BigInt64Array];
          const sums = new Float64Array(classes);
          for (let i = 0; i < n; i++) {
            sums.fill(0);
            for (let v = i * votes; v < (i + 1) * votes; v++)
              sums[labels[Number(at[v])]!]! += Math.exp(s[v]! / temperature);
            let best = 0;
            for (let c = 1; c < classes; c++) if (sums[c]! > sums[best]!) best = c;
            predicted[from + i] = best;
          }
        });
      }
    }),
  );
  return predicted;
}
