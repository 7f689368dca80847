import { openDataset } from '../../data/dataset.js';
import { LABELS, type Labels } from '../../data/loading/labels.js';
import { createModel } from '../../models/index.js';
import type { Task } from '../../train/task.js';
import { type ClassDetails, classEvaluator } from './evaluator.js';
import { CONSISTENCY_FIGURES, JOINT_FIGURES, jointObjective } from './joint.js';
import { METRICS } from './metrics.js';
import { classObjective } from './objective.js';
import { projected, projectedOfShapes } from './projected.js';
import { classParts } from './report.js';
import { type ClassSettings, fits, settingsOf, settled } from './settings.js';
import { classText } from './text.js';
import { classTold } from './told.js';
import { upgradeState } from './upgrade.js';

/** Which of some classes a picture shows: the paper's own task. */
export const classify: Task<Labels, ClassSettings, ClassDetails> = {
  name: 'classify',
  metrics: METRICS,
  figures: ({ unlabelledRatio, unlabelledTargets }) => [
    'top1',
    ...(unlabelledRatio === 0 ? [] : unlabelledTargets === 'consistency' ? CONSISTENCY_FIGURES : JOINT_FIGURES),
  ],
  unlabelled: true,
  openData: openDataset,
  targets: LABELS,
  settings: ({ classes }) => ({ name: 'classify', classes: [...classes] }),
  settingsOf,
  fits,
  counts: ({ classes }) => ({ classes: classes.length }),
  outputs: ({ classes }) => classes.length,
  settled,
  model: ({ model, modelOptions, seed, task }) =>
    projected(createModel(model, modelOptions, seed), (task as ClassSettings).projection, seed),
  restore: projectedOfShapes,
  facts: ({ classes }) => ({ classes: [...classes] }),
  objective({ recipe: { values: recipe }, modelOptions, size, seed, device }, { labels, classes: names }, unlabelled) {
    const common = { classes: modelOptions.classes, names, labels, size, seed, device };
    return unlabelled === undefined
      ? classObjective({ recipe, ...common })
      : jointObjective({ recipe, ...common, unlabelled });
  },
  evaluator: ({ classes }, options) => classEvaluator(classes.length, options),
  exported: ({ classes }) => ({ kind: 'classes', labels: classes }),
  told: classTold,
  text: classText,
  silent: ({ classes }) => (classes.length <= 5 ? ['top5'] : []),
  report: classParts,
  upgradeState,
};
