import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { numberOption, wholeOption } from '../../checks.js';
import type { Ignored } from '../../data/given.js';
import { modelFile } from '../../deploy/model-file.js';
import { type LatePicture, late } from '../../deploy/picture.js';
import { Predictor } from '../../deploy/predictor.js';
import { type PictureResult, UNSURE } from '../../deploy/told.js';
import { UsageError } from '../../errors.js';
import { plural } from '../../suggest.js';
import { integer, number } from '../options.js';
import { Drawer } from './draw-boxes.js';
import { csvHeader, csvLine, type Form, jsonLine, type Shape, Tally, TextLines, writeLine } from './predict-output.js';
import { checkInto, checkPaths, type Into, type PathOptions, picturesOfPaths } from './predict-paths.js';
import { checkSortFolder, folderNames, Sorter } from './sort-into.js';

export function register(program: Command): void {
  program
    .command('predict')
    .description('classify pictures, or find boxes in them, with an exported model; needs no libtorch')
    .argument('<model>', 'ONNX file, or a run folder that holds one')
    .argument(
      '<pictures...>',
      'pictures, folders (at any depth), tar shards, patterns in quotes; "-": paths from standard input',
    )
    .option('-k, --top <n>', 'classes to name for each picture; default 3', integer)
    .option('--all', 'the probabilities of all classes')
    .option(
      '--threshold <p>',
      `below this probability (0 to 1) the label is "${UNSURE}", and boxes are left out (default 0.3)`,
      number,
    )
    .option('--csv', 'print CSV: path, label, probability, classes, error')
    .option('--json', 'print one picture a line as JSON')
    .option('--sort-into <folder>', 'copy each picture into FOLDER/CLASS/')
    .option('--draw <folder>', 'of a model of boxes: write each picture with its boxes into FOLDER')
    .option('--null', 'paths on standard input end with NUL, as find -print0 writes them')
    .option('-b, --batch <n>', 'pictures at a time', integer, 8)
    .option('--threads <n>', 'threads of ONNX Runtime', integer)
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  rescaled predict runs/flowers-1 rose.jpg\n' +
        "  rescaled predict model.onnx holiday 'archive/**/*.jpg' --csv > holiday.csv\n" +
        '  find /photos -name "*.jpg" -print0 | rescaled predict model.onnx - --null --json --top 1\n' +
        '  rescaled predict runs/flowers-1 holiday --sort-into sorted --threshold 0.8\n' +
        '\nExit code 1 when pictures could not be read, 2 for misuse.',
    )
    .action(run);
}

interface Flags extends PathOptions {
  top?: number;
  all?: boolean;
  threshold?: number;
  csv?: boolean;
  json?: boolean;
  sortInto?: string;
  draw?: string;
  batch: number;
  threads?: number;
}

