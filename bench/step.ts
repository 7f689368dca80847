// Training step and inference of ResNet-50, ResNet-RS-50 and EfficientNet-B0 against PyTorch, and the training step of a RetinaNet on
// ResNet-18 against torchvision's (--models retinanet), of the 3-D ResNet-50 against the same in PyTorch (--models resnet3d-50 --frames 8), both
// sides in turn on the same machine; of TResNet and ResNeSt against timm's (--models resnest-50d --python PATH, a Python with timm).
// `--frames 8:last` has the peer's clips in channels_last_3d.
// `quickstart` is that command's network, with --batch 64 --size 28.
//   npm run bench [-- --models resnet-50,efficientnet-b0 --kinds train --runs 5 --batch 16 --size 160 --precision bfloat16
//     --peer-precision float32 --peer-threads default --threads 1 --json]
// `--precision auto` takes what a recipe's precision=auto would take here, against PyTorch's own default, float32.
// PyTorch is timed twice: with one thread a core, as we have, and with its own default, which is 1 on some virtual
// machines. `--peer-threads` picks one of the two. Needs Debian's python3-torch and python3-torchvision, or another Python by `--python`. Each side is a
// process of its own that waits while the other works. Of a training step the memory is told too: the growth of the resident set since before the model
// was made, with gradients and optimiser.
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { modelNames } from '../src/models/index.js';
import { packageRoot } from '../src/package-root.js';
import { median } from './median.js';
import { Side } from './side.js';

const { values: options } = parseArgs({
  options: {
    models: { type: 'string', default: 'resnet-50,resnet-rs-50,efficientnet-b0' },
    kinds: { type: 'string', default: 'train,infer' },
    runs: { type: 'string', default: '5' },
    batch: { type: 'string', default: '16' },
    size: { type: 'string', default: '160' },
    frames: { type: 'string', default: '8' },
    precision: { type: 'string', default: 'float32' },
    'peer-precision': { type: 'string' },
    json: { type: 'boolean', default: false },
    'peer-threads': { type: 'string' },
    threads: { type: 'string' },
    python: { type: 'string', default: '/usr/bin/python3' },
  },
});
const runs = Number(options.runs);
const batch = Number(options.batch);
const threads = Number(options.threads ?? availableParallelism());
const models = options.models.split(',');
const known = [
  ...['resnet-18', 'resnet-50', 'resnet-rs-50', 'efficientnet-b0', 'retinanet', 'resnet3d-50'],
  'quickstart',
  ...modelNames().filter((name) => /^(tresnet|resnest|lambda-resnet)-|nfnet-|^nf-/.test(name)),
];
for (const model of models)
  if (!known.includes(model)) throw new Error(`--models: expected some of ${known.join(', ')} but received ${model}`);
const kinds = options.kinds.split(',');
for (const kind of kinds)
  if (kind !== 'train' && kind !== 'infer')
    throw new Error(`--kinds: expected train, infer or both but received ${kind}`);
if (models.includes('retinanet') && kinds.includes('infer'))
  throw new Error('--kinds: expected train with --models retinanet, whose inference ends in boxes');
if (models.includes('resnet3d-50') && kinds.includes('infer'))
  throw new Error('--kinds: expected train with --models resnet3d-50, which is not exported yet');
for (const [name, allowed] of [
  ['precision', ['auto', 'float32', 'bfloat16']],
  ['peer-precision', ['float32', 'bfloat16']],
] as const)
  if (options[name] !== undefined && !allowed.some((one) => one === options[name]))
    throw new Error(`--${name}: expected ${allowed.join(' or ')} but received ${options[name]}`);
const peerPrecision = options['peer-precision'] ?? (options.precision === 'auto' ? 'float32' : options.precision);
const peers = options['peer-threads'] !== undefined ? [options['peer-threads']] : [String(threads), 'default'];

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);
const results = [];
console.error(
  `${cpus()[0]?.model}, ${threads} threads, batch ${batch} at ${options.size} pixels, ${runs} runs, both sides in turn`,
);
for (const model of models) {
  for (const [kind, peerThreads] of kinds.flatMap((kind) => peers.map((peer) => [kind, peer] as const))) {
    const common = [model, options.batch, options.size];
    const frames = model === 'resnet3d-50' ? options.frames : '';
    const ours = new Side(process.execPath, [
      join(packageRoot, 'dist', 'bench', 'ours-step.js'),
      ...common,
      String(threads),
      kind,
      frames,
      options.precision,
    ]);
    const script = join(packageRoot, 'bench', 'pytorch_step.py');
    const peer = new Side(options.python, [script, ...common, peerThreads, frames, peerPrecision]);
    const [, precision = ''] = (await ours.line()).split(' ');
    const version = await peer.line();
    for (let i = 0; i < 2; i++) {
      await ours.step(kind); // warm-up
      await peer.step(kind);
    }
    const a: number[] = [];
    const b: number[] = [];
    for (let i = 0; i < runs; i++) {
      a.push(await ours.step(kind));
      b.push(await peer.step(kind));
    }
    const [oursGrown, peerGrown] = [await ours.step('memory'), await peer.step('memory')];
    ours.close();
    peer.close();
    const ratios = a.map((seconds, i) => b[i]! / seconds);
    const row = {
      model,
      kind,
      precision,
      ours: batch / median(a),
      pytorch: batch / median(b),
      ratio: median(ratios),
      lowest: Math.min(...ratios),
      highest: Math.max(...ratios),
      peer: version.replace('ready', 'PyTorch'),
      memory: { ours: oursGrown, pytorch: peerGrown },
    };
    results.push(row);
    console.error(
      `${model.padEnd(15)} ${kind === 'train' ? 'training step' : 'inference    '}  ours in ${precision} ` +
        `${row.ours.toFixed(1)} ${frames !== '' ? 'clips' : 'pictures'}/s, ` +
        `${row.peer} in ${kind === 'train' ? peerPrecision : 'float32'} ${row.pytorch.toFixed(1)}  ` +
        `ratio ${row.ratio.toFixed(2)} (${row.lowest.toFixed(2)} to ${row.highest.toFixed(2)})` +
        (kind === 'train'
          ? `  memory ${mib(oursGrown)}, ${mib(peerGrown)} MiB: ${(oursGrown / peerGrown).toFixed(2)}`
          : ''),
    );
  }
}
if (options.json) console.log(JSON.stringify(results, null, 2));
