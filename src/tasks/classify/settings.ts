import type { Dataset } from '../../data/dataset.js';
import { UsageError } from '../../errors.js';
import type { TaskSettings } from '../../run/config.js';
import type { WeightsFacts } from '../../weights/facts.js';

/** The classes of a run, in the order of the model's outputs. */
export interface ClassSettings extends TaskSettings {
  readonly classes: readonly string[];
}

/** What weights say. Classes that they do not name are empty texts. */
export const settingsOf = ({ classes }: WeightsFacts, outputs: number): ClassSettings => ({
  name: 'classify',
  classes: classes ?? new Array<string>(outputs).fill(''),
});

/** The names; none where weights say none. */
export const namesOf = ({ classes }: ClassSettings): readonly string[] =>
  classes.every((name) => name === '') ? [] : classes;

/** @throws UsageError unless the pictures show the classes that the weights know, in their order */
export function fits(
  settings: ClassSettings,
  dataset: Dataset,
  { weights, data }: { weights: string; data: string },
): string | undefined {
  const names = namesOf(settings);
  if (names.length === 0) {
    if (dataset.classes.length !== settings.classes.length)
      throw new UsageError(
        `Expected ${settings.classes.length} classes, as the weights in ${weights} have, but ${data} has ` +
          `${dataset.classes.length}.`,
      );
    return `${weights} names no classes; the ${dataset.classes.length} of ${data} are taken to be in the order of its head`;
  }
  if (dataset.classes.join('\n') !== names.join('\n'))
    throw new UsageError(
      `Expected the classes that the model knows (${some(names)}) but ${data} has ${some(dataset.classes)}.`,
    );
  return undefined;
}

/** A list for a message. */
const some = (items: readonly string[]): string =>
  items.length > 12 ? `${items.slice(0, 12).join(', ')} and ${items.length - 12} more` : items.join(', ');
