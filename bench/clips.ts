// Videos to frames beside the program ffmpeg alone, and how long the engine waits for clips that lie decoded.
//   npm run bench:clips -- [VIDEOS] [--size 112 --frames 8 --passes 5 --json]
// VIDEOS: folders of video files by class; by default some are drawn by ffmpeg (340 x 256, 280 frames, H.264 where it can write it). Decoding:
// each file in turn by this package and by `ffmpeg` to nothing with the same filters, one process and one thread each. Waiting: a training of
// resnet3d-14 x0.5 from the cache, its first epoch left out.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { Command } from 'commander';
import { decodeClip } from '../src/data/video/decode.js';
import { VIDEO_EXTENSIONS } from '../src/data/video/kinds.js';
import { storedSide } from '../src/data/video/limits.js';
import { findFfmpeg, missingFfmpeg } from '../src/data/video/programs.js';
import { UsageError } from '../src/errors.js';
import { train } from '../src/tasks/runs.js';
import { median } from './median.js';
import { benchOptions } from './options.js';

interface Options {
  size: number;
  frames: number;
  passes: number;
  epochs: number;
  threads: number;
  json?: boolean;
}
const command = new Command('clips')
  .argument('[videos]', 'folders of video files by class')
  .option('--size <pixels>', 'side of the clips', Number, 112)
  .option('--frames <n>', 'of a clip', Number, 8)
  .option('--passes <n>', 'over the files', Number, 5)
  .option('--epochs <n>', 'of the training', Number, 6)
  .option('--threads <n>', 'of the engine', Number, 1)
  .option('--json');
const program = findFfmpeg();
const { size, passes, frames, epochs, threads, json } = await benchOptions<Options>(command, () => {
  const [folder] = command.args;
  if (program === undefined) throw missingFfmpeg('the videos of a benchmark');
  if (folder !== undefined && !existsSync(folder))
    throw new UsageError(`Expected folders of video files by class at ${folder} but there is nothing.`);
});

const work = mkdtempSync(join(tmpdir(), 'bench-clips-'));
process.once('exit', () => rmSync(work, { recursive: true, force: true }));
process.env['RESCALED_CACHE'] = join(work, 'cache');
const data = command.args[0] === undefined ? drawn(join(work, 'drawn')) : resolve(command.args[0]);
const files = readdirSync(data, { recursive: true, encoding: 'utf8' })
  .filter((name) => VIDEO_EXTENSIONS.has(extname(name).toLowerCase()))
  .slice(0, 24)
  .map((name) => join(data, name));
if (files.length === 0) throw new Error(`Expected video files in ${data} but there are none.`);

const side = storedSide(size);
// The fastest of all passes: what else the machine does only ever takes time.
const ours = new Array<number>(files.length).fill(Number.POSITIVE_INFINITY);
const alone = [...ours];
for (let pass = 0; pass <= passes; pass++)
  for (const [i, file] of files.entries()) {
    ours[i] = Math.min(ours[i]!, await seconds(() => decodeClip(file, { side })));
    alone[i] = Math.min(alone[i]!, await seconds(() => ffmpegAlone(file)));
  }
const speed = median(alone.map((time, i) => time / ours[i]!));

const waits: number[] = [];
let perSecond = 0;
for await (const event of train({
  ...{ data, task: 'video', model: 'resnet3d-14', width: 0.5, size, out: join(work, 'run'), threads, workers: 1 },
  ...{ epochs, evalEvery: epochs, settings: { frames, testClips: 1, testCrops: 1 }, valSplit: 0.2 },
}))
  if (event.type === 'epoch' && event.epoch > 1) {
    waits.push(event.loaderWaitShare);
    perSecond = event.imagesPerSecond;
  }
const wait = median(waits);
console.log(
  json === true
    ? JSON.stringify({ files: files.length, decodingSpeed: speed, waitShare: wait, clipsPerSecond: perSecond })
    : `decoding ${files.length} files at ${speed.toFixed(2)} of ffmpeg's own speed (${(1000 * median(ours)).toFixed(0)} ms a file, ffmpeg ` +
        `${(1000 * median(alone)).toFixed(0)} ms)\n` +
        `waiting for decoded clips ${(100 * wait).toFixed(2)} % of the time, ${perSecond.toFixed(0)} clips/s of ${frames} x ${size}`,
);

async function seconds(work: () => unknown): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

/** What the program takes by itself: the same frames, upright and reduced, as RGB. */
function ffmpegAlone(file: string): void {
  const scale = `scale=w='trunc(iw*min(1,${side}/min(iw,ih))+0.5)':h='trunc(ih*min(1,${side}/min(iw,ih))+0.5)':flags=bicubic+accurate_rnd+full_chroma_int`;
  const { status, stderr } = spawnSync(program!, [
    ...['-nostdin', '-loglevel', 'error', '-threads', '1', '-i', file, '-map', '0:V:0', '-an', '-sn'],
    ...[
      '-vf',
      `${scale},format=rgb24`,
      '-fps_mode',
      'passthrough',
      '-pix_fmt',
      'rgb24',
      '-f',
      'rawvideo',
      '-y',
      '/dev/null',
    ],
  ]);
  if (status !== 0) throw new Error(`ffmpeg: ${String(stderr)}`);
}

/** Two classes of drawn videos. */
function drawn(folder: string): string {
  const codec = String(spawnSync(program!, ['-hide_banner', '-encoders']).stdout).includes('libx264')
    ? 'libx264'
    : 'mpeg4';
  for (const [name, source] of [
    ['lines', 'testsrc2=size=340x256:rate=28:duration=10'],
    ['sets', 'mandelbrot=size=340x256:rate=28'],
  ] as const) {
    mkdirSync(join(folder, name), { recursive: true });
    for (let i = 0; i < 5; i++) {
      const file = join(folder, name, `${i}.mp4`);
      const { status, stderr } = spawnSync(program!, [
        ...['-nostdin', '-loglevel', 'error', '-y', '-f', 'lavfi', '-i', source, '-frames:v', '280'],
        ...['-c:v', codec, '-pix_fmt', 'yuv420p', '-threads', '1', '-preset', 'veryfast', file],
      ]);
      if (status !== 0) throw new Error(`ffmpeg: ${String(stderr)}`);
    }
  }
  return folder;
}
