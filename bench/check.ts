// What `rescaled check` finds of faults sown into a folder of pictures, and how long it takes:
//   npm run bench:check -- DATA... [--each 50 --seed 0]
//   npm run bench:check -- DATA... --many 10000 --into FOLDER
// Each folder is copied to a temporary one and checked as it is: what is found then was there before. Then faults are sown: copies of
// pictures that have none yet, each changed in one way. Recall is the share of them that are found beside their source; precision the share
// of what joins pictures to groups that was sown or was there before. With --many so many pictures are made of all folders once, and the time of
// a check of them is told, with nothing kept from before.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { Command } from 'commander';
import sharp, { type Sharp } from 'sharp';
import { Random } from '../src/augment/random.js';
import type { Checked } from '../src/checked.js';
import { wholeOption } from '../src/checks.js';
import { integer } from '../src/cli/options.js';
import { table } from '../src/cli/table.js';
import { checkData } from '../src/data/check/check.js';
import { openToCheck, Pictures } from '../src/data/check/opened.js';
import { UsageError } from '../src/errors.js';
import { groupText } from '../src/report/check/words.js';
import { makeMany } from './many.js';
import { benchOptions } from './options.js';

interface Options {
  each: number;
  seed: number;
  many?: number;
  into?: string;
}

const command = new Command('npm run bench:check --')
  .description('What a check finds of faults that are sown into copies of folders.')
  .argument('<data...>', 'folders of pictures, as for "rescaled check"')
  .option('--each <n>', 'pictures of each fault', integer, 50)
  .option('--seed <n>', 'the same seed sows the same', integer, 0)
  .option('--many <n>', 'make so many pictures of these and time a check of them', integer)
  .option('--into <folder>', 'with --many: where they are made, once');
const { each, seed, many, into } = await benchOptions<Options>(command, (options) => {
  wholeOption('--each', options.each, 1, 100_000);
  wholeOption('--seed', options.seed, 0, 1e9);
  wholeOption('--many', options.many, 1, 10_000_000);
  if ((options.many === undefined) !== (options.into === undefined))
    throw new UsageError('Expected --many and --into together: how many pictures are made, and where.');
});

/** A picture as it lies, and its size. */
interface Given {
  path: string;
  width: number;
  height: number;
}

/** Changes that leave a near copy. JPEG at 90 where nothing else is said. */
const EDITS: Record<string, (given: Given, random: Random) => Sharp> = {
  're-encoded, JPEG 50 to 85': ({ path }, random) => sharp(path).jpeg({ quality: 50 + random.int(36) }),
  'rescaled, 0.5 to 0.9': ({ path, width }, random) =>
    sharp(path)
      .resize(Math.round(width * (0.5 + 0.4 * random.uniform())))
      .jpeg({ quality: 90 }),
  'cropped to 95 % of both sides, anywhere': (given, random) => cropped(given, 0.95, random),
  'cropped by 5 % at each border': (given) => cropped(given, 0.9),
  mirrored: ({ path }) => sharp(path).flop().jpeg({ quality: 90 }),
  'mirrored, cropped to 95 %, JPEG 70': (given, random) => cropped(given, 0.95, random).flop().jpeg({ quality: 70 }),
};

function cropped({ path, width, height }: Given, share: number, random?: Random): Sharp {
  const [w, h] = [Math.round(share * width), Math.round(share * height)];
  const [left, top] = [(width - w) * (random?.uniform() ?? 0.5), (height - h) * (random?.uniform() ?? 0.5)];
  return sharp(path)
    .extract({ left: Math.floor(left), top: Math.floor(top), width: w, height: h })
    .jpeg({ quality: 90 });
}

interface Sown {
  fault: string;
  source: string;
  path: string;
}

async function finished(data: string): Promise<Checked> {
  const checking = checkData(data);
  for (let turn = await checking.next(); ; turn = await checking.next()) if (turn.done === true) return turn.value;
}

/** Writes the faults. @param taken pictures that are left alone */
async function sow(folder: string, clean: Checked, taken: Set<string>): Promise<Sown[]> {
  const pictures = new Pictures((await openToCheck(folder)).parts);
  const random = new Random(seed, 0);
  const order = [...random.permutation(pictures.length)]
    .map((i) => pictures.told(i))
    .filter(({ path }) => !taken.has(path));
  const sown: Sown[] = [];
  let next = 0;
  const take = (): (typeof order)[number] => {
    const found = order[next++];
    if (found === undefined)
      throw new UsageError(`Expected more pictures in ${clean.data} for so many faults. Use a smaller --each.`);
    return found;
  };
  const add = (fault: string, source: string, path: string, bytes: Uint8Array): void => {
    writeFileSync(join(folder, path), bytes);
    sown.push({ fault, source, path });
  };
  const beside = (path: string, name: string): string => `${dirname(path)}/sown-${sown.length}-${name}`;
  const partFolders = new Map(order.map(({ part, path }) => [part, path.split('/')[0]!]));
  for (let k = 0; k < each; k++) {
    const copy = take();
    add('copied', copy.path, beside(copy.path, basename(copy.path)), readFileSync(join(folder, copy.path)));
    const png = take();
    add(
      'the same pixels as PNG',
      png.path,
      beside(png.path, 'a.png'),
      await sharp(join(folder, png.path)).autoOrient().png({ compressionLevel: 1 }).toBuffer(),
    );
    const other = take();
    const classes = clean.classes.filter((name) => name !== other.class);
    const wrong = join(dirname(dirname(other.path)), classes[random.int(classes.length)]!);
    add(
      'copied to another class',
      other.path,
      `${wrong}/sown-${sown.length}${extname(other.path)}`,
      readFileSync(join(folder, other.path)),
    );
    const leaks = [...partFolders.keys()];
    if (leaks.length > 1) {
      const leak = take();
      const [away] = leaks.filter((part) => part !== leak.part);
      const target = [
        partFolders.get(away!)!,
        ...leak.path.split('/').slice(1, -1),
        `sown-${sown.length}${extname(leak.path)}`,
      ];
      add('copied to another part', leak.path, target.join('/'), readFileSync(join(folder, leak.path)));
    }
    const cut = take();
    const bytes = readFileSync(join(folder, cut.path));
    const end = Math.round(bytes.length * (0.3 + 0.6 * random.uniform()));
    add('cut off', cut.path, beside(cut.path, basename(cut.path)), bytes.subarray(0, end));
    for (const [fault, edit] of Object.entries(EDITS)) {
      const { path } = take();
      const file = join(folder, path);
      // Edits are of the picture as it is looked at.
      const upright = await sharp(file).autoOrient().png({ compressionLevel: 0 }).toBuffer({ resolveWithObject: true });
      const plain = join(folder, 'upright.tmp');
      writeFileSync(plain, upright.data);
      const { width, height } = upright.info;
      add(fault, path, beside(path, 'a.jpg'), await edit({ path: plain, width, height }, random).toBuffer());
      rmSync(plain);
    }
  }
  return sown;
}

