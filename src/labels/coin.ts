import { philox4x32 } from '../augment/random.js';

/**
 * A number in [0, 1) that a seed and a key decide, in place of a coin: whatever the order of the pictures and however
 * often they are looked at, it is the same. Two 32-bit FNV-1a-like hashes of the key are the counter of a Philox call
 * whose key is the seed.
 */
export function coins(seed: number): (key: Uint8Array) => number {
  const philoxKey = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
  const counter = [0, 0, 0, 0];
  const words = new Uint32Array(4);
  return (key) => {
    let [a, b] = [0x811c9dc5, 0x9747b28c];
    for (let i = 0; i < key.length; i++) {
      a = Math.imul(a ^ key[i]!, 0x01000193);
      b = Math.imul(b ^ key[i]!, 0x5bd1e995);
      b ^= b >>> 15;
    }
    counter[0] = a >>> 0;
    counter[1] = b >>> 0;
    counter[2] = key.length;
    philox4x32(counter, philoxKey, words);
    return ((words[0]! >>> 5) * 67108864 + (words[1]! >>> 6)) / 9007199254740992;
  };
}
