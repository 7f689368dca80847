// What both sides are made to do, and which of their files and answers must be the same.
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { StepError, say, since } from '../lib.mjs';
import {
  bytesDifference,
  csvDifference,
  jsonDifference,
  linesDifference,
  maskReport,
  safetensorsDifference,
} from './differences.mjs';
import { rescaled } from './sides.mjs';

export const FASHION = '/usr/share/datasets/fashion-mnist';

// The data lies beside the folders of runs, so that both sides are told the same relative path.
const PICTURES = join('..', 'pictures');
const START = join('..', 'start.safetensors');
const SMALL = ['--limit-train', '600', '--limit-val', '200', '--epochs', '2', '--seed', '1'];
const THREADS = ['--threads', '2', '--workers', '1'];

/** The three trainings: IDX files, then pictures that are decoded, then weights of the first to start from. */
const TRAININGS = {
  resnet: [
    FASHION,
    ...['--model', 'resnet-rs-14', '--width', '0.25', '--recipe', 'quick'],
    ...['--set', 'averaging=ema', '--set', 'mixup=0.2', ...SMALL, ...THREADS],
  ],
  efficientnet: [
    PICTURES,
    ...['--model', 'efficientnet-b0', '--width', '0.25', '--size', '32', '--recipe', 'efficientnet', '--batch', '64'],
    ...['--set', 'optimiser=rmsprop', '--set', 'precision=bfloat16', ...SMALL, ...THREADS],
  ],
  finetune: [
    PICTURES,
    ...['--model', 'resnet-rs-14', '--width', '0.25', '--size', '28', '--recipe', 'finetune', '--from', START],
    ...['--batch', '64', '--set', 'layerDecay=0.8', '--set', 'accumulate=2', ...SMALL, ...THREADS],
  ],
};

/**
 * @typedef {import('./sides.mjs').Side} Side
 * @param {{ old: Side, new: Side }} sides
 * @param {string} work temporary folder
 * @returns {Promise<string[]>} what differs, a line each
 */
export async function compareSides(sides, work) {
  if (!existsSync(FASHION))
    throw new StepError(`Expected Fashion-MNIST in ${FASHION}: apt-get install dataset-fashion-mnist`);
  const started = Date.now();
  await makePictures(join(work, 'pictures'));
  say('pictures', `made in ${since(started)}`);
  const found = await compareWords(sides);
  for (const [name, args] of Object.entries(TRAININGS)) {
    found.push(...(await compareExplanation(sides, name, args)));
    for (const side of [sides.old, sides.new]) {
      const start = Date.now();
      await rescaled(side, ['train', ...args, '--out', name]);
      say(side.name, `${name}, trained in ${since(start)}`);
      if (side.name === 'old' && name === 'resnet')
        copyFileSync(join(side.runs, name, 'weights.safetensors'), join(work, 'start.safetensors'));
    }
    found.push(...compareRuns(join(sides.old.runs, name), join(sides.new.runs, name), name));
  }
  return found;
}

/** @param {{ old: Side, new: Side }} sides @param {string} name @param {string[]} args */
async function compareExplanation(sides, name, args) {
  const found = [];
  for (const form of [[], ['--json']]) {
    const command = ['train', ...args, '--out', name, '--explain', ...form];
    const texts = [await rescaled(sides.old, command), await rescaled(sides.new, command)];
    const difference =
      form.length > 0 ? jsonDifference(runOf(texts[0]), runOf(texts[1])) : linesDifference(texts[0], texts[1]);
    if (difference !== undefined) found.push(`${name}: train --explain ${form.join('')}: ${difference}`);
  }
  return found;
}

