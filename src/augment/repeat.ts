import { UsageError } from '../errors.js';

/**
 * Repeated augmentation (Hoffer et al., CVPR 2020, arXiv 1901.09335; the sampler of MultiGrain and DeiT): each picture
 * of the epoch's order comes `repeats` times in a row, so that a batch holds several views of it, and the order keeps
 * its length, so that an epoch has as many steps as without and shows only the first n / repeats pictures. Entry k is
 * order[floor(k / repeats)]; its copy number is k mod repeats.
 *
 * Copies differ only if their random streams do: the view of entry k comes from `new Random(seed, epoch, index, copy)`
 * for copy > 0, and from `new Random(seed, epoch, index)` for copy 0, so that the first copy is the view of a run
 * without repeats.
 */
export function repeatedOrder(order: Uint32Array, repeats: number): Uint32Array {
  if (!Number.isInteger(repeats) || repeats < 1)
    throw new UsageError(`Expected a whole number of repeats, at least 1, but received ${repeats}.`);
  return Uint32Array.from(order, (_, k) => order[Math.floor(k / repeats)]!);
}
