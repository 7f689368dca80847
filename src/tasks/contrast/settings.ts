import type { Dataset } from '../../data/dataset.js';
import { relabelled } from '../../data/sources/source.js';
import type { TaskSettings } from '../../run/config.js';
import type { Fit } from '../../train/task.js';
import type { WeightsFacts } from '../../weights/facts.js';

/** The classes that the gauge tells apart, in the order of its outputs; none where the pictures have no classes. */
export interface ContrastSettings extends TaskSettings {
  readonly classes: readonly string[];
  /** What stands on the trunk. */
  readonly projection?: WeightsFacts['projection'];
}

/** Pictures of one class have none: a heap is given as such. */
export const classesOf = ({ classes }: Pick<Dataset, 'classes'>): readonly string[] =>
  classes.length > 1 ? classes : [];

export const settingsOf = ({ gauge, projection }: WeightsFacts): ContrastSettings => ({
  name: 'contrast',
  classes: gauge ?? [],
  ...(projection && { projection }),
});

/** Pictures of other classes are measured by k-NN alone: their labels come behind those that the gauge knows. */
export function fits({ classes }: ContrastSettings, dataset: Dataset): Fit | undefined {
  const own = classesOf(dataset);
  if (own.length === 0 || own.join('\n') === classes.join('\n')) return undefined;
  const others = own.filter((name) => !classes.includes(name));
  return {
    val: relabelled(dataset.val, [...classes, ...others]),
    notes:
      others.length > 0 && classes.length > 0
        ? [`the linear gauge was trained on other classes and is not measured: it does not know ${others.join(', ')}`]
        : [],
  };
}
