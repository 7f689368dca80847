import { RescaledError } from '../errors.js';

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const TWO_32 = 2 ** 32;

/**
 * Upper 32 bits of a 32 x 32 bit product, from four 16 x 16 bit ones (JavaScript has only the lower half, Math.imul).
 */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + (middle >>> 16) + (carry >>> 16)) >>> 0;
}

/**
 * Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): four random words as a pure
 * function of a 128-bit counter and a 64-bit key. Writes them to `out[0..3]`.
 */
export function philox4x32(counter: ArrayLike<number>, key: ArrayLike<number>, out: Uint32Array): void {
  let c0 = counter[0]! >>> 0;
  let c1 = counter[1]! >>> 0;
  let c2 = counter[2]! >>> 0;
  let c3 = counter[3]! >>> 0;
  let k0 = key[0]! >>> 0;
  let k1 = key[1]! >>> 0;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0) >>> 0;
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low1 = Math.imul(MULTIPLIER_1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/**
 * Random numbers as a pure function of (seed, keys): the same seed and keys give the same numbers on every machine, in
 * every thread and in any order of calls to other streams. `new Random(seed, epoch, index)` is the stream of one
 * picture in one epoch.
 *
 * The stream is Philox4x32-10 over the counter (block, 0, 0, 0). Each key is absorbed by one Philox call that makes a
 * new 64-bit Philox key from the key's bits, its position and the key so far; so (1), (1, 0) and (0, 1) are different
 * streams.
 *
 * @throws RescaledError when the seed or a key is not an integer that a double holds exactly.
 */
export class Random {
  readonly #key = new Uint32Array(2);
  readonly #counter = new Uint32Array(4);
  readonly #words = new Uint32Array(4);
  #used = 4;

  constructor(seed: number, ...keys: number[]) {
    checkInteger('seed', seed);
    this.#key[0] = seed >>> 0;
    this.#key[1] = Math.floor(seed / TWO_32) >>> 0;
    for (let position = 0; position < keys.length; position++) {
      const key = keys[position]!;
      checkInteger('key', key);
      // The last counter word is 0 in the number stream and at least 1 here, so the two never meet.
      this.#counter[0] = key >>> 0;
      this.#counter[1] = Math.floor(key / TWO_32) >>> 0;
      this.#counter[3] = position + 1;
      philox4x32(this.#counter, this.#key, this.#words);
      this.#key[0] = this.#words[0]!;
      this.#key[1] = this.#words[1]!;
    }
    this.#counter.fill(0);
  }

  /** A 32-bit unsigned integer. */
  uint32(): number {
    if (this.#used === 4) {
      philox4x32(this.#counter, this.#key, this.#words);
      this.#counter[0] = this.#counter[0]! + 1;
      if (this.#counter[0] === 0) this.#counter[1] = this.#counter[1]! + 1;
      this.#used = 0;
    }
    return this.#words[this.#used++]!;
  }

  /** Uniform in [0, 1) with 53 random bits: (a x 2^26 + b) / 2^53, a of 27 and b of 26 bits. */
  uniform(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /**
   * An integer in [0, n), every one equally likely (words beyond the last whole multiple of n are drawn again). 1 <= n
   * <= 2^32.
   */
  int(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > TWO_32) {
      throw new RescaledError(`Random.int expected a whole number between 1 and 2^32 but received ${n}.`);
    }
    const limit = TWO_32 - (TWO_32 % n);
    let word = this.uint32();
    while (word >= limit) word = this.uint32();
    return word % n;
  }

  /** Standard normal by Box and Muller: sqrt(-2 ln(1 - u)) cos(2 pi v). Takes two uniforms a call. */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** The numbers 0 .. n - 1 in random order, every order equally likely (Fisher and Yates). */
  permutation(n: number): Uint32Array {
    const order = new Uint32Array(n);
    for (let i = 0; i < n; i++) order[i] = i;
    for (let i = n - 1; i > 0; i--) {
      const j = this.int(i + 1);
      const swapped = order[i]!;
      order[i] = order[j]!;
      order[j] = swapped;
    }
    return order;
  }
}

function checkInteger(what: string, value: number): void {
  if (!Number.isSafeInteger(value)) {
    throw new RescaledError(`Random expected a whole number within +-2^53 as ${what} but received ${value}.`);
  }
}
