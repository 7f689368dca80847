import type { Dataset } from '../data/dataset.js';
import { RescaledError, UsageError } from '../errors.js';

/** @throws UsageError where pictures have other classes than the weights know, or in another order. @param what has the classes: `boxes` */
export function refuseOtherClasses(
  what: string,
  classes: readonly string[],
  dataset: Dataset,
  { weights, data }: { weights: string; data: string },
): undefined {
  if (dataset.classes.join('\n') === classes.join('\n')) return undefined;
  throw new UsageError(
    `Expected ${what} of the classes that ${weights} knows (${classes.join(', ')}), in that order, but ${data} has ` +
      `${dataset.classes.join(', ')}.`,
  );
}

/** What is said of a model that gives NaN or infinity. @param outputs what it should give: `logits` */
export const damagedWeights = (outputs: string): RescaledError =>
  new RescaledError(
    `Expected finite ${outputs} from the model but received NaN or infinity: its weights are damaged, or are of another model.`,
  );
