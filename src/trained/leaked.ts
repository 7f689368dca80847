import { pathsOf, type Source, subset } from '../data/sources/source.js';
import type { MeasuredPart } from '../part-words.js';
import { type Leaked, shareWithout } from '../report/run/leaks.js';
import { loadCopies } from '../run/pictures.js';
import type { Evaluation } from '../train/index.js';
import { type LoadedModel, measure } from './load.js';

/**
 * What the pictures that stand in training too make of a run's figure: they are measured once more, alone.
 * @param result of all pictures of the source
 * @returns undefined where there are none, or nobody has looked for them
 */
export async function leakedIn(
  run: string,
  loaded: LoadedModel,
  { part, source, result }: { part: MeasuredPart; source: Source; result: Evaluation },
): Promise<Leaked | undefined> {
  const copies = part === 'val' || part === 'test' ? loadCopies(run)?.[part] : undefined;
  const matches = new Map(copies?.map(({ path, match }) => [path, match]));
  const paths = pathsOf(source) ?? [];
  const which = [...paths.keys()].filter((i) => matches.has(paths[i]!));
  if (which.length === 0) return undefined;
  const near = which.filter((i) => matches.get(paths[i]!) === 'near').length;
  const [primary] = loaded.task.metrics;
  const { images } = result.scores;
  const told = { part, images, exact: which.length - near, near };
  // Shares of other tasks need not be of whole pictures.
  if (primary.unit !== 'share' || loaded.task.name !== 'classify') return told;
  const alone = (await measure(loaded, subset(source, which), { batch: 32, workers: 1 }, 0)).scores;
  const of = (scores: Evaluation['scores']) => ({ images: scores.images, score: scores[primary.name]! });
  const without = shareWithout(of(result.scores), of(alone));
  return { ...told, ...(without && { without }) };
}
