// Moving Fashion-MNIST: garments that move in one of eight ways, which no single frame tells, as animated GIFs in class folders.
//   node scripts/moving-fashion-mnist.mjs OUT [--train 100] [--test 50] [--side 64] [--frames 16] [--from /usr/share/datasets/fashion-mnist]
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeMoving } from '../dist/src/data/clips/moving.js';
import { openDataset } from '../dist/src/data/dataset.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    train: { type: 'string', default: '100' },
    test: { type: 'string', default: '50' },
    side: { type: 'string', default: '64' },
    frames: { type: 'string', default: '16' },
    seed: { type: 'string', default: '0' },
    from: { type: 'string', default: '/usr/share/datasets/fashion-mnist' },
  },
});
const [out] = positionals;
if (out === undefined) {
  console.error('Expected a folder to write to: node scripts/moving-fashion-mnist.mjs OUT');
  process.exit(2);
}
const { train, val } = await openDataset(values.from);
const common = { side: Number(values.side), frames: Number(values.frames) };
mkdirSync(out, { recursive: true });
const learned = await writeMoving(join(out, 'train'), train, {
  ...common,
  perMotion: Number(values.train),
  seed: Number(values.seed),
});
const tested = await writeMoving(join(out, 'test'), val, {
  ...common,
  perMotion: Number(values.test),
  seed: 1 + Number(values.seed),
});
console.log(`${learned} clips to learn from and ${tested} to measure on in ${out}`);
