// A finished run from a program: measured on other pictures, exported, asked.
//   node run.js RUN [DATA]
import { Run } from 'rescaled';

const [folder, data] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: node run.js RUN [DATA]');
  process.exit(2);
}

const run = Run.open(folder);
const { model, size, recipe } = run.config;
console.log(`${model} at ${size} pixels, ${recipe.values.epochs} epochs of ${recipe.preset}`);

const { scores, images, part } = await run.evaluate(data === undefined ? {} : { data });
console.log(`top-1 ${(100 * scores['top1']!).toFixed(2)} % on ${images} ${part} pictures`);

const { path, parity } = await run.export();
console.log(`${path}: largest difference of a logit ${parity!.maxAbsDiff.toExponential(1)}`);
