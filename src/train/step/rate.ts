import { constant, cosine, exponential, oneCycle, polynomial, scaledPeak, steps } from '../../optim/index.js';
import type { Recipe } from '../../recipe/recipe.js';

/** The learning rate at each step (0-based) of a run; all that the recipe gives in epochs becomes steps here. */
export function learningRates(recipe: Recipe, stepsPerEpoch: number): (step: number) => number {
  const inSteps = (epochs: number): number => Math.round(epochs * stepsPerEpoch);
  const options = {
    peak: scaledPeak(recipe.learningRate, recipe.batch, recipe.rateScaling),
    total: stepsPerEpoch * recipe.epochs,
    warmup: inSteps(recipe.warmupEpochs),
  };
  const factor = recipe.decayFactor;
  switch (recipe.schedule) {
    case 'cosine':
      return (step) => cosine(step, options);
    case 'step': {
      const boundaries = recipe.stepEpochs.map(inSteps);
      return (step) => steps(step, { ...options, boundaries, factor });
    }
    case 'exponential':
      return (step) => exponential(step, { ...options, every: recipe.decayEpochs * stepsPerEpoch, factor });
    case 'one-cycle':
      return (step) => oneCycle(step, options);
    case 'poly':
      return (step) => polynomial(step, { ...options, power: recipe.polyPower, end: recipe.polyEnd });
    case 'constant':
      return (step) => constant(step, options);
  }
}
