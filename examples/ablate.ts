// What two ingredients of the recipe are worth on a folder of pictures.
//   node ablate.js FOLDER OUT [EPOCHS] [SEEDS] [SIZE]
import { ablate } from 'rescaled';

const [data, out, epochs = '10', seeds = '3', size] = process.argv.slice(2);
if (data === undefined || out === undefined) {
  console.error('usage: node ablate.js FOLDER OUT [EPOCHS] [SEEDS] [SIZE]');
  process.exit(2);
}

const { rows, page } = await ablate(
  {
    ...{ data, epochs: Number(epochs), seeds: Number(seeds), steps: ['label-smoothing', 'randaugment'] },
    ...(size === undefined ? {} : { size: Number(size) }),
  },
  out,
  {
    onEvent: ({ type, name, trial }) => {
      if (type === 'done' || type === 'failed') console.log(`${name}, seed ${trial.seed}: ${type}`);
    },
  },
);
for (const { name, done } of rows) console.log(`${name}: ${done.map(({ score }) => score.toFixed(4)).join(', ')}`);
console.log(page);
