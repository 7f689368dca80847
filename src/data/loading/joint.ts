import { Random } from '../../augment/random.js';
import { batchBounds, drawsOf, type Mixture, type Rest } from '../../batches.js';
import type { Source } from '../sources/source.js';

/** Keeps the order of pictures without labels apart from that of labelled ones of the same seed and pass. */
const UNLABELLED_STREAM = -2;

/** Which pictures of a joined source are drawn, and how often. */
export interface JointPlan {
  /** Pictures with labels: the first of the source. */
  labelled: number;
  /** The others by their places behind the labelled, each as often as it is drawn in a pass over them; a picture's own stand together. */
  unlabelled: Int32Array;
  /** Labelled pictures in a step. */
  batch: number;
  ratio: number;
  epochsCount: Mixture['epochsCount'];
  /** Looks at each unlabelled picture of a step: a second one is drawn in another style. */
  views: 1 | 2;
  /** Parts that a step is computed in, by one process or several: each gets its share of both kinds. */
  parts: number;
  rest: Rest;
  seed: number;
  /** Orders that are kind to where the pictures lie, of the labelled and of the others by their places; see `Source.order`. */
  order?: { labelled?: Source['order']; unlabelled?: Source['order'] };
}

/** A batch: pictures in order, and what their views are functions of besides the seed. */
export interface Draws {
  indices: Int32Array;
  /** Pass over the pictures of its kind. */
  passes: Int32Array;
  copies: Int32Array;
  /** Which of the loader's ways of preprocessing: 0 labelled, 1 unlabelled, 2 its second view. */
  styles: Uint8Array;
}

/**
 * The order of two kinds of pictures in steps that hold both. Each kind is drawn pass after pass, each pass a permutation of its own, without
 * a break from epoch to epoch. Labelled ones are cut into batches as those of a plain run are; up to the k-th labelled draw stand round(ratio x k)
 * unlabelled ones. A function of (seed, epoch) alone.
 */
export class JointOrder {
  readonly batchesPerEpoch: number;
  readonly #plan: JointPlan;
  /** Labelled draws of an epoch. */
  readonly #draws: number;
  readonly #bounds: readonly number[];
  /** Of an entry of `unlabelled`: how many entries of the same picture stand before it. */
  readonly #copies: Int32Array;
  readonly #permutations = new Map<string, Uint32Array>();

  constructor(plan: JointPlan) {
    const { labelled, unlabelled, batch, ratio, epochsCount, rest } = plan;
    this.#plan = plan;
    this.#draws = drawsOf(labelled, { unlabelled: unlabelled.length, ratio, epochsCount });
    this.#bounds = batchBounds(this.#draws, batch, rest);
    this.batchesPerEpoch = this.#bounds.length - 1;
    this.#copies = new Int32Array(unlabelled.length);
    for (let k = 1; k < unlabelled.length; k++)
      if (unlabelled[k] === unlabelled[k - 1]) this.#copies[k] = this.#copies[k - 1]! + 1;
  }

  /** Batch b of an epoch: its parts, one after the other, or one of them. */
  draws(epoch: number, b: number, only?: number): Draws {
    const { labelled, unlabelled, ratio, views, parts } = this.#plan;
    const [begin, end] = [epoch * this.#draws + this.#bounds[b]!, epoch * this.#draws + this.#bounds[b + 1]!];
    const [from, to] = [Math.round(ratio * begin), Math.round(ratio * end)];
    const drawn: [index: number, pass: number, copy: number, style: number][] = [];
    const share = (first: number, last: number, part: number): [number, number] => [
      first + Math.floor((part * (last - first)) / parts),
      first + Math.floor(((part + 1) * (last - first)) / parts),
    ];
    for (let part = only ?? 0; part < (only === undefined ? parts : only + 1); part++) {
      const [firstLabelled, lastLabelled] = share(begin, end, part);
      for (let k = firstLabelled; k < lastLabelled; k++) {
        const pass = Math.floor(k / labelled);
        drawn.push([this.#at('labelled', pass, k % labelled), pass, 0, 0]);
      }
      const [first, last] = share(from, to, part);
      for (let k = first; k < last; k++) {
        const pass = Math.floor(k / unlabelled.length);
        const entry = this.#at('unlabelled', pass, k % unlabelled.length);
        for (let view = 0; view < views; view++)
          drawn.push([labelled + unlabelled[entry]!, pass, views * this.#copies[entry]! + view, 1 + view]);
      }
    }
    return {
      indices: Int32Array.from(drawn, ([index]) => index),
      passes: Int32Array.from(drawn, ([, pass]) => pass),
      copies: Int32Array.from(drawn, ([, , copy]) => copy),
      styles: Uint8Array.from(drawn, ([, , , style]) => style),
    };
  }

  #at(kind: 'labelled' | 'unlabelled', pass: number, k: number): number {
    const key = `${kind} ${pass}`;
    let order = this.#permutations.get(key);
    if (order === undefined) {
      // A batch may lie across two passes of each kind.
      for (const old of this.#permutations.keys())
        if (old.startsWith(kind) && Math.abs(Number(old.split(' ')[1]) - pass) > 1) this.#permutations.delete(old);
      order = kind === 'labelled' ? this.#labelledOrder(pass) : this.#unlabelledOrder(pass);
      this.#permutations.set(key, order);
    }
    return order[k]!;
  }

  /** As a plain run has it. */
  #labelledOrder(pass: number): Uint32Array {
    const { labelled, seed, order } = this.#plan;
    return order?.labelled?.(new Random(seed, pass)) ?? new Random(seed, pass).permutation(labelled);
  }

  /** Entries of `unlabelled`. In an order of the pictures each further copy comes in a run of its own: copies do not stand together. */
  #unlabelledOrder(pass: number): Uint32Array {
    const { unlabelled, seed, order } = this.#plan;
    const random = (...copy: number[]): Random => new Random(seed, pass, UNLABELLED_STREAM, ...copy);
    const whole = order?.unlabelled?.(random());
    if (whole === undefined) return random().permutation(unlabelled.length);
    const entries = new Uint32Array(unlabelled.length);
    const first = new Int32Array(whole.length).fill(-1);
    for (let k = unlabelled.length - 1; k >= 0; k--) first[unlabelled[k]!] = k;
    let n = 0;
    const add = (places: Uint32Array, copy: number): void => {
      for (const place of places) {
        const entry = first[place]! + copy;
        if (first[place]! >= 0 && unlabelled[entry] === place) entries[n++] = entry;
      }
    };
    add(whole, 0);
    for (let copy = 1; n < entries.length; copy++) add(order!.unlabelled!(random(copy))!, copy);
    return entries;
  }
}