const kindOf: Record<string, string> = {
  copied: 'duplicates',
  'the same pixels as PNG': 'duplicates',
  'copied to another class': 'conflicts',
  'copied to another part': 'leaks',
};

function compare(clean: Checked, dirty: Checked, sown: readonly Sown[]): void {
  const groupOf = new Map(dirty.groups.flatMap((group) => group.pictures.map(({ path }) => [path, group] as const)));
  const broken = new Set(dirty.broken.map(({ path }) => path));
  const rows: string[][] = [['fault', 'sown', 'found', 'recall']];
  for (const fault of new Set(sown.map((one) => one.fault))) {
    const mine = sown.filter((one) => one.fault === fault);
    const found = mine.filter(({ path, source }) => {
      if (fault === 'cut off') return broken.has(path);
      const group = groupOf.get(path);
      const kind = kindOf[fault] ?? 'near-duplicates';
      return group !== undefined && group === groupOf.get(source) && group.kinds.some((one) => one === kind);
    });
    rows.push([
      fault,
      String(mine.length),
      String(found.length),
      `${((100 * found.length) / mine.length).toFixed(1)} %`,
    ]);
  }
  console.log(table(rows, 1));
  // Pictures that belong together by sowing or were found together before.
  const truth = new Map<string, string>();
  const root = (path: string): string => (truth.has(path) ? root(truth.get(path)!) : path);
  const join2 = (a: string, b: string): void => {
    const [first, second] = [root(a), root(b)];
    if (first !== second) truth.set(first, second);
  };
  for (const { source, path } of sown) join2(source, path);
  for (const { pictures } of clean.groups) for (const { path } of pictures) join2(path, pictures[0]!.path);
  let [joins, wrong] = [0, 0];
  for (const group of dirty.groups) {
    joins += group.pictures.length - 1;
    const together = new Set(group.pictures.map(({ path }) => root(path))).size;
    wrong += together - 1;
    if (together > 1) console.log(`joined wrongly: ${groupText(group, false)}`);
  }
  const before = clean.groups.reduce((sum, { pictures }) => sum + pictures.length - 1, 0);
  console.log(
    `${joins - before} joins beyond the ${before} that were there before, ${wrong} of them wrong: ` +
      `precision ${((100 * (joins - before - wrong)) / (joins - before)).toFixed(1)} %`,
  );
}

/** The time that a check of many pictures takes. */
async function timeMany(count: number, folder: string): Promise<void> {
  await makeMany(command.args, count, folder, seed);
  const before = process.cpuUsage();
  let looked = 0;
  const began = performance.now();
  const checking = checkData(folder);
  let turn = await checking.next();
  for (; turn.done !== true; turn = await checking.next())
    if (turn.value.type === 'looking') looked = (performance.now() - began) / 1000;
  const { pictures, seconds, found } = turn.value;
  const { user, system } = process.cpuUsage(before);
  console.log(
    `${pictures} pictures in ${seconds.toFixed(1)} s, ${looked.toFixed(1)} s of it to look at them ` +
      `(${((user + system) / 1e6).toFixed(1)} s of a core in all); ${found['near-duplicates']} groups of near copies`,
  );
}

const work = mkdtempSync(join(tmpdir(), 'rescaled-bench-'));
try {
  if (many !== undefined) await timeMany(many, resolve(into!));
  else
    for (const given of command.args) {
      const folder = join(work, basename(resolve(given)));
      cpSync(resolve(given), folder, { recursive: true, dereference: true });
      const clean = await finished(folder);
      console.log(
        `${clean.name}: ${clean.pictures} pictures in ${clean.seconds.toFixed(1)} s; ${clean.groups.length} groups before sowing`,
      );
      for (const group of clean.groups) console.log(`  ${groupText(group, false)}`);
      const taken = new Set(
        [...clean.groups.flatMap(({ pictures }) => pictures), ...clean.broken].map(({ path }) => path),
      );
      const sown = await sow(folder, clean, taken);
      const dirty = await finished(folder);
      console.log(`with ${sown.length} faults: ${dirty.pictures} pictures in ${dirty.seconds.toFixed(1)} s`);
      compare(clean, dirty, sown);
      rmSync(folder, { recursive: true, force: true });
    }
} finally {
  rmSync(work, { recursive: true, force: true });
}
