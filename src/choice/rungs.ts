import { type ModelOverrides, modelFacts, QuickCosts } from '../models/index.js';
import { stemStrideAt } from '../train/index.js';

/** A network at a size of pictures. */
export interface Rung {
  model: string;
  width: number;
  /** Side of the pictures that it sees, in pixels. */
  size: number;
}

/** Pictures up to so many pixels are no photographs: they are seen at their own size. */
const SMALL_SIDE = 64;

/** For photographs, from the quickest on: the first ones grow in width and pixels, which pays in short runs; then depth comes in. */
const PHOTOGRAPHS: readonly Rung[] = [
  { model: 'resnet-rs-14', width: 0.25, size: 96 },
  { model: 'resnet-rs-14', width: 0.375, size: 96 },
  { model: 'resnet-rs-14', width: 0.5, size: 96 },
  { model: 'resnet-rs-14', width: 0.5, size: 128 },
  { model: 'resnet-rs-26', width: 0.5, size: 128 },
  { model: 'resnet-rs-14', width: 1, size: 128 },
  { model: 'resnet-rs-26', width: 1, size: 160 },
  { model: 'resnet-rs-50', width: 1, size: 160 },
  { model: 'resnet-rs-50', width: 1, size: 224 },
  { model: 'resnet-rs-101', width: 1, size: 224 },
  { model: 'resnet-rs-152', width: 1, size: 256 },
];

const SMALL: readonly Omit<Rung, 'size'>[] = [
  { model: 'resnet-rs-14', width: 0.25 },
  { model: 'resnet-rs-14', width: 0.375 },
  { model: 'resnet-rs-14', width: 0.5 },
  { model: 'resnet-rs-14', width: 0.75 },
  { model: 'resnet-rs-14', width: 1 },
  { model: 'resnet-rs-26', width: 1 },
  { model: 'resnet-rs-50', width: 1 },
];

export const isSmall = (side: number | undefined): boolean => side !== undefined && side <= SMALL_SIDE;

/**
 * Networks to choose from, the quickest first. None sees more pixels than the pictures have.
 * @param side shorter side of a picture on disk
 * @param given what is not to be chosen
 */
export function rungsFor(side: number | undefined, given: Partial<Rung> = {}): Rung[] {
  const all = isSmall(side)
    ? SMALL.map((rung): Rung => ({ ...rung, size: Math.max(8, side!) }))
    : PHOTOGRAPHS.filter(({ size }) => given.size !== undefined || side === undefined || size <= side);
  const free = all.length > 0 ? all : PHOTOGRAPHS.slice(0, 1);
  const rungs = free
    .map((rung) => ({ ...rung, ...given }))
    // A named model comes with its own width.
    .map((rung) =>
      given.model !== undefined && given.width === undefined ? { ...rung, width: ownWidth(rung) } : rung,
    );
  const seen = new Set<string>();
  const different = rungs.filter((rung) => {
    const key = JSON.stringify(rung);
    return seen.has(key) ? false : seen.add(key);
  });
  return different.sort((a, b) => nominalSeconds(a) - nominalSeconds(b));
}

const ownWidth = ({ model }: Rung): number => modelFacts(model).options.width;

const costs = new QuickCosts();

export function costOf({ model, width, size }: Rung, batch = 32) {
  const stemStride = stemStrideAt(modelFacts(model), size);
  return costs.of(model, { size, batch, overrides: { width, stemStride } as ModelOverrides });
}

/**
 * Seconds of training on a picture, of one machine: a ms per 1e9 multiply-adds and b ms per 1e6 activations, a = 16.6 and b = 3.26. Measured
 * on 2 cores of an AMD EPYC with twelve networks, from ResNet-RS-14 of a quarter of the width to ResNet-RS-50, which it tells within a
 * third. Another machine's time is this times a factor.
 */
export function nominalSeconds(rung: Rung): number {
  const { multiplyAdds, activations } = costOf(rung);
  return 16.6e-3 * (multiplyAdds / 1e9) + 3.26e-3 * (activations / 1e6);
}
