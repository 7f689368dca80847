import { SIMCLR_ATTEMPTS } from '../augment/policies/simclr.js';
import type { Draft } from './draft.js';

/** Up to so many pixels, CIFAR's, SimCLR jitters less and does not blur. */
const CIFAR_SIDE = 32;

export const SIMCLR_KEYS = [
  'colourStrength',
  'colourShare',
  'brightnessRule',
  'greyShare',
  'blur',
  'blurSigma',
] as const;

/** Settings of the task contrast. */
export const CONTRAST_KEYS = [
  'temperature',
  'contrastReduction',
  'projectionHead',
  'projectionLayers',
  'projectionOutputs',
] as const;

/** Whether pictures are augmented as SimCLR does it, those with labels or those without. */
export const isSimclr = (draft: Draft): boolean =>
  draft.get('augment') === 'simclr' ||
  (draft.get('unlabelledRatio') > 0 && draft.get('unlabelledAugment') === 'simclr');

/** What SimCLR's augmentation asks for. */
export function fitSimclr(draft: Draft, size: number): void {
  if (!isSimclr(draft)) return;
  const code = 'google-research/simclr data_util.py';
  draft.set('cropMode', 'inception', `${code}: random crops at every size`);
  draft.set('cropAttempts', SIMCLR_ATTEMPTS, `${code}: max_attempts`);
  if (size > CIFAR_SIDE) return;
  const cifar = 'SimCLR, arXiv 2002.05709 appendix B.9, for CIFAR';
  draft.set('colourStrength', 0.5, cifar);
  draft.set('blur', 0, cifar);
}

/** What contrast asks for on small pictures. */
export function fitContrast(draft: Draft, size: number): void {
  if (size <= CIFAR_SIDE)
    draft.set('temperature', 0.5, 'SimCLR, arXiv 2002.05709 appendix B.9: the best of 0.1, 0.5 and 1 on CIFAR');
}
