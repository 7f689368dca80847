/**
 * What becomes of the pictures of an epoch that fill no whole batch: left out (`drop`), a smaller last batch (`keep`), or all batches made
 * a little smaller, as alike as can be (`spread`).
 */
export type Rest = 'drop' | 'keep' | 'spread';

/** Batches of an epoch over n pictures: floor(n/b) without the rest, else ceil(n/b). */
export function batchesOf(n: number, batch: number, rest: Rest): number {
  if (rest === 'drop') return Math.floor(n / batch);
  const all = Math.ceil(n / batch);
  // Batch norm wants two pictures at least: three in batches of two are one batch of three.
  return rest === 'keep' || batch === 1 ? all : Math.max(1, Math.min(all, Math.floor(n / 2)));
}

/**
 * Where the batches of an epoch over n pictures begin and end: batch i is [bounds[i], bounds[i + 1]). With `spread` the B batches are cut at
 * floor(i*n/B), so that their sizes differ by one at most: a last batch of few pictures would give a noisy step, and batch-norm statistics
 * that `averaging=ema` keeps.
 */
export function batchBounds(n: number, batch: number, rest: Rest): number[] {
  const batches = batchesOf(n, batch, rest);
  const at = (i: number): number => (rest === 'spread' ? Math.floor((i * n) / batches) : Math.min(n, i * batch));
  return Array.from({ length: batches + 1 }, (_, i) => at(i));
}

/** What an epoch is counted on where a step has pictures without labels beside its labelled ones. */
export interface Mixture {
  /** Pictures without labels, each as often as it is drawn in a pass over them. */
  unlabelled: number;
  /** Of them for each labelled picture of a step. */
  ratio: number;
  epochsCount: 'labelled' | 'all';
}

/** The mixture of a recipe. @param unlabelled draws of a pass over the pictures without labels; undefined where there are none */
export const mixtureOf = (
  { unlabelledRatio: ratio, epochsCount }: { unlabelledRatio: number; epochsCount: Mixture['epochsCount'] },
  unlabelled: number | undefined,
): Mixture | undefined => (unlabelled === undefined ? undefined : { unlabelled, ratio, epochsCount });

/** Pictures that a step looks at for each labelled one, itself among them; with consistency an unlabelled one is looked at twice. */
export const viewsPerLabelled = ({
  unlabelledRatio,
  unlabelledTargets,
}: {
  unlabelledRatio: number;
  unlabelledTargets: string;
}): number => 1 + unlabelledRatio * (unlabelledTargets === 'consistency' ? 2 : 1);

/**
 * Labelled pictures drawn in an epoch: each once; or, counted on all, as many as it takes to draw as many pictures as there are,
 * round((labelled + unlabelled)/(1 + ratio)).
 */
export const drawsOf = (labelled: number, mixture?: Mixture): number =>
  mixture === undefined || mixture.epochsCount === 'labelled'
    ? labelled
    : Math.max(2, Math.round((labelled + mixture.unlabelled) / (1 + mixture.ratio)));