/** The help of every command and sub-command. @param {{ old: Side, new: Side }} sides */
async function compareWords(sides) {
  const started = Date.now();
  const found = [];
  const waiting = [[]];
  let count = 0;
  for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
    const args = [...path, '--help'];
    const [a, b] = await Promise.all([rescaled(sides.old, args), rescaled(sides.new, args)]);
    const difference = linesDifference(a, b);
    if (difference !== undefined) found.push(`rescaled ${args.join(' ')}: ${difference}`);
    // Up to the empty line; examples below look alike.
    const commands = /^Commands:\n((?: .*\n)+)/m.exec(a)?.[1] ?? '';
    for (const [, name] of commands.matchAll(/^ {2}([a-z]\S*)/gm)) if (name !== 'help') waiting.push([...path, name]);
    count += 1;
  }
  say('help', `${count} commands in ${since(started)}`);
  return found;
}

/** Files of a run that are compared; `undefined` for the same. @type {Record<string, Compare>} */
const FILES = {
  'run.json': (a, b) => jsonDifference(runOf(a), runOf(b)),
  'weights.safetensors': safetensorsDifference,
  'model.onnx': bytesDifference,
  'metrics.csv': (a, b) => csvDifference(a.toString(), b.toString()),
  'events.jsonl': (a, b) => jsonDifference(events(a), events(b)),
  'report.json': (a, b) => jsonDifference(JSON.parse(a.toString()), JSON.parse(b.toString())),
  'report.html': (a, b) => linesDifference(maskReport(a.toString()), maskReport(b.toString())),
};
/** @typedef {(a: Buffer, b: Buffer) => string | undefined} Compare */

/** In today's form: 0.1.0 had the classes beside everything else. @param {Buffer | string} bytes */
const runOf = (bytes) => {
  const { format, classes, ...rest } = JSON.parse(bytes.toString());
  return format === 1 ? { format: 2, task: { name: 'classify', classes }, ...rest } : { format, ...rest };
};

/** Checkpoints are written by the clock, and other work comes and goes. @param {Buffer} bytes */
const events = (bytes) =>
  bytes
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ type, text }) => type !== 'checkpoint' && text?.startsWith('other work takes') !== true);

/** @param {string} old folder of a run @param {string} now @param {string} name */
function compareRuns(old, now, name) {
  const found = [];
  const [a, b] = [old, now].map((folder) =>
    readdirSync(folder)
      .filter((file) => file !== 'checkpoints')
      .sort(),
  );
  if (a.join() !== b.join()) found.push(`${name}: files ${a.join(' ')} against ${b.join(' ')}`);
  for (const [file, compare] of Object.entries(FILES)) {
    if (![old, now].every((folder) => existsSync(join(folder, file)))) {
      found.push(`${name}/${file}: not there on both sides`);
      continue;
    }
    const difference = compare(readFileSync(join(old, file)), readFileSync(join(now, file)));
    if (difference !== undefined) found.push(`${name}/${file}: ${difference}`);
  }
  return found;
}

/** Five classes of Fashion-MNIST as PNG files in train/ and val/, a folder a class. @param {string} folder */
async function makePictures(folder) {
  const { default: sharp } = await import('sharp');
  for (const [part, stem, each] of /** @type {const} */ ([
    ['train', 'train', 60],
    ['val', 't10k', 20],
  ])) {
    const [images, labels] = ['images-idx3', 'labels-idx1'].map((kind) =>
      gunzipSync(readFileSync(join(FASHION, `${stem}-${kind}-ubyte.gz`))),
    );
    const done = [0, 0, 0, 0, 0];
    for (let i = 0; done.some((n) => n < each); i++) {
      const label = labels[8 + i];
      if (label >= done.length || done[label] >= each) continue;
      const sub = join(folder, part, `class-${label}`);
      mkdirSync(sub, { recursive: true });
      await sharp(images.subarray(16 + 784 * i, 16 + 784 * (i + 1)), { raw: { width: 28, height: 28, channels: 1 } })
        .png()
        .toFile(join(sub, `${String(done[label]++).padStart(3, '0')}.png`));
    }
  }
}
