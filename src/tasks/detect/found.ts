import type { Source } from '../../data/sources/source.js';
import type { BoxPrediction, FoundAndAsked } from '../../deploy/found.js';
import type { Evaluation } from '../../train/task.js';
import type { DetectDetails } from './evaluator.js';
import type { DetectSettings } from './settings.js';

/** What an evaluation found, and what the annotations have, as plain data. */
export function foundAndAsked(
  { details: { truths, found, index, sides } }: Evaluation<DetectDetails>,
  { classes }: DetectSettings,
  { spec }: Source,
): FoundAndAsked {
  const said = spec.kind === 'files' && spec.truth?.kind === 'boxes' ? spec.truth.coco : undefined;
  const ids = spec.kind === 'files' ? spec.ids : undefined;
  // Files of two parts may have one number for two pictures.
  const own = said && new Set(index.map((place) => said.pictures[ids![place]!]));
  const coco = own?.size === index.length ? said : undefined;
  const one = (boxes: ArrayLike<number>, label: number, i: number): Omit<BoxPrediction, 'score'> => ({
    label: classes[label]!,
    index: label,
    box: [boxes[4 * i]!, boxes[4 * i + 1]!, boxes[4 * i + 2]!, boxes[4 * i + 3]!],
  });
  return {
    labels: classes,
    pictures: index.map((place, k) => {
      const [truth, own] = [truths[k]!, found[k]!];
      return {
        index: place,
        width: sides[k]![0],
        height: sides[k]![1],
        ...(coco && { id: coco.pictures[ids![place]!]! }),
        boxes: Array.from(own.scores, (score, i) => ({ ...one(own.boxes, own.classes[i]!, i), score })),
        asked: Array.from(truth.classes, (label, i) => ({
          ...one(truth.boxes, label, i),
          crowd: truth.crowd[i] !== 0,
          difficult: truth.difficult[i] !== 0,
          area: truth.area[i]!,
        })),
      };
    }),
    ...(coco && { categories: coco.classes }),
  };
}
