import type { DetectTargets as BoxTargets } from '../../data/annotations/detect-targets.js';
import type { Decoder } from '../../models/detect/index.js';
import { add, call, fromTypedArray, mul, reshape, type Tensor } from '../../torch/index.js';
import type { Objective } from '../../train/task.js';
import { type AssignOptions, assign, type ViewTruth } from './assign.js';
import { codeLoss, decoded, decodedDistances, type FocalOptions, focalLoss, giouLoss, logitLoss } from './loss.js';

/** How wrong a detector is. */
export interface LossOptions extends FocalOptions, AssignOptions {
  /** Of RetinaNet; FCOS has `giou`. */
  boxLoss: 'l1' | 'huber' | 'giou';
  /** Of `huber`, in a code's units. */
  huberDelta: number;
  /** loss = class loss + this times the box loss (+ centre-ness loss of FCOS). */
  boxWeight: number;
}

/** What a step tells of its batch: parts of the loss, and anchors with a box to find a picture. */
export const FIGURES: readonly string[] = ['classLoss', 'boxLoss', 'positives'];
export const CENTRE_FIGURE = 'centreLoss';

/** The parts of the loss of some pictures, scalars that gradients flow from. */
export interface DetectionLoss {
  classLoss: Tensor;
  boxLoss: Tensor;
  centreLoss?: Tensor;
  /** Anchors with a box to find. */
  positives: number;
}

/**
 * The loss of pictures from a detector's outputs.
 * @param outputs [n, A, classes + 4 (+ 1)]
 * @param truths what each of them shows
 */
export function detectionLoss(
  outputs: Tensor,
  truths: readonly ViewTruth[],
  decoder: Decoder,
  options: LossOptions,
): DetectionLoss {
  const { classes, kind } = decoder.options;
  const { device, shape } = outputs;
  const [n, count, width] = shape as [number, number, number];
  const assigned = assign(truths, decoder, options);
  const positives = assigned.rows.length;
  const tensor = (values: Float32Array, ...dims: number[]): Tensor => fromTypedArray(values, dims, { device });
  const whole = (values: Int32Array, ...dims: number[]): Tensor =>
    fromTypedArray(values, dims, { dtype: 'int64', device });
  const rows: Tensor = call('aten::index_select', [
    reshape(outputs, [n * count, width]),
    0,
    whole(assigned.rows, positives),
  ]);
  const part = (x: Tensor, dim: number, from: number, to: number): Tensor =>
    call('aten::slice.Tensor', [x, dim, from, to]);
  const own = tensor(assigned.own, positives);
  const there = reshape(call<Tensor>('aten::gather', [rows, 1, whole(assigned.classes, positives, 1)]), [positives]);
  const classLoss = focalLoss(part(outputs, 2, 0, classes), tensor(assigned.weights, n, count, 1), there, own, options);
  const codes = part(rows, 1, classes, classes + 4);
  const [anchors, boxes] = [tensor(assigned.anchors, positives, 4), tensor(assigned.boxes, positives, 4)];
  if (kind === 'fcos') {
    const centre = reshape(part(rows, 1, width - 1, width), [positives]);
    return {
      classLoss,
      boxLoss: giouLoss(decodedDistances(codes, anchors), boxes, own),
      centreLoss: logitLoss(centre, tensor(assigned.centres, positives), own),
      positives,
    };
  }
  const { boxLoss: rule, huberDelta } = options;
  const boxLoss =
    rule === 'giou'
      ? giouLoss(decoded(codes, anchors), boxes, own)
      : codeLoss(codes, tensor(assigned.codes, positives, 4), own, rule, huberDelta);
  return { classLoss, boxLoss, positives };
}

/** @param decoder of the outputs at the size of the training */
export function detectionObjective(decoder: Decoder, options: LossOptions): Objective<BoxTargets> {
  return {
    begin: ({ images, targets }) => {
      const truths = truthsOf(targets);
      return {
        images,
        caption: (k) => `${truths[k]!.classes.length} boxes`,
        loss(outputs, begin, end) {
          const found = detectionLoss(outputs, truths.slice(begin, end), decoder, options);
          const { classLoss, boxLoss, centreLoss, positives } = found;
          const weighted = add(classLoss, mul(boxLoss, options.boxWeight));
          const n = end - begin;
          return {
            loss: centreLoss === undefined ? weighted : add(weighted, centreLoss),
            figures: {
              classLoss: classLoss.item() * n,
              boxLoss: boxLoss.item() * n,
              ...(centreLoss && { [CENTRE_FIGURE]: centreLoss.item() * n }),
              positives,
            },
          };
        },
      };
    },
    dispose() {},
  };
}

/** The targets of a batch, picture by picture. */
export function truthsOf({ boxes, classes, counts }: Pick<BoxTargets, 'boxes' | 'classes' | 'counts'>): ViewTruth[] {
  let from = 0;
  return Array.from(counts, (count) => {
    const to = from + count;
    const truth = { boxes: boxes.subarray(4 * from, 4 * to), classes: classes.subarray(from, to) };
    from = to;
    return truth;
  });
}
