import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import { numberOption, wholeOption } from '../../checks.js';
import { stemOf } from '../../data/annotations/names.js';
import { isMapOfPicture } from '../../data/annotations/which.js';
import type { Found, Ignored } from '../../data/given.js';
import { modelFile, takesClips } from '../../deploy/model-file.js';
import { type LatePicture, late } from '../../deploy/picture.js';
import { Predictor } from '../../deploy/predictor.js';
import { UNSURE } from '../../deploy/told.js';
import { UsageError } from '../../errors.js';
import { plural } from '../../suggest.js';
import { integer, number } from '../options.js';
import { boxWriter, checkResults, formatOption, readCocoIds, resultsOption } from './box-files.js';
import { Drawer } from './drawer.js';
import { MapFiles } from './map-files.js';
import {
  csvHeader,
  csvLine,
  type Form,
  jsonLine,
  type Shape,
  Tally,
  TextLines,
  type Written,
  writeLine,
} from './predict-output.js';
import { checkInto, checkPaths, type Into, type PredictFlags, picturesOfPaths } from './predict-paths.js';
import { checkSortFolder, folderNames, Sorter } from './sort-into.js';

export function register(program: Command): void {
  program
    .command('predict')
    .description(
      'classify pictures or videos, or find boxes, masks or depth in pictures, with an exported model; needs no libtorch',
    )
    .argument('<model>', 'ONNX file, or a run folder that holds one')
    .argument(
      '<pictures...>',
      'pictures or videos, folders (at any depth), tar shards, patterns in quotes; "-": paths from standard input',
    )
    .option('-k, --top <n>', 'classes to name for each picture; default 3', integer)
    .option('--all', 'the probabilities of all classes')
    .option(
      '--threshold <p>',
      `below this probability (0 to 1) the label is "${UNSURE}", and boxes are left out (default 0.3)`,
      number,
    )
    .option('--csv', 'print CSV: path, label, probability, classes, error')
    .option('--json', 'print one picture or video a line as JSON')
    .option('--sort-into <folder>', 'copy each picture into FOLDER/CLASS/')
    .option(
      '-o, --out <folder>',
      'of masks and depth: write each as PNG, with the numbers of classes or millimetres, into FOLDER',
    )
    .option('--draw <folder>', 'write each picture with its boxes, classes of pixels or depth drawn into FOLDER')
    .addOption(resultsOption())
    .addOption(formatOption())
    .option('--ids <file>', "COCO's JSON with the numbers of pictures and classes, for --results in COCO's form")
    .option(
      '--window <span>',
      'of videos: how much is looked at a time, in frames (64) or seconds (2.5s); default: a clip',
    )
    .option('--hop <span>', 'of videos: from one window to the next; default: the window')
    .option('--report <file>', 'of videos: write a page with frames and a timeline of each')
    .option('--force', 'write over what --results names')
    .option('--null', 'paths on standard input end with NUL, as find -print0 writes them')
    .option('-b, --batch <n>', 'pictures at a time; 8 by default, fewer where their maps are large', integer)
    .option('--threads <n>', 'threads of ONNX Runtime', integer)
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  rescaled predict runs/flowers-1 rose.jpg\n' +
        "  rescaled predict model.onnx holiday 'archive/**/*.jpg' --csv > holiday.csv\n" +
        '  find /photos -name "*.jpg" -print0 | rescaled predict model.onnx - --null --json --top 1\n' +
        '  rescaled predict runs/flowers-1 holiday --sort-into sorted --threshold 0.8\n' +
        '  rescaled predict runs/streets-1 drive --out masks --draw drawn\n' +
        '  rescaled predict runs/waves-1 holiday.mp4 --hop 0.5s --report holiday.html\n' +
        '\nExit code 1 when pictures could not be read, 2 for misuse.',
    )
    .action(run);
}

