import { RescaledError } from '../../errors.js';
import type { Module } from '../../nn/index.js';
import { call, noGrad, type Tensor } from '../../torch/index.js';

const finite = (x: Tensor): boolean => call<Tensor>('aten::all', [call('aten::isfinite', [x])]).item() === 1;
const largest = (x: Tensor): number => call<Tensor>('aten::max', [call('aten::abs', [x])]).item();

const KEPT = 'The last checkpoint is untouched. ';
const ADVICE =
  `${KEPT}Usual cause: the learning rate is too high; ` +
  'try a lower one (--set learningRate=0.03) or a longer warm-up (--set warmupEpochs=...).';

/** A loss or gradients that are no numbers, with what is known of the cause. */
export class NotFinite extends RescaledError {}

/** Why the loss is not a number: looks at the input and at every weight. The last good checkpoint stays as it is. */
export function diagnose(loss: number, step: number, learningRate: number, model: Module, input: Tensor): NotFinite {
  return noGrad(() => {
    const facts: string[] = [];
    const pictures = finite(input);
    if (!pictures) facts.push('the input batch holds values that are not finite');
    const bad = [...model.state()].filter(([, tensor]) => !finite(tensor)).map(([key]) => key);
    if (bad.length > 0) facts.push(`${bad.length} of the model's tensors are not finite, the first is ${bad[0]}`);
    else {
      const [key, size] = [...model.parameters()]
        .map(([name, tensor]): [string, number] => [name, largest(tensor)])
        .reduce((a, b) => (b[1] > a[1] ? b : a));
      facts.push(`all weights are finite, the largest is ${size.toPrecision(3)} in ${key}`);
    }
    return new NotFinite(
      `The loss became ${loss} at step ${step + 1} (learning rate ${learningRate.toPrecision(3)}): ${facts.join('; ')}. ` +
        cause(pictures, bad.length, step),
    );
  });
}

/** A rate has done nothing yet before the first update, and it spoils no pictures. */
function cause(finitePictures: boolean, badTensors: number, step: number): string {
  if (!finitePictures) return `${KEPT}Look at the pictures and at the mean and deviation of the input.`;
  if (step > 0) return ADVICE;
  return badTensors > 0
    ? 'No step was taken yet, so the weights came so: "rescaled weights inspect" lists what is not finite in a file.'
    : 'No step was taken yet, so the weights or the input are too large for this precision: try --set precision=float32.';
}

export function diagnoseScale(scale: number, step: number, learningRate: number): NotFinite {
  return new NotFinite(
    `The gradients of step ${step + 1} and of those before it are not finite, down to a loss scale of ${scale} ` +
      `(learning rate ${learningRate.toPrecision(3)}). ${ADVICE} Or train in another precision: --set precision=bfloat16.`,
  );
}

export function diagnoseGradient(norm: number, loss: number, step: number, learningRate: number): NotFinite {
  return new NotFinite(
    `The norm of the gradients became ${norm} at step ${step + 1} ` +
      `(learning rate ${learningRate.toPrecision(3)}) while the loss is ${loss.toPrecision(3)}. ${ADVICE}`,
  );
}

/** The same where it was found on another rank, which says more. */
export const lossOfOthers = (step: number, learningRate: number): NotFinite =>
  new NotFinite(
    `The loss is not finite on another rank at step ${step + 1} (learning rate ${learningRate.toPrecision(3)}). ${ADVICE}`,
  );
