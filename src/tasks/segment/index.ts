import { type SegmentTargets, segmentTargets } from '../../data/annotations/map-targets.js';
import { openSegmentation } from '../../data/annotations/maps.js';
import { LAST_LAYERS } from '../../models/segment/index.js';
import { CLIP_KEYS } from '../../recipe/clips/settings.js';
import { DETECT_KEYS } from '../../recipe/detect-settings.js';
import { DEPTH_KEYS } from '../../recipe/pixels/settings.js';
import { CONTRAST_KEYS } from '../../recipe/simclr-augment.js';
import type { Task } from '../../train/task.js';
import { DEFAULT_DECODER, decoderOf, refusesDecoder } from '../pixel-decoder.js';
import { type SegmentDetails, segmentEvaluator } from './evaluator.js';
import { METRICS } from './metrics.js';
import { modelOfFacts, modelOfRun } from './model.js';
import { FIGURES, segmentObjective } from './objective.js';
import { segmentParts } from './report.js';
import { fits, type SegmentSettings, settingsOf } from './settings.js';
import { segmentText } from './text.js';
import { segmentTold } from './told.js';

/** Settings of detect that are these tasks' too. */
const SHARED: readonly string[] = ['headNorm', 'trunkNorm'];

/** Which of some classes every pixel shows: FCN, semantic FPN, DeepLabV3 and V3+. */
export const segment: Task<SegmentTargets, SegmentSettings, SegmentDetails> = {
  name: 'segment',
  metrics: METRICS,
  figures: () => FIGURES,
  recipe: 'segment-quick',
  network: { model: 'resnet-18', width: 0.5, size: 256 },
  openData: openSegmentation,
  targets: segmentTargets(),
  settings: ({ classes }) => ({ name: 'segment', classes: [...classes], decoder: DEFAULT_DECODER }),
  settled: (settings, { recipe }) => ({ ...settings, decoder: decoderOf(recipe) }),
  settingsOf,
  fits,
  counts: ({ classes }) => ({ classes: classes.length }),
  outputs: ({ classes }) => classes.length,
  model: modelOfRun,
  restore: modelOfFacts,
  lastLayer: LAST_LAYERS,
  optionalParts: ['aux_classifier'],
  refuses: refusesDecoder,
  facts: ({ classes, decoder }) => ({ task: 'segment', classes: [...classes], decoder: { ...decoder } }),
  objective: ({ recipe: { values }, task, device }) =>
    segmentObjective({
      classes: (task as SegmentSettings).classes,
      auxWeight: values.auxWeight,
      labelSmoothing: values.labelSmoothing,
      device,
    }),
  exported: ({ classes }) => ({ kind: 'masks', labels: classes }),
  evaluator: ({ classes }, options) => segmentEvaluator(classes, options),
  told: segmentTold,
  text: segmentText,
  redrawn: ({ details: { scorer } }, times) => scorer.result(times).miou.detectron2 ?? Number.NaN,
  silent: () => ['miouKeras', 'miouAll'],
  report: segmentParts,
  idleSettings: {
    keys: [
      ...CLIP_KEYS,
      ...(['classWeights', 'mixup', 'cutmix', 'repeats', 'randomErasing'] as const),
      ...CONTRAST_KEYS,
      ...DETECT_KEYS.filter((key) => !SHARED.includes(key)),
      ...DEPTH_KEYS,
    ],
    why: 'the task segment',
  },
};
