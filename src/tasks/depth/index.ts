import { type DepthTargets, depthTargets } from '../../data/annotations/map-targets.js';
import { openDepth } from '../../data/annotations/maps.js';
import { LAST_LAYERS } from '../../models/segment/index.js';
import { CLIP_KEYS } from '../../recipe/clips/settings.js';
import { DETECT_KEYS } from '../../recipe/detect-settings.js';
import { CLASS_KEYS } from '../../recipe/recipe.js';
import { CONTRAST_KEYS } from '../../recipe/simclr-augment.js';
import type { Task } from '../../train/task.js';
import { refusesDecoder } from '../pixel-decoder.js';
import { type DepthDetails, depthEvaluator } from './evaluator.js';
import { METRICS } from './measures.js';
import { modelOfFacts, modelOfRun } from './model.js';
import { depthObjective, FIGURES } from './objective.js';
import { depthParts } from './report.js';
import { DEFAULT_DEPTH, type DepthSettings, depthOf, settingsOf } from './settings.js';
import { depthText } from './text.js';
import { depthTold } from './told.js';

/** Settings of detect that are these tasks' too. */
const SHARED: readonly string[] = ['headNorm', 'trunkNorm'];

/** How far away every pixel is, in metres. */
export const depth: Task<DepthTargets, DepthSettings, DepthDetails> = {
  name: 'depth',
  metrics: METRICS,
  figures: () => FIGURES,
  recipe: 'depth-quick',
  network: { model: 'resnet-18', width: 0.5, size: 256 },
  openData: openDepth,
  targets: depthTargets(),
  targetsOf: ({ depthZoom }) => depthTargets({ zoom: depthZoom }),
  settings: () => ({ name: 'depth', depth: DEFAULT_DEPTH }),
  settled: (settings, { recipe }) => ({ ...settings, depth: depthOf(recipe) }),
  settingsOf,
  fits: () => undefined,
  counts: () => ({}),
  outputs: () => 1,
  model: modelOfRun,
  restore: modelOfFacts,
  lastLayer: LAST_LAYERS,
  optionalParts: ['aux_classifier'],
  refuses: (recipe) =>
    recipe.accumulate === 1
      ? refusesDecoder(recipe)
      : {
          expected: 'accumulate=1',
          received: `accumulate=${recipe.accumulate}`,
          why: 'the loss is of all readings of a batch together, so parts make another one. Use a smaller --batch.',
        },
  facts: ({ depth: facts }) => ({ task: 'depth', depth: { ...facts } }),
  objective: ({ recipe: { values }, device }) =>
    depthObjective({
      focus: values.depthFocus,
      scale: values.depthLossScale,
      nearest: values.depthNearest,
      farthest: values.depthFarthest,
      device,
    }),
  exported: ({ depth: { farthest } }) => ({ kind: 'depth', farthest }),
  evaluator: depthEvaluator,
  told: depthTold,
  text: depthText,
  redrawn: ({ details: { scorer } }, times) => scorer.result(times).mean?.d1 ?? Number.NaN,
  report: depthParts,
  idleSettings: {
    keys: [
      ...CLIP_KEYS,
      ...CLASS_KEYS,
      ...(['auxWeight', 'auxRate'] as const),
      ...CONTRAST_KEYS,
      ...DETECT_KEYS.filter((key) => !SHARED.includes(key)),
    ],
    why: 'the task depth',
  },
};