async function run(target: string, given: string[], flags: Flags): Promise<void> {
  check(flags);
  const file = modelFile(target);
  await checkPaths(given, flags);
  if (flags.sortInto !== undefined) await checkSortFolder(flags.sortInto);
  const predictor = await Predictor.load(file, flags.threads === undefined ? {} : { threads: flags.threads });
  for (const note of predictor.notes) console.error(`note: ${note}`);
  const { numbers, boxes } = predictor;
  if (numbers !== undefined) checkNumbers(file, `it gives numbers (${numbers.join(', ')}), no classes`, flags);
  if (boxes !== undefined) checkNumbers(file, 'it finds boxes', { ...flags, threshold: undefined });
  else if (flags.draw !== undefined)
    throw new UsageError(`Expected no --draw for ${file}: it finds no boxes. Leave it out.`);
  const drawer = flags.draw === undefined ? undefined : new Drawer(flags.draw, predictor.labels);
  const { all = false } = flags;
  const top = all && numbers === undefined ? predictor.labels.length : (flags.top ?? 3);
  const shape: Shape = {
    ...(boxes && { boxes: true }),
    ...(numbers === undefined ? { labels: predictor.labels } : { numbers }),
    top,
    all,
  };
  let sorter: Sorter | undefined;
  let into: Into | undefined;
  let calm = (): void => {};
  if (flags.sortInto !== undefined) {
    const folders = folderNames([...(flags.threshold === undefined ? [] : [UNSURE]), ...predictor.labels]);
    sorter = new Sorter(flags.sortInto, folders);
    into = { folder: flags.sortInto, folders: [...folders.values()].map((name) => join(flags.sortInto!, name)) };
    await checkInto(given, into);
    calm = leaveNothing(sorter);
  }

  const ignored: Ignored = {};
  const errors = new Map<string, string>();
  async function* paths(): AsyncGenerator<string | LatePicture> {
    for await (const { path, error, read } of picturesOfPaths(given, { ...flags, ...(into && { into }) }, ignored)) {
      if (error !== undefined) errors.set(path, error);
      yield read === undefined ? path : late(path, read);
    }
  }
  const tally = new Tally();
  const print = printer(flags.csv === true ? 'csv' : flags.json === true ? 'json' : 'text', shape);
  const progress = new Count();
  if (flags.csv === true) await writeLine(process.stdout, csvHeader(shape));
  const threshold = flags.threshold ?? (boxes === undefined ? undefined : Math.max(SHOWN_FROM, boxes.scoreThreshold));
  const options = { top, batch: flags.batch, expand: false, threshold };
  for await (const result of predictor.predict(paths(), options)) {
    // Of a place that cannot be looked into the walk knows more than the decoder.
    const told = errors.get(result.path);
    if (told !== undefined) {
      result.error = told;
      errors.delete(result.path);
    }
    tally.add(result);
    if (sorter !== undefined && result.label !== undefined) await sorter.put(result.path, result.label);
    await drawer?.draw(result);
    await print(result);
    progress.show(tally.pictures);
  }
  progress.clear();
  await predictor.close();
  calm();
  for (const line of tally.lines({ threshold: flags.threshold, ignored })) console.error(line);
  if (sorter !== undefined)
    console.error(
      `${plural(sorter.copied, 'picture')} copied into ${sorter.root}` +
        (sorter.there > 0 ? `, ${sorter.there} there already` : ''),
    );
  if (drawer !== undefined) console.error(`${plural(drawer.drawn, 'picture')} drawn into ${flags.draw}`);
  if (tally.failed > 0) process.exitCode = 1;
}

function check({ top, all, threshold, csv, json, batch, threads }: Flags): void {
  wholeOption('--top', top, 1, 1e6);
  wholeOption('--batch', batch, 1, 4096);
  wholeOption('--threads', threads, 1, 1024);
  numberOption('--threshold', threshold, 0, 1);
  if (csv === true && json === true) throw new UsageError('Expected --csv or --json but received both.');
  if (all === true && top !== undefined)
    throw new UsageError('Expected --all or --top but received both: --all names every class.');
}

/** Boxes of a lower score are seldom meant, where nobody says from which on. */
const SHOWN_FROM = 0.3;

/** A model may have learned something else than classes. */
function checkNumbers(file: string, why: string, { top, all, threshold, sortInto }: Flags): void {
  for (const [name, value] of Object.entries({
    '--top': top,
    '--all': all,
    '--threshold': threshold,
    '--sort-into': sortInto,
  }))
    if (value !== undefined) throw new UsageError(`Expected no ${name} for ${file}: ${why}. Leave ${name} out.`);
}

function printer(form: Form, shape: Shape): (result: PictureResult) => Promise<void> {
  if (form === 'csv') return (result) => writeLine(process.stdout, csvLine(result, shape));
  if (form === 'json') return (result) => writeLine(process.stdout, jsonLine(result));
  const text = new TextLines();
  return (result) => writeLine(result.error === undefined ? process.stdout : process.stderr, text.line(result));
}

/** Ctrl-C ends at once as ever, but leaves no part of a copy. @returns what makes it ordinary again */
function leaveNothing(sorter: Sorter): () => void {
  const clean = (signal: NodeJS.Signals): void => {
    end();
    if (sorter.unfinished !== undefined) rmSync(sorter.unfinished, { force: true });
    process.kill(process.pid, signal);
  };
  const end = (): void => void process.off('SIGINT', clean).off('SIGTERM', clean);
  process.on('SIGINT', clean).on('SIGTERM', clean);
  return end;
}

/** How many pictures are done, on a terminal whose output goes into a file. */
class Count {
  readonly #stream = process.stderr;
  readonly #on = process.stderr.isTTY === true && process.stdout.isTTY !== true;
  readonly #begun = performance.now();
  #last = performance.now();
  #shown = false;

  show(pictures: number): void {
    const now = performance.now();
    if (!this.#on || now - this.#last < 500) return;
    this.#last = now;
    this.#shown = true;
    const rate = (1000 * pictures) / (now - this.#begun);
    this.#stream.write(`\r\x1b[2K${plural(pictures, 'picture')}, ${rate.toFixed(rate < 10 ? 1 : 0)}/s`);
  }

  clear(): void {
    if (this.#shown) this.#stream.write('\r\x1b[2K');
  }
}
