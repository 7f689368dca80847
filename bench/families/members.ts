import type { ModelSwitches } from '../../src/recipe/model-switches.js';

/** A small network of a family: a quarter of the published width (EfficientNet's half), a block in each stage where it has four. */
export interface Member {
  family: string;
  model: string;
  width: number;
  modelOptions?: ModelSwitches;
}

const ONE_EACH = { layers: [1, 1, 1, 1] } satisfies ModelSwitches;

/** Of 21 to 34 million multiply-adds at 96 pixels; all are compared with the first. */
export const MEMBERS: readonly Member[] = [
  { family: 'ResNet-RS', model: 'resnet-rs-14', width: 0.25 },
  { family: 'ResNet', model: 'resnet-14', width: 0.25 },
  { family: 'EfficientNet', model: 'efficientnet-b0', width: 0.5 },
  { family: 'TResNet', model: 'tresnet-m', width: 0.25, modelOptions: ONE_EACH },
  { family: 'ResNeSt', model: 'resnest-14d', width: 0.25 },
  { family: 'NFNet', model: 'nfnet-l0', width: 0.25, modelOptions: ONE_EACH },
  { family: 'LambdaResNet', model: 'lambda-resnet-26t', width: 0.25 },
];

/** `tresnet-m x0.25, a block a stage`. */
export const titleOf = ({ model, width, modelOptions }: Member): string =>
  `${model} x${width}${modelOptions === undefined ? '' : ', a block a stage'}`;
