import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MOTIONS, type MovingOptions, writeMoving } from '../../data/clips/moving.js';
import { openDataset } from '../../data/dataset.js';
import { clipFrames } from '../../data/video/stream.js';
import { onnxFile } from '../../deploy/model-file.js';
import { VideoPredictor } from '../../deploy/video/predictor.js';
import { stretchesOf } from '../../deploy/video/told.js';
import { momentText } from '../../deploy/video/words.js';
import { UsageError } from '../../errors.js';
import { makeFolder } from '../../files.js';
import { commandLine } from '../../suggest.js';
import type { TrainOptions } from '../../train/index.js';
import { STRIP, TimelineReport } from '../../trained/timeline.js';

/** Clips of 16 frames of 32 pixels, of each of the eight motions: to learn from, and to measure on. */
const CLIPS = { frames: 16, side: 32, train: 100, test: 40, seed: 0 };
/** What says that a folder of clips is whole, and what it holds. */
const MARK = '.clips.json';

/** The folder of the clips beside that of the run. */
export const clipsFolder = (out: string): string => `${out}-clips`;

/** A small 3-D ResNet on them. Left is not right, so that nothing is flipped; all clips have one speed. */
export const videoOptions = (out: string): TrainOptions => ({
  data: clipsFolder(out),
  out,
  task: 'video',
  model: 'resnet3d-14',
  width: 0.25,
  size: CLIPS.side,
  seed: 1,
  settings: { epochs: 5, flip: 0, frameStride: 2 },
});

/**
 * Makes moving Fashion-MNIST, where it is not there yet: garments of the training pictures to learn from, others to measure on.
 * @throws UsageError where something else lies in its place
 */
export async function makeClips(data: string, out: string, note: (text: string) => void): Promise<void> {
  const folder = clipsFolder(out);
  const mark = JSON.stringify(CLIPS);
  const own = existsSync(join(folder, MARK));
  if (own && readFileSync(join(folder, MARK), 'utf8') === mark) return;
  if (existsSync(folder) && !own)
    throw new UsageError(`Expected to make clips in ${folder} but it holds something else. Choose another --out.`);
  const { train, val } = await openDataset(data);
  const unfinished = `${folder}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  makeFolder(unfinished);
  const { frames, side, seed } = CLIPS;
  const of = (perMotion: number, more: number): MovingOptions => ({ perMotion, frames, side, seed: seed + more });
  const learned = await writeMoving(join(unfinished, 'train'), train!, of(CLIPS.train, 0));
  const tested = await writeMoving(join(unfinished, 'test'), val, of(CLIPS.test, 1));
  writeFileSync(join(unfinished, MARK), mark);
  rmSync(folder, { recursive: true, force: true });
  renameSync(unfinished, folder);
  note(`made ${learned} clips to learn from and ${tested} to measure on in ${folder}: ${MOTIONS.join(', ')}`);
}

/** The exported file alone on a video of its own: one test clip of each motion after the other. */
export async function predictVideo(out: string): Promise<string> {
  const clips = clipsFolder(out);
  async function* frames() {
    for (const motion of MOTIONS) yield* clipFrames(join(clips, 'test', motion, '0001.gif'), { side: 4 * CLIPS.side });
  }
  const predictor = await VideoPredictor.load(onnxFile(out));
  const page = new TimelineReport();
  console.log(`\none video of a test clip of each motion, ${MOTIONS.join(', ')}, told by the exported file alone:`);
  for await (const result of predictor.predict(
    { path: 'all motions', frames: frames(), fps: 25 },
    { strip: STRIP, top: 3 },
  )) {
    for (const { start, end, label, probability } of stretchesOf(result.windows))
      console.log(`  ${momentText(start!)} to ${momentText(end!)}  ${label} ${(100 * probability).toFixed(1)} %`);
    await page.add(result);
  }
  await predictor.close();
  const file = join(out, 'timeline.html');
  await page.write(file, { model: predictor.metadata.training.model, facts: [{ key: 'Model', value: onnxFile(out) }] });
  return file;
}

/** What to do next. */
export const videoNext = (out: string, page: string | undefined): string[] => [
  ...(page === undefined ? [] : [`Open the timeline:         ${page}`]),
  'Now your own videos, one folder a class:',
  '  npx rescaled train FOLDER --task video',
  `  npx rescaled predict ${commandLine([out])} VIDEO`,
];
