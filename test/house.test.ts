import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, normalize, relative, sep } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../src/package-root.js';

/**
 * Which rooms (folders of src/) a room may import from, besides itself and the shared files directly in src/. A room
 * comes after all that it may import.
 */
const ROOMS: Record<string, string[]> = {
  torch: [],
  child: [],
  net: [],
  augment: [],
  report: [],
  ranks: ['torch'],
  nn: ['torch'],
  optim: ['torch'],
  weights: ['torch', 'net'],
  models: ['torch', 'nn'],
  data: ['torch', 'augment', 'net'],
  checked: ['augment', 'report', 'data'],
  labels: ['augment', 'weights', 'data'],
  recipe: ['augment', 'optim', 'models'],
  run: ['torch', 'nn', 'augment', 'optim', 'weights', 'models', 'data', 'recipe'],
  deploy: ['torch', 'nn', 'augment', 'weights', 'models', 'data'],
  // What a task brings of a report and an export is part of what it promises (src/train/task.ts).
  train: [
    ...['torch', 'child', 'augment', 'report', 'nn', 'optim', 'weights', 'models', 'data', 'recipe', 'run', 'deploy'],
    ...['labels', 'ranks'],
  ],
  tasks: [
    ...['torch', 'augment', 'report', 'nn', 'optim', 'weights', 'models', 'data', 'recipe', 'run', 'deploy'],
    ...['labels', 'train'],
  ],
  trained: [
    ...['torch', 'child', 'augment', 'report', 'weights', 'models', 'data', 'labels', 'recipe', 'run', 'deploy'],
    ...['train', 'tasks', 'ranks'],
  ],
  semi: ['report', 'weights', 'data', 'labels', 'run', 'deploy', 'train', 'tasks', 'trained'],
  choice: ['child', 'models', 'data', 'recipe', 'run', 'train', 'tasks'],
  study: ['child', 'models', 'data', 'recipe', 'run', 'train', 'tasks'],
  studied: ['report', 'models', 'data', 'recipe', 'tasks', 'train', 'study'],
  transfer: [
    ...[
      'torch',
      'child',
      'augment',
      'report',
      'weights',
      'models',
      'data',
      'recipe',
      'run',
      'train',
      'tasks',
      'trained',
    ],
    'study',
  ],
  cli: [
    ...['torch', 'child', 'augment', 'report', 'nn', 'optim', 'weights', 'models', 'data', 'recipe', 'run', 'deploy'],
    ...['checked', 'labels', 'train', 'tasks', 'trained', 'semi', 'choice', 'study', 'studied', 'transfer', 'ranks'],
  ],
};

/**
 * Which shelves (folders of a room) a shelf may import from, besides itself and the files directly in its room; `*`
 * stands for the shelves that are not named. Shelves of a room that is not here know nothing of each other.
 */
const SHELVES: Record<string, Record<string, string[]>> = {
  augment: { clips: ['policies'], '*': [] },
  data: {
    ...{ cache: [], decoding: [], shards: ['decoding'], video: ['decoding'] },
    sources: ['cache', 'decoding', 'shards', 'video'],
    clips: ['sources', 'decoding', 'video', 'annotations'],
    ...{
      labels: ['sources'],
      loading: ['sources', 'decoding'],
      check: ['sources', 'cache', 'decoding', 'annotations', 'clips'],
    },
    annotations: ['sources', 'decoding', 'loading'],
  },
  // Depth is a decoder of segmentation with one output.
  models: { depth: ['segment'], '*': [] },
  weights: { formats: [], names: ['formats'], hub: [] },
  report: { draw: [], '*': ['draw'] },
  study: { analysis: [], plan: ['analysis'], trials: ['plan', 'analysis'], advice: ['analysis'] },
  deploy: { quantise: ['onnx'], '*': [] },
  tasks: { video: ['classify'], '*': [] },
  transfer: { solve: [] },
  cli: { train: ['trained', 'recipe'], '*': [] },
};

const MOST_FILES = 15;
const MOST_LINES = 400;
/** Of tests, whose cases stand one below the other. */
const MOST_TEST_LINES = 500;
const MOST_COLUMNS = 160;

const source = join(packageRoot, 'src');

function files(folder: string, ending = /\.ts$/): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return files(path, ending);
    return ending.test(entry.name) ? [path] : [];
  });
}

/** `study/plan/file.ts`, whatever the system's separator. */
const nameOf = (file: string): string => relative(source, file).split(sep).join('/');
const roomOf = (name: string): string | undefined => (name.includes('/') ? name.split('/')[0] : undefined);
const shelfOf = (name: string): string | undefined => (name.split('/').length > 2 ? name.split('/')[1] : undefined);

/** What each file imports, types and dynamic imports included: both tie the reader as much as a call does. */
function readImports(): Map<string, string[]> {
  return new Map(
    files(source).map((file) => {
      const text = readFileSync(file, 'utf8');
      const targets = [...text.matchAll(/\b(?:from|import)\s*\(?\s*'(\.[^']+)\.js'/g)].map(([, path]) =>
        nameOf(normalize(join(file, '..', `${path!}.ts`))),
      );
      return [nameOf(file), [...new Set(targets)]];
    }),
  );
}