async function run(target: string, given: string[], flags: PredictFlags): Promise<void> {
  check(flags);
  const file = modelFile(target);
  if (await takesClips(file)) return (await import('./predict-video.js')).predictVideos(file, given, flags);
  const format = checkResults(flags);
  if (flags.ids !== undefined && format !== 'coco')
    throw new UsageError("Expected --ids with --results in COCO's form, such as --results found.json. Leave it out.");
  await checkPaths(given, flags);
  if (flags.sortInto !== undefined) await checkSortFolder(flags.sortInto);
  const predictor = await Predictor.load(file, flags.threads === undefined ? {} : { threads: flags.threads });
  for (const note of predictor.notes) console.error(`note: ${note}`);
  const { numbers, boxes, labels, gives } = predictor;
  checkKind(predictor, file, flags);
  const ids = flags.ids === undefined ? undefined : readCocoIds(flags.ids, labels);
  const results = format && boxWriter(flags.results!, format, labels, ids);
  const { all = false } = flags;
  const top = all && gives === 'logits' ? labels.length : (flags.top ?? 3);
  const shape: Shape = { gives, ...(numbers === undefined ? { labels } : { numbers }), top, all };
  const maps =
    flags.out === undefined ? undefined : await MapFiles.open(flags.out, labels, predictor.metadata.depth?.farthest);
  const drawer = flags.draw === undefined ? undefined : new Drawer(flags.draw, labels);
  const into: Into[] = [];
  for (const { folder, option } of [maps?.out, drawer?.out].filter((out) => out !== undefined))
    into.push({ option, folder, folders: [folder] });
  let sorter: Sorter | undefined;
  if (flags.sortInto !== undefined) {
    const { sortInto: folder } = flags;
    const names = folderNames([...(flags.threshold === undefined ? [] : [UNSURE]), ...labels]);
    sorter = new Sorter(folder, names);
    into.push({ option: '--sort-into', folder, folders: [...names.values()].map((name) => join(folder, name)) });
  }
  await checkInto(given, into);
  const calm = leaveNothing([sorter, maps?.out, drawer?.out, results].filter((one) => one !== undefined));

  const ignored: Ignored = {};
  /** Masks and depth maps among the pictures are no pictures to a model that makes some. */
  let passed = 0;
  const pixels = gives === 'masks' || gives === 'depth';
  /** Pictures on their way, in order. */
  const ahead: Found[] = [];
  async function* paths(): AsyncGenerator<string | LatePicture> {
    for await (const found of picturesOfPaths(given, { ...flags, into }, ignored)) {
      const { path, below } = found;
      if (pixels && below !== undefined && (await isMapOfPicture(path, below))) {
        passed++;
        continue;
      }
      ahead.push(found);
      yield found.read === undefined ? found.path : late(found.path, found.read);
    }
  }
  const tally = new Tally();
  const print = printer(flags.csv === true ? 'csv' : flags.json === true ? 'json' : 'text', shape);
  const progress = new Count();
  if (flags.csv === true) await writeLine(process.stdout, csvHeader(shape));
  const threshold = flags.threshold ?? (boxes === undefined ? undefined : Math.max(SHOWN_FROM, boxes.scoreThreshold));
  // Files of results are measured: they have all that the model gives.
  const asked = results === undefined ? threshold : (flags.threshold ?? boxes!.scoreThreshold);
  const options = { top, batch: flags.batch, expand: false, threshold: asked };
  let ended: string | undefined;
  try {
    for await (const result of predictor.predict(paths(), options)) {
      if (results !== undefined && result.boxes !== undefined) {
        results.add({ path: result.path, width: result.width!, height: result.height!, boxes: result.boxes });
        result.boxes = result.boxes.filter(({ score }) => score >= threshold!);
      }
      const found = ahead.shift()!;
      // Of a place that cannot be looked into the walk knows more than the decoder.
      if (found.error !== undefined) result.error = found.error;
      tally.add(result);
      if (sorter !== undefined && result.label !== undefined) await sorter.put(result.path, result.label);
      const written = await maps?.write(mapName(found), result);
      await drawer?.draw(plainName(found), result, found.read);
      await print({ ...result, ...(written !== undefined && { file: written }) });
      progress.show(tally.pictures);
    }
    ended = results?.end();
  } finally {
    results?.drop();
  }
  progress.clear();
  await predictor.close();
  calm();
  for (const line of tally.lines({ threshold: flags.threshold, ignored })) console.error(line);
  if (passed > 0) console.error(`note: ${plural(passed, 'mask or depth map', 'masks or depth maps')} passed over`);
  if (sorter !== undefined)
    console.error(
      `${plural(sorter.copied, 'picture')} copied into ${sorter.root}` +
        (sorter.there > 0 ? `, ${sorter.there} there already` : ''),
    );
  if (ended !== undefined) console.error(`${flags.results}: ${ended}`);
  if (maps !== undefined) console.error(maps.summary());
  if (drawer !== undefined) console.error(`${plural(drawer.out.written, 'picture')} drawn into ${flags.draw}`);
  if (tally.failed > 0) process.exitCode = 1;
}

function check({ top, all, threshold, csv, json, batch, threads }: PredictFlags): void {
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
function checkKind({ gives, other }: Predictor, file: string, flags: PredictFlags): void {
  const { top, all, threshold, sortInto, out, draw, results } = flags;
  const pixels = gives === 'masks' || gives === 'depth';
  const classes = gives === 'logits';
  for (const [name, value, allowed] of [
    ['--top', top, classes],
    ['--all', all, classes],
    ['--threshold', threshold, classes || gives === 'boxes'],
    ['--sort-into', sortInto, classes],
    ['--out', out, pixels],
    ['--draw', draw, pixels || gives === 'boxes'],
    ['--results', results, gives === 'boxes'],
    ['--window', flags.window, false],
    ['--hop', flags.hop, false],
    ['--report', flags.report, false],
  ] as const)
    if (value !== undefined && !allowed)
      throw new UsageError(
        `Expected no ${name} for ${file}: ${other ?? 'it names the class of a picture'}. Leave ${name} out.`,
      );
}

/** A picture's way below what was given, without its ending: `a/rose`. */
function plainName({ path, below }: Found): string {
  const way = below ?? basename(path.slice(path.indexOf('#') + 1));
  return way.replace(/\.[^./]*$/, '');
}

/** The same without a second ending that says what it is, as annotations are named: `frame-1` of `frame-1.color.jpg`. */
function mapName(found: Found): string {
  const name = plainName(found);
  const folder = name.slice(0, name.lastIndexOf('/') + 1);
  // What `stemOf` cuts is an ending of its own.
  return folder + stemOf(`${name}.png`);
}

function printer(form: Form, shape: Shape): (result: Written) => Promise<void> {
  if (form === 'csv') return (result) => writeLine(process.stdout, csvLine(result, shape));
  if (form === 'json') return (result) => writeLine(process.stdout, jsonLine(result));
  const text = new TextLines();
  return (result) => writeLine(result.error === undefined ? process.stdout : process.stderr, text.line(result));
}

/** Ctrl-C ends at once as ever, but leaves no part of a file. @returns what makes it ordinary again */
function leaveNothing(
  writers: readonly ({ readonly unfinished: string | undefined } | { drop(): void })[],
): () => void {
  if (writers.length === 0) return () => {};
  const clean = (signal: NodeJS.Signals): void => {
    end();
    for (const one of writers) {
      if ('drop' in one) one.drop();
      else if (one.unfinished !== undefined) rmSync(one.unfinished, { force: true });
    }
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
