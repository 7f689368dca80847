import type { Labels } from '../../data/loading/labels.js';
import { LABELS } from '../../data/loading/labels.js';
import { CLIP_KEYS } from '../../recipe/clips/settings.js';
import { DETECT_KEYS } from '../../recipe/detect-settings.js';
import { DENSE_KEYS, DEPTH_KEYS } from '../../recipe/pixels/settings.js';
import { CLASS_KEYS } from '../../recipe/recipe.js';
import type { Task } from '../../train/task.js';
import { openContrastData } from './data.js';
import { type ContrastDetails, contrastEvaluator } from './evaluator.js';
import { METRICS, OF_CLASSES } from './metrics.js';
import { type ContrastModel, modelOfRun, modelOfShapes } from './model.js';
import { contrastObjective, FIGURES, GAUGE_FIGURE } from './objective.js';
import { contrastParts } from './report.js';
import { type ContrastSettings, classesOf, fits, settingsOf } from './settings.js';
import { collapseText, contrastText } from './text.js';

/** Of weights that do not say which: SimCLR's on ImageNet. */
const TEMPERATURE = 0.1;

/** What two views of a picture have in common and others have not, learned without labels: SimCLR, SimCLRv2. */
export const contrast: Task<Labels, ContrastSettings, ContrastDetails> = {
  name: 'contrast',
  metrics: METRICS,
  figures: () => [...FIGURES, GAUGE_FIGURE],
  openData: openContrastData,
  pairs: true,
  recipe: 'simclr',
  targets: LABELS,
  settings: (dataset) => ({ name: 'contrast', classes: [...classesOf(dataset)] }),
  settingsOf,
  fits,
  counts: ({ classes }) => (classes.length === 0 ? {} : { classes: classes.length }),
  outputs: () => 1,
  model: modelOfRun,
  restore: modelOfShapes,
  settled: (settings, { recipe: { projectionHead: version, projectionLayers, projectionOutputs }, features }) => ({
    ...settings,
    projection: {
      version,
      widths: [...new Array<number>(projectionLayers).fill(features()), projectionOutputs],
    },
  }),
  facts: ({ classes, projection }) => ({
    task: 'contrast',
    ...(classes.length > 0 && { gauge: [...classes] }),
    ...(projection && { projection }),
  }),
  objective: ({ recipe: { values }, device, task }, _train, _unlabelled, ranks) =>
    contrastObjective({
      outputs: values.projectionOutputs,
      temperature: values.temperature,
      reduction: values.contrastReduction,
      classes: (task as ContrastSettings).classes,
      device,
      ...(ranks && { ranks }),
    }),
  evaluator: ({ classes }, { recipe, model }) =>
    contrastEvaluator({
      outputs: (model as ContrastModel).projection.widths.at(-1)!,
      classes: classes.length,
      temperature: recipe?.temperature ?? TEMPERATURE,
    }),
  told: ({ details: { width, labels } }) => ({ features: width, compared: labels.length }),
  text: contrastText,
  silent: ({ classes }) => (classes.length === 0 ? OF_CLASSES : []),
  report: contrastParts,
  advice: collapseText,
  refuses: ({ accumulate }) =>
    accumulate === 1
      ? undefined
      : {
          expected: 'accumulate=1',
          received: `accumulate=${accumulate}`,
          why: 'views are told from the others of their part alone, so parts make another loss. Use a smaller --batch.',
        },
  idleSettings: {
    keys: [...CLIP_KEYS, ...CLASS_KEYS, ...DETECT_KEYS, ...DENSE_KEYS, ...DEPTH_KEYS],
    why: 'the task contrast',
  },
};
