// Predicted against measured memory of a training step, each model in a process of its own:
//   node dist/bench/memory.js [--models resnet-rs-50,resnet-rs-101] [--batches 4,8,16] [--sizes 160] [--threads 2] [--precision bfloat16]
// A size of 0 is the model's own. Linux, CPU.
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { modelCost } from '../src/models/index.js';
import { measureModel } from '../src/train/timing/measure.js';

const { values } = parseArgs({
  options: {
    models: { type: 'string', default: 'resnet-rs-50,resnet-rs-101' },
    batches: { type: 'string', default: '4,8,16' },
    sizes: { type: 'string', default: '0' },
    threads: { type: 'string', default: String(availableParallelism()) },
    precision: { type: 'string', default: 'float32' },
    one: { type: 'boolean', default: false },
  },
});
const threads = Number(values.threads);
const precision = values.precision === 'bfloat16' ? 'bfloat16' : 'float32';

if (values.one) {
  const { peakMemoryBytes } = await measureModel(values.models, {
    size: Number(values.sizes),
    batch: Number(values.batches),
    runs: 2,
    threads,
    device: 'cpu',
    precision,
  });
  console.log(peakMemoryBytes);
} else {
  console.log('model                size  batch  predicted   measured  difference');
  for (const model of values.models.split(','))
    for (const sizeText of values.sizes.split(','))
      for (const batch of values.batches.split(',').map(Number)) {
        const cost = modelCost(model, { batch, precision, ...(sizeText === '0' ? {} : { size: Number(sizeText) }) });
        const args = [
          '--one',
          '--models',
          model,
          '--sizes',
          String(cost.size),
          '--batches',
          String(batch),
          '--threads',
          values.threads,
          '--precision',
          precision,
        ];
        const { stdout, status } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), ...args], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        if (status !== 0) throw new Error(`${model} at ${cost.size} pixels and batch ${batch} did not end well`);
        const measured = Number(stdout);
        const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`.padStart(9);
        console.log(
          `${model.padEnd(20)} ${String(cost.size).padStart(4)}  ${String(batch).padStart(5)}  ` +
            `${mib(cost.trainMemoryBytes)}  ${mib(measured)}  ` +
            `${((100 * cost.trainMemoryBytes) / measured - 100).toFixed(1).padStart(8)} %`,
        );
      }
}
