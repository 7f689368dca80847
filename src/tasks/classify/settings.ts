import type { Dataset } from '../../data/dataset.js';
import { relabelled, type Source } from '../../data/sources/source.js';
import { UsageError } from '../../errors.js';
import type { Recipe } from '../../recipe/recipe.js';
import type { TaskSettings } from '../../run/config.js';
import { listed } from '../../suggest.js';
import type { Fit } from '../../train/task.js';
import type { WeightsFacts } from '../../weights/facts.js';

/** The classes of a run, in the order of the model's outputs. */
export interface ClassSettings extends TaskSettings {
  readonly classes: readonly string[];
  /** Layers of a projection head between trunk and head; see projected.ts. */
  readonly projection?: NonNullable<WeightsFacts['projection']>;
}

/** What weights say. Classes that they do not name are empty texts. */
export const settingsOf = ({ classes }: WeightsFacts, outputs: number): ClassSettings => ({
  name: 'classify',
  classes: classes ?? new Array<string>(outputs).fill(''),
});

/**
 * With `fromProjection` the first layers of the projection head that the run's start has.
 * @throws UsageError where it has none, or not so many
 */
export function settled(
  settings: ClassSettings,
  { recipe: { fromProjection: kept }, start: { projection } }: { recipe: Recipe; start: WeightsFacts },
): ClassSettings {
  if (kept === 0) return settings;
  // The last layer is no part of it: it has neither shift nor ReLU.
  const most = (projection?.widths.length ?? 2) - 2;
  if (projection === undefined || kept > most)
    throw new UsageError(
      `Expected --from with weights of "rescaled pretrain" whose projection head has more than ${kept} ` +
        `layer${kept === 1 ? '' : 's'} with fromProjection=${kept} but received ` +
        `${projection === undefined ? 'none, or weights without such a head' : `one of ${most + 1}`}.`,
    );
  return { ...settings, projection: { ...projection, widths: projection.widths.slice(0, kept + 1) } };
}

/** The names; none where weights say none. */
export const namesOf = ({ classes }: ClassSettings): readonly string[] =>
  classes.every((name) => name === '') ? [] : classes;

/** The names, or the numbers of the outputs where weights say none. */
export const classNames = (settings: ClassSettings): readonly string[] => {
  const named = namesOf(settings);
  return named.length > 0 ? named : settings.classes.map((_, i) => String(i));
};

/**
 * The pictures with the labels that the weights have for their classes: matched by name, whatever the order, and of
 * some of them alone.
 * @throws UsageError for pictures of a class that the weights do not know
 */
export function fits(
  settings: ClassSettings,
  dataset: Dataset,
  { weights, data }: { weights: string; data: string },
): Fit | undefined {
  const names = namesOf(settings);
  if (names.length === 0) {
    if (dataset.classes.length !== settings.classes.length)
      throw new UsageError(
        `Expected ${settings.classes.length} classes, as the weights in ${weights} have, but ${data} has ` +
          `${dataset.classes.length}.`,
      );
    return {
      val: dataset.val,
      notes: [
        `${weights} names no classes; the ${dataset.classes.length} of ${data} are taken to be in the order of its head`,
      ],
    };
  }
  if (dataset.classes.join('\n') === names.join('\n')) return withoutPictures(names, dataset.val);
  const shown = new Set(dataset.val.labels);
  const unknown = dataset.classes.filter((name, i) => shown.has(i) && !names.includes(name));
  if (unknown.length > 0)
    throw new UsageError(
      `Expected pictures of the classes that the model knows (${listed(names)}) but ${data} has ` +
        `${listed(unknown)}, which it does not know. ` +
        `Rename or remove ${unknown.length === 1 ? 'that folder' : 'those folders'}.`,
    );
  return withoutPictures(names, relabelled(dataset.val, names));
}

/** Says which classes have no picture. */
function withoutPictures(names: readonly string[], val: Source): Fit {
  const shown = new Set(val.labels);
  const empty = names.filter((_, i) => !shown.has(i));
  const notes =
    empty.length === 0 ? [] : [`the model knows ${names.length} classes; there are no pictures of ${listed(empty)}`];
  return { val, notes };
}
