import { existsSync, statSync } from 'node:fs';
import type { Command } from 'commander';
import { RescaledError, UsageError } from '../../errors.js';
import { weightsHere } from '../../weights/hub/fetch.js';
import { parseName } from '../../weights/hub/name.js';
import { type Address, NAMED_WEIGHTS, type NamedWeights } from '../../weights/hub/table.js';
import { fetchShown } from '../named-weights.js';
import { table } from '../table.js';
import { tellNext } from '../words.js';

const SOURCES = [
  "[1] timm's results/results-imagenet.csv, for these pixels",
  "[2] torchvision's own figure, its enums of weights",
  '[3] the README of the release, EMA weights: tensorflow/tpu models/official/resnet/resnet_rs and efficientnet',
];
const SOURCE: Readonly<Record<Address['kind'], number>> = { hub: 1, torch: 2, archive: 3 };

export function registerHub(weights: Command): void {
  weights
    .command('list')
    .description('weights that have a name: timm on the Hugging Face hub, torchvision, the TensorFlow releases')
    .argument('[pattern]', 'only those whose name, model or licence contains this')
    .option('--here', 'only those that are on this machine')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  rescaled weights list rs\n  rescaled weights list resnet-50\n  rescaled weights list --here',
    )
    .action((pattern: string | undefined, flags: { here?: boolean; json?: boolean }) => {
      const rows = NAMED_WEIGHTS.filter(
        ({ name, model, licence }) =>
          pattern === undefined || [name, model, licence ?? ''].some((text) => has(text, pattern)),
      ).map((row) => ({ row, path: weightsHere(row.name) }));
      if (rows.length === 0)
        throw new UsageError(
          `Expected part of a name of weights but none has "${pattern}". ` +
            '"rescaled weights list" prints all; hf:OWNER/REPOSITORY is any on the hub.',
        );
      const shown = flags.here === true ? rows.filter(({ path }) => path !== undefined) : rows;
      if (flags.json === true) console.log(JSON.stringify(shown.map(asJson), null, 2));
      else console.log(shown.length === 0 ? 'none of them is on this machine' : listing(shown));
    });
  weights
    .command('fetch')
    .description('download weights by name, checked, into the caches that Python programs use too')
    .argument('<name>', 'a name of "rescaled weights list", or hf:OWNER/REPOSITORY[@REVISION][/FILE]')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  rescaled weights fetch resnetrs50.tf_in1k\n  rescaled weights fetch hf:timm/resnetrs50.tf_in1k@main/model.safetensors',
    )
    .action(async (name: string, flags: { json?: boolean }) => {
      const before = weightsHere(name);
      const path = before ?? (await fetchShown(name));
      const bytes = statSync(path).size;
      if (flags.json === true) console.log(JSON.stringify({ name, path, bytes, fetched: before === undefined }));
      else {
        console.error(before === undefined ? `fetched and checked: ${(bytes / 1e6).toFixed(1)} MB` : 'already here');
        console.log(path);
        tellNext('rescaled', 'train', 'DATA', '--from', name);
      }
    });
}

const has = (text: string, part: string): boolean => text.toLowerCase().includes(part.toLowerCase());

interface Listed {
  row: NamedWeights;
  path: string | undefined;
}

function asJson({ row, path }: Listed): object {
  const { address, numbers, ...facts } = row;
  return { ...facts, ...address, ...(numbers === undefined ? {} : { aboutBytes: 4 * numbers }), path: path ?? null };
}

function listing(rows: readonly Listed[]): string {
  const cells = rows.map(({ row, path }) => [
    row.name,
    row.model,
    row.licence ?? '-',
    path !== undefined ? 'here' : row.address.kind === 'archive' ? 'archive' : '',
    String(row.size),
    row.top1 === undefined ? '-' : `${row.top1.toFixed(1)} [${SOURCE[row.address.kind]}]`,
    row.numbers === undefined ? '-' : `${((4 * row.numbers) / 1e6).toFixed(0)} MB`,
  ]);
  const sources = new Set(rows.map(({ row }) => SOURCE[row.address.kind]));
  return [
    table([['name', 'model', 'licence', '', 'pixels', 'top-1, %', 'about'], ...cells], 4),
    '',
    ...SOURCES.filter((_, i) => sources.has(i + 1)),
    ...(sources.has(3) ? ['An archive is not fetched; "rescaled weights fetch NAME" says what to do.'] : []),
  ].join('\n');
}

/** The file of a command that reads weights: a path, or the name of weights that have been fetched. */
export function presentWeights(target: string): string {
  if (existsSync(target)) return target;
  if (parseName(target) === undefined) return target;
  const path = weightsHere(target);
  if (path === undefined)
    throw new RescaledError(
      `Expected ${target} to be on this machine. Fetch it first: rescaled weights fetch ${target}`,
    );
  return path;
}
