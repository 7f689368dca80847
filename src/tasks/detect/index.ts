import { type DetectTargets, detectTargets } from '../../data/annotations/detect-targets.js';
import { openDetection } from '../../data/annotations/detection.js';
import { anchorsFor } from '../../models/detect/index.js';
import { modelFacts } from '../../models/index.js';
import { CLIP_KEYS } from '../../recipe/clips/settings.js';
import { DENSE_KEYS, DEPTH_KEYS } from '../../recipe/pixels/settings.js';
import { CLASS_KEYS } from '../../recipe/recipe.js';
import { CONTRAST_KEYS } from '../../recipe/simclr-augment.js';
import type { RunConfig } from '../../run/config.js';
import type { Task } from '../../train/task.js';
import { type DetectDetails, detectEvaluator } from './evaluator.js';
import { foundAndAsked } from './found.js';
import { METRICS } from './metrics.js';
import { modelOfRun, modelOfShapes } from './model.js';
import { CENTRE_FIGURE, detectionObjective, FIGURES } from './objective.js';
import { detectParts } from './report.js';
import {
  anchorsOfWeights,
  DEFAULT_FACTS,
  type DetectSettings,
  detectorOptions,
  factsOf,
  fits,
  settingsOf,
} from './settings.js';
import { suitedAnchors } from './suited.js';
import { detectText } from './text.js';

/** Of huber, in a code's units: tensorflow/tpu models/official/detection. */
const HUBER_DELTA = 0.1;

/** Pascal VOC's average precision by both rules: the means, and of each class. */
const vocTold = ({ voc }: DetectDetails, names: readonly string[]): Readonly<Record<string, unknown>> => ({
  overlap: 0.5,
  voc2007: voc('2007').map,
  voc2010: voc('2010').map,
  classes: names.map((name, i) => ({
    name,
    voc2007: voc('2007').classes[i]!.ap,
    voc2010: voc('2010').classes[i]!.ap,
    truths: voc('2010').classes[i]!.truths,
  })),
});

/** The product of all strides of a run's trunk. */
const totalStride = ({ model, modelOptions }: RunConfig): number =>
  modelOptions.stemStride * (modelFacts(model).kind === 'efficientnet' ? 16 : 8);

/** Boxes around things and their classes: RetinaNet, FCOS. */
export const detect: Task<DetectTargets, DetectSettings, DetectDetails> = {
  name: 'detect',
  metrics: METRICS,
  figures: ({ detector }) => (detector === 'fcos' ? [...FIGURES, CENTRE_FIGURE] : FIGURES),
  recipe: 'detect-quick',
  network: { model: 'resnet-18', width: 0.5, size: 256 },
  openData: openDetection,
  targets: detectTargets(),
  settings: ({ classes }) => ({ name: 'detect', classes: [...classes], detector: DEFAULT_FACTS }),
  settled: (settings, { recipe }) => ({ ...settings, detector: factsOf(recipe) }),
  suited: (train, size, start) => anchorsOfWeights(start) ?? suitedAnchors(train, size),
  settingsOf,
  fits,
  counts: ({ classes }) => ({ classes: classes.length }),
  outputs: ({ classes }) => classes.length,
  model: modelOfRun,
  lastLayer: 'classes.out',
  restore: modelOfShapes,
  facts: ({ classes, detector }) => ({ task: 'detect', classes: [...classes], detector: { ...detector } }),
  objective(config) {
    const { recipe, size, task } = config;
    const { values } = recipe;
    const options = detectorOptions(values, (task as DetectSettings).classes.length);
    return detectionObjective(
      { options, size, ...anchorsFor(options, size, totalStride(config)) },
      {
        alpha: values.focalAlpha,
        gamma: values.focalGamma,
        matchHigh: values.matchHigh,
        matchLow: values.matchLow,
        normaliser: values.lossNormaliser,
        boxLoss: values.boxLoss,
        huberDelta: HUBER_DELTA,
        boxWeight: values.boxWeight,
      },
    );
  },
  exported: ({ classes, detector }) => ({ kind: 'boxes', labels: classes, detector }),
  evaluator: detectEvaluator,
  told: ({ details }, { classes }) => ({
    classes: details.classes.map((one, i) => ({ name: classes[i], ...one })),
    intervals: details.scorer.intervals().stats,
    voc: vocTold(details, classes),
  }),
  text: detectText,
  boxes: foundAndAsked,
  redrawn: ({ details: { scorer } }, times) => {
    const { ap } = scorer.result(times).stats;
    return ap < 0 ? Number.NaN : ap;
  },
  report: detectParts,
  idleSettings: {
    keys: [...CLIP_KEYS, ...CLASS_KEYS, ...CONTRAST_KEYS, ...DENSE_KEYS, ...DEPTH_KEYS],
    why: 'the task detect',
  },
};
