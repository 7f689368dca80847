import { existsSync } from 'node:fs';
import { type FoundVideo, needFfmpeg, videosAt } from '../../data/clips/given.js';
import type { Ignored } from '../../data/given.js';
import { VideoPredictor } from '../../deploy/video/predictor.js';
import { parseSpan } from '../../deploy/video/windows.js';
import { momentText } from '../../deploy/video/words.js';
import { UsageError } from '../../errors.js';
import { passedOverText } from '../../part-words.js';
import { plural } from '../../suggest.js';
import { STRIP, TimelineReport } from '../../trained/timeline.js';
import { checkOutput } from '../output.js';
import { writeLine } from './predict-output.js';
import { checkInput, type PredictFlags, pathsOfInput, STDIN } from './predict-paths.js';
import { videoCsv, videoCsvHeader, videoJson, videoText } from './video-output.js';

/** `rescaled predict` with a model of clips. */
export async function predictVideos(file: string, given: readonly string[], flags: PredictFlags): Promise<void> {
  for (const [name, value] of [
    ['--sort-into', flags.sortInto],
    ['--out', flags.out],
    ['--draw', flags.draw],
    ['--results', flags.results],
    ['--ids', flags.ids],
    ['--format', flags.format],
  ] as const)
    if (value !== undefined)
      throw new UsageError(`Expected no ${name} for ${file}: it names the class of a video. Leave ${name} out.`);
  const window = flags.window === undefined ? undefined : parseSpan(flags.window, '--window');
  const hop = flags.hop === undefined ? undefined : parseSpan(flags.hop, '--hop');
  checkInput(given, flags);
  const ignored: Ignored = {};
  const named = new Map<string, FoundVideo[]>();
  for (const path of given) if (path !== STDIN) named.set(path, await videosAt(path, ignored));
  const all = [...named.values()].flat();
  needFfmpeg(all.map(({ path }) => path));
  if (flags.report !== undefined)
    checkOutput(flags.report, { endings: ['.html'], inputs: [file, ...all.map(({ path }) => path)], force: true });
  const predictor = await VideoPredictor.load(file, flags.threads === undefined ? {} : { threads: flags.threads });
  const { labels } = predictor;
  const top = flags.all === true ? labels.length : Math.min(labels.length, flags.top ?? 3);

  async function* videos(): AsyncGenerator<FoundVideo> {
    for (const path of given)
      if (path !== STDIN) yield* named.get(path)!;
      else for await (const line of pathsOfInput(flags)) yield* await foundAt(line, ignored);
  }
  const progress = new Progress();
  const page = flags.report === undefined ? undefined : new TimelineReport();
  let [count, failed] = [0, 0];
  const csv = { labels, top, all: flags.all === true };
  if (flags.csv === true) await writeLine(process.stdout, videoCsvHeader(csv));
  /** Videos on their way, in order. */
  const ahead: FoundVideo[] = [];
  async function* paths(): AsyncGenerator<string> {
    for await (const found of videos()) {
      ahead.push(found);
      yield found.path;
    }
  }
  for await (const result of predictor.predict(paths(), {
    ...{ top, window, hop, threshold: flags.threshold, batch: flags.batch, strip: page && STRIP },
    onWindow: ({ end, endFrame }, path) => progress.show(path, end, endFrame),
  })) {
    // Of a place that cannot be looked into the walk knows more than the decoder.
    result.error = ahead.shift()!.error ?? result.error;
    progress.clear();
    await page?.add(result);
    count++;
    if (result.error !== undefined) failed++;
    if (flags.json === true) await writeLine(process.stdout, videoJson(result));
    else if (flags.csv === true) await writeLine(process.stdout, videoCsv(result, csv));
    else await writeLine(result.error === undefined ? process.stdout : process.stderr, videoText(result));
  }
  await predictor.close();
  if (page !== undefined) {
    const { training, preprocess } = predictor.metadata;
    const { frames, stride, rule, crops } = preprocess.clip!;
    await page.write(flags.report!, {
      model: training.model,
      facts: [
        { key: 'Model', value: `${training.model}, ${file}` },
        {
          key: 'Clips',
          value: `${frames} frames of ${preprocess.size} pixels, stride ${stride || 'as the video allows'}, rule ${rule}`,
        },
        { key: 'Crops', value: String(crops) },
        { key: 'Window', value: flags.window ?? 'a clip' },
        { key: 'Hop', value: flags.hop ?? 'a window' },
      ],
    });
    console.error(`report   ${flags.report}`);
  }
  if (count > 1) console.error(plural(count, 'video') + (failed > 0 ? `, ${failed} could not be read` : ''));
  const over = passedOverText(ignored, 'video');
  if (over !== undefined) console.error(`note: ${over}`);
  if (failed > 0) process.exitCode = 1;
}

/** What a list names and has gone meanwhile is one video that cannot be read. */
async function foundAt(path: string, ignored: Ignored): Promise<FoundVideo[]> {
  try {
    return await videosAt(path, ignored);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return [existsSync(path) ? { path, error: error.message } : { path }];
  }
}

/** How far a long video is, on a terminal. */
class Progress {
  readonly #stream = process.stderr;
  #last = performance.now();
  #shown = false;

  show(path: string, seconds: number | undefined, frames: number): void {
    const now = performance.now();
    if (this.#stream.isTTY !== true || now - this.#last < 500) return;
    this.#last = now;
    this.#shown = true;
    this.#stream.write(`\r\x1b[2K${path}  ${seconds === undefined ? `frame ${frames}` : momentText(seconds)}`);
  }

  clear(): void {
    if (this.#shown) this.#stream.write('\r\x1b[2K');
    this.#shown = false;
  }
}
