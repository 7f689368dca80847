import { RescaledError } from '../errors.js';

/** What is said of a model that gives NaN or infinity. @param outputs what it should give: `logits` */
export const damagedWeights = (outputs: string): RescaledError =>
  new RescaledError(
    `Expected finite ${outputs} from the model but received NaN or infinity: its weights are damaged, or are of another model.`,
  );
