import type { Source } from '../sources/source.js';
import type { TargetReader, TargetSpec } from './targets.js';

/** A class a picture. */
export type Labels = {
  /** [n]: indices into the source's classes. */
  readonly labels: Int32Array;
};

/** The labels of a source as targets. */
export const LABELS: TargetSpec<Labels> = { module: import.meta.url };

export function openTargets({ labels }: Source): TargetReader<Labels> {
  return {
    writer(most) {
      const written = new Int32Array(most);
      let n = 0;
      return {
        add({ index }) {
          written[n++] = labels[index]!;
        },
        finish: () => ({ labels: n === most ? written : written.slice(0, n) }),
      };
    },
  };
}
