import type { Command } from 'commander';
import { wholeOption } from '../../checks.js';
import { untilInterrupted } from '../../child/interrupt.js';
import { type InspectedShards, inspectShards } from '../../data/inspect.js';
import { type Packed, packShards } from '../../data/pack.js';
import { RescaledError, UsageError } from '../../errors.js';
import { endingsText } from '../../part-words.js';
import { plural } from '../../suggest.js';
import { integer } from '../options.js';
import { table } from '../table.js';
import { tellNext } from '../words.js';

interface PackFlags {
  out: string;
  size: number;
  shuffle?: boolean;
  seed: number;
  unlabelled?: boolean;
  json?: boolean;
}

export function register(program: Command): void {
  const shards = program
    .command('shards')
    .description('pictures in tar archives (WebDataset): pack them, look into them');
  shards
    .command('pack')
    .description('write pictures into tar shards, as they lie')
    .argument('<data...>', 'what "rescaled train" takes; with --unlabelled pictures, folders and patterns')
    .requiredOption('-o, --out <folder>', 'folder for the shards; what a stopped packing left there is gone on with')
    .option('--size <bytes>', 'of a shard: 512MB, 1GiB', bytesOf, 512e6)
    .option(
      '--no-shuffle',
      'keep the order; by default pictures with labels are mixed, so that each shard has all classes',
    )
    .option('--seed <n>', 'of that', integer, 0)
    .option('--unlabelled', 'pictures without classes')
    .option('--json', 'print what was written as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  rescaled shards pack flowers -o flowers-shards\n' +
        "  rescaled shards pack --unlabelled '/photos/**/*.jpg' holiday -o pool --size 1GB",
    )
    .action(pack);
  shards
    .command('inspect')
    .description('what is in shards; makes the indexes that are missing')
    .argument('<shards>', 'folder, archive, pattern (train-{000000..000123}.tar) or http(s) address')
    .option('--list', 'name every picture, one a line: name, class, bytes')
    .option('--verify', 'read all and compare it with the manifest')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  rescaled shards inspect flowers-shards\n' +
        "  rescaled shards inspect 'https://host/flowers/train-{000000..000123}.tar' --json",
    )
    .action(inspect);
}

const UNITS: Readonly<Record<string, number>> = {
  ...{ '': 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, k: 1e3, m: 1e6, g: 1e9 },
};

function bytesOf(text: string): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim()) ?? [];
  const factor = UNITS[unit.toLowerCase()];
  const bytes = Math.round(Number(digits) * (factor ?? Number.NaN));
  if (!Number.isSafeInteger(bytes))
    throw new UsageError(`Expected a size such as 512MB or 1GiB for --size but received "${text}".`);
  return bytes;
}

const sizeText = (bytes: number): string =>
  bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${(bytes / 1e6).toFixed(bytes < 10e6 ? 2 : 0)} MB`;

/** One line that is written over, on a terminal; without one nothing. */
class Line {
  #shown = 0;

  show(text: string): void {
    if (process.stderr.isTTY !== true || performance.now() - this.#shown < 100) return;
    this.#shown = performance.now();
    process.stderr.write(`\r\x1b[2K${text}`);
  }

  clear(): void {
    if (this.#shown > 0) process.stderr.write('\r\x1b[2K');
  }
}

async function pack(paths: string[], flags: PackFlags, command: Command): Promise<void> {
  wholeOption('--seed', flags.seed, 0, Number.MAX_SAFE_INTEGER);
  const { out, size, seed, unlabelled = false } = flags;
  // Without --no-shuffle commander says true: what is without labels is not mixed unless someone asks.
  const shuffle = command.getOptionValueSource('shuffle') === 'cli' ? flags.shuffle : undefined;
  const line = new Line();
  const begun = performance.now();
  const packed = await untilInterrupted(async (signal): Promise<Packed | undefined> => {
    const packing = packShards(paths, {
      out,
      size,
      seed,
      unlabelled,
      signal,
      ...(shuffle !== undefined && { shuffle }),
    });
    try {
      for (;;) {
        const turn = await packing.next();
        if (turn.done === true) return turn.value;
        const event = turn.value;
        if (event.type === 'packing') line.show(`${event.shard}: ${event.done} of ${event.of} pictures`);
        else {
          line.clear();
          console.error(
            event.type === 'kept' ? `${event.shard} is there already` : `left out: ${event.path}: ${event.reason}`,
          );
        }
      }
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    } finally {
      line.clear();
    }
  });
  if (packed === undefined)
    throw new RescaledError(`Stopped. The shards in ${out} that are whole stay; the same command goes on from there.`);
  for (const note of packed.notes) console.error(`note: ${note}`);
  if (flags.json === true) return console.log(JSON.stringify(packed, null, 2));
  const seconds = (performance.now() - begun) / 1000;
  console.log(
    `${plural(packed.pictures, 'picture')}${packed.classes ? ` of ${packed.classes.length} classes` : ''} in ` +
      `${plural(packed.shards.length, 'shard')} of ${out}: ${sizeText(packed.bytes)} in ${seconds.toFixed(seconds < 10 ? 1 : 0)} s` +
      `${packed.leftOut > 0 ? `, ${packed.leftOut} left out` : ''}`,
  );
  if (unlabelled) tellNext('rescaled', 'shards', 'inspect', out);
  else tellNext('rescaled', 'train', out);
}

async function inspect(path: string, flags: { list?: boolean; verify?: boolean; json?: boolean }): Promise<void> {
  const line = new Line();
  const looking = inspectShards(path, { list: flags.list === true, verify: flags.verify === true });
  let turn = await looking.next();
  for (; turn.done !== true; turn = await looking.next()) line.show(`${turn.value.done} of ${turn.value.of} shards`);
  line.clear();
  const found = turn.value;
  if (flags.json === true) console.log(JSON.stringify(found, null, 2));
  else if (found.list !== undefined)
    for (const { name, class: own = '', bytes } of found.list) console.log(`${name}\t${own}\t${bytes}`);
  else console.log(inspectText(found));
  const { changed = [] } = found;
  if (changed.length === 0) return;
  console.error(`rescaled: other bytes than the manifest says: ${changed.join(', ')}. Copy them again.`);
  process.exitCode = 1;
}

/** So many shards and classes are listed; --json has all. */
const SHOWN = 20;

function inspectText({ root, shards, pictures, bytes, classes, counts, ignored, changed }: InspectedShards): string {
  const lines = [`${plural(pictures, 'picture')} in ${plural(shards.length, 'shard')} of ${root}, ${sizeText(bytes)}`];
  const rows = shards
    .slice(0, SHOWN)
    .map(({ name, part, pictures: own, labelled, bytes: size }) => [
      ...[name, part ?? '', String(own), labelled === own ? 'all' : labelled === 0 ? 'none' : String(labelled)],
      sizeText(size),
    ]);
  lines.push('', table([['shard', 'part', 'pictures', 'labelled', 'size'], ...rows], 2));
  if (shards.length > SHOWN) lines.push(`and ${shards.length - SHOWN} more`);
  if (classes.length > 0) {
    const of = classes.slice(0, SHOWN).map((name, k) => [name, ...counts.map(({ byClass }) => String(byClass[k]))]);
    lines.push('', table([['class', ...counts.map(({ part }) => part)], ...of], 1));
    if (classes.length > SHOWN) lines.push(`and ${classes.length - SHOWN} more`);
  }
  const others = endingsText(ignored);
  if (others !== undefined) lines.push('', `neither pictures nor labels: ${others}`);
  if (changed?.length === 0) lines.push('', 'all bytes are those that the manifest says');
  return lines.join('\n');
}
