import { openClips } from '../../data/clips/dataset.js';
import { LABELS, type Labels } from '../../data/loading/labels.js';
import { createModel } from '../../models/index.js';
import { DETECT_KEYS } from '../../recipe/detect-settings.js';
import { DENSE_KEYS, DEPTH_KEYS } from '../../recipe/pixels/settings.js';
import { CONTRAST_KEYS } from '../../recipe/simclr-augment.js';
import type { Task } from '../../train/task.js';
import { classObjective } from '../classify/objective.js';
import { type ClassSettings, fits, settingsOf } from '../classify/settings.js';
import { classTold } from '../classify/told.js';
import { type VideoDetails, videoEvaluator } from './evaluator.js';
import { METRICS } from './metrics.js';
import { videoParts } from './report.js';
import { videoText } from './text.js';

/** Which of some classes a video shows (paper section 7.5). */
export const video: Task<Labels, ClassSettings, VideoDetails> = {
  name: 'video',
  metrics: METRICS,
  figures: () => ['top1'],
  clips: true,
  recipe: 'video-quick',
  network: { model: 'resnet3d-14', width: 0.5, size: 112 },
  openData: openClips,
  targets: LABELS,
  settings: ({ classes }) => ({ name: 'video', classes: [...classes] }),
  settingsOf: (facts, outputs) => ({ ...settingsOf(facts, outputs), name: 'video' }),
  fits,
  counts: ({ classes }) => ({ classes: classes.length }),
  outputs: ({ classes }) => classes.length,
  model: ({ model, modelOptions, seed }) => createModel(model, modelOptions, seed),
  facts: ({ classes }) => ({ task: 'video', classes: [...classes] }),
  objective: ({ recipe: { values }, modelOptions, size, seed, device }, { labels, classes: names }) =>
    classObjective({
      // They mix pictures.
      recipe: { ...values, mixup: 0, cutmix: 0 },
      ...{ classes: modelOptions.classes, names, labels, size, seed, device },
    }),
  exported: ({ classes }) => ({ kind: 'classes', labels: classes }),
  evaluator: ({ classes }, options) => videoEvaluator(classes.length, options),
  told: (found, settings, much) => ({
    views: found.details.views,
    ...(found.details.controls && { controls: found.details.controls }),
    ...classTold(found, settings, much),
  }),
  text: videoText,
  redrawn: ({ details: { right } }, times) => {
    const [hits, drawn] = right.reduce(([a, b], one, i) => [a + one * times[i]!, b + times[i]!], [0, 0]);
    return hits / drawn;
  },
  silent: ({ classes }) => (classes.length <= 5 ? ['top5'] : []),
  report: videoParts,
  idleSettings: {
    keys: [...(['mixup', 'cutmix'] as const), ...CONTRAST_KEYS, ...DETECT_KEYS, ...DENSE_KEYS, ...DEPTH_KEYS],
    why: 'the task video',
  },
};
