import type { TargetReader } from '../../../src/data/loading/targets.js';

export type Brightness = {
  /** [n]: mean of all bytes of a picture, between 0 and 1. */
  readonly brightness: Float32Array;
};

export function openTargets(): TargetReader<Brightness> {
  return {
    wantsPixels: true,
    writer(most) {
      const written = new Float32Array(most);
      let n = 0;
      return {
        add({ pixels: { data } }) {
          let sum = 0;
          for (const byte of data!) sum += byte;
          written[n++] = sum / data!.length / 255;
        },
        finish: () => ({ brightness: written.slice(0, n) }),
      };
    },
  };
}