/** Groups of nodes that reach each other (Tarjan's strongly connected components of more than one). */
function circles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const order = new Map<string, { index: number; low: number }>();
  const open: string[] = [];
  const found: string[] = [];
  const visit = (node: string): { index: number; low: number } => {
    const mine = { index: order.size, low: order.size };
    order.set(node, mine);
    open.push(node);
    for (const next of graph.get(node) ?? []) {
      const seen = order.get(next);
      if (seen === undefined) mine.low = Math.min(mine.low, visit(next).low);
      else if (open.includes(next)) mine.low = Math.min(mine.low, seen.index);
    }
    if (mine.low === mine.index) {
      const group = open.splice(open.indexOf(node));
      if (group.length > 1) found.push(group.sort().join(' <-> '));
    }
    return mine;
  };
  for (const node of graph.keys()) if (!order.has(node)) visit(node);
  return found;
}

/** All of them in the message, where a comparison of arrays would show the first few. */
function none(wrong: readonly string[]): void {
  assert.ok(wrong.length === 0, `${wrong.length} found:\n${wrong.join('\n')}`);
}

const imports = readImports();
const pairs = [...imports].flatMap(([from, targets]) => targets.map((to) => [from, to] as const));

test('every import leads to a file', () => {
  assert.ok(pairs.length > 500, `only ${pairs.length} imports were found`);
  none(pairs.filter(([, to]) => !imports.has(to)).map((pair) => pair.join(' imports ')));
});

test('rooms import in one direction only', () => {
  const order = Object.keys(ROOMS);
  for (const [i, room] of order.entries())
    for (const allowed of ROOMS[room]!) assert.ok(order.indexOf(allowed) < i, `${room} stands before ${allowed}`);
  const wrong: string[] = [];
  for (const [from, to] of pairs) {
    const [room, target] = [roomOf(from), roomOf(to)];
    // The public interface is made of what the rooms have.
    if (from === 'index.ts' || target === undefined || target === room) continue;
    if (room !== undefined) assert.ok(room in ROOMS, `src/${room} is not a room of the house`);
    if (room === undefined || !ROOMS[room]!.includes(target)) wrong.push(`${from} imports ${to}`);
  }
  none(wrong);
});

test('shelves of a room import in one direction only', () => {
  const wrong: string[] = [];
  const graph = new Map<string, string[]>();
  for (const [from, to] of pairs) {
    const [room, shelf, target] = [roomOf(from)!, shelfOf(from), shelfOf(to)];
    if (shelf === undefined || target === undefined) continue;
    const [key, other] = [`${room}/${shelf}`, `${roomOf(to)}/${target}`];
    if (key === other) continue;
    graph.set(key, [...(graph.get(key) ?? []), other]);
    if (roomOf(to) !== room) continue;
    const rules = SHELVES[room] ?? {};
    if (!(rules[shelf] ?? rules['*'] ?? []).includes(target)) wrong.push(`${from} imports ${to}`);
  }
  none(wrong);
  none(circles(graph));
});

test('no files import each other in a circle', () => {
  none(circles(imports));
});

test(`at most ${MOST_FILES} files lie side by side`, () => {
  const counts = new Map<string, number>();
  for (const name of imports.keys()) {
    const folder = name.split('/').slice(0, -1).join('/');
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  none([...counts].filter(([, count]) => count > MOST_FILES).map(([folder, count]) => `src/${folder}: ${count} files`));
});

test(`files have fewer than ${MOST_LINES} lines, of at most ${MOST_COLUMNS} characters`, () => {
  const wrong: string[] = [];
  for (const folder of ['src', 'test', 'bench', 'scripts', 'examples']) {
    for (const file of files(join(packageRoot, folder), /\.(ts|mjs)$/)) {
      const lines = readFileSync(file, 'utf8').split('\n');
      const most = folder === 'test' ? MOST_TEST_LINES : MOST_LINES;
      if (lines.length > most) wrong.push(`${relative(packageRoot, file)} has ${lines.length - 1} lines`);
      for (const [i, line] of lines.entries())
        if (line.length > MOST_COLUMNS)
          wrong.push(`${relative(packageRoot, file)}:${i + 1} has ${line.length} characters`);
    }
  }
  none(wrong);
});

test('what is particular to classifying stands in its task alone', () => {
  const wrong: string[] = [];
  for (const room of ['train', 'run', 'study'])
    for (const file of files(join(source, room)))
      for (const [i, line] of readFileSync(file, 'utf8').split('\n').entries())
        if (/top1|top5|hits|confusion/i.test(line)) wrong.push(`${nameOf(file)}:${i + 1}: ${line.trim()}`);
  none(wrong);
});

test('the project names no machine path', () => {
  for (const file of files(source)) assert.doesNotMatch(readFileSync(file, 'utf8'), /\/work\/|\/root\//, file);
});
