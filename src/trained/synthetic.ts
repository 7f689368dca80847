import { packClip } from '../augment/clips/packed.js';
import { pixelsOf } from '../augment/pixels.js';
import { Random } from '../augment/random.js';
import { type Source, sharedInts } from '../data/sources/source.js';
import type { InputFacts } from '../run/config.js';

/** So many are enough: a fault of an export shows on any picture. */
const PICTURES = 64;
/** Least and most side. */
const SIDES = [8, 64] as const;

/**
 * Pictures made by chance, to compare an exported file with its model on where no picture is at hand: noise of 8 to 64 pixels a side, each
 * channel uniform in a range of its own. The network's view enlarges it, so that they go from smooth to grained, and from pale to bright.
 * Picture i is a function of i. They have no labels: all are 0.
 * @param clip what the network takes of videos; undefined of pictures
 */
export function syntheticSource(clip: InputFacts['clip']): Source {
  const name = 'synthetic';
  const labels = sharedInts(new Uint8Array(PICTURES));
  return {
    ...{ name, classes: [], labels, length: PICTURES },
    describe: (i) => `${name}#${i}`,
    ready(i) {
      const random = new Random(i);
      const [width, height] = [0, 0].map(() => SIDES[0] + random.int(SIDES[1] - SIDES[0] + 1)) as [number, number];
      const ranges = [0, 0, 0].map(() => [random.int(256), random.int(256)].sort((a, b) => a - b) as [number, number]);
      const data = new Uint8Array(3 * width * height * (clip?.frames ?? 1));
      for (let k = 0; k < data.length; k++) {
        const [low, high] = ranges[k % 3]!;
        data[k] = low + random.int(high - low + 1);
      }
      return clip === undefined ? pixelsOf(data, width, height) : packClip(data, width, height);
    },
    examine: undefined,
    encoded: undefined,
    spec: { kind: 'joined', name, classes: [], labels, members: [] },
  };
}
