import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Command } from 'commander';
import sharp from 'sharp';
import type { Dataset } from '../../data/dataset.js';
import { readPixels } from '../../data/sources/source.js';
import { onnxFile } from '../../deploy/model-file.js';
import { Predictor } from '../../deploy/predictor.js';
import { UsageError } from '../../errors.js';
import { makeFolder } from '../../files.js';
import { modelTitle } from '../../models/index.js';
import { finalWeights, isRun, lastCheckpoint, loadConfig } from '../../run/config.js';
import { didYouMean } from '../../suggest.js';
import { metricsOf } from '../../tasks/index.js';
import { openTrainingData, resolveRun } from '../../tasks/runs.js';
import type { TrainOptions } from '../../train/index.js';
import { duration, Progress } from '../progress.js';
import { makeClips, predictVideo, videoNext, videoOptions } from './quickstart-video.js';
import { runTrainer } from './run-trainer.js';
import { summary } from './train.js';

/** Where Debian's package dataset-fashion-mnist puts the pictures. */
const FASHION = '/usr/share/datasets/fashion-mnist';

export function register(program: Command): void {
  program
    .command('quickstart')
    .description(
      'train, measure, export and try a small ResNet-RS on Fashion-MNIST, or a 3-D one on moving Fashion-MNIST',
    )
    .argument('[what]', '"video": which way garments move, in place of what they are')
    .option('--data <folder>', 'IDX files of Fashion-MNIST', FASHION)
    .option('-o, --out <folder>', 'run folder; default runs/quickstart, or runs/quickstart-video')
    .option('--fresh', 'train anew where a finished run could be reused')
    .action(run);
}

/**
 * The small ResNet-RS: 14 layers, three eighths of the width, a stem of stride 2 for 28-pixel pictures; the RS recipe
 * scaled to a few minutes.
 */
function options(data: string, out: string): TrainOptions {
  return {
    data,
    out,
    model: 'resnet-rs-14',
    width: 0.375,
    recipe: 'quick',
    limitTrain: 24_000,
    seed: 1,
    settings: { epochs: 5 },
  };
}

async function run(what: string | undefined, flags: { data: string; out?: string; fresh?: boolean }): Promise<void> {
  if (what !== undefined && what !== 'video')
    throw new UsageError(
      `Expected "video" or nothing after quickstart but received "${what}".${didYouMean(what, ['video'])}`,
    );
  const video = what === 'video';
  const { data, out = join('runs', video ? 'quickstart-video' : 'quickstart') } = flags;
  if (!existsSync(data))
    throw new UsageError(
      `Expected Fashion-MNIST at ${data} but it is not there. Install it with: apt-get install dataset-fashion-mnist`,
    );
  const progress = new Progress(metricsOf(video ? 'video' : undefined)[0]);
  if (video) await makeClips(data, out, (text) => progress.note(text));
  const wanted = video ? videoOptions(out) : options(data, out);
  const dataset = await openTrainingData(wanted);
  const asWritten = JSON.parse(JSON.stringify(await resolveRun(wanted, dataset))) as unknown;
  // Whatever the order of the settings.
  const same = isRun(out) && isDeepStrictEqual(JSON.parse(JSON.stringify(loadConfig(out))), asWritten);
  let task: Parameters<typeof runTrainer>[0] = { type: 'train', options: wanted };
  if (same && flags.fresh !== true && existsSync(lastCheckpoint(out))) {
    progress.note(
      existsSync(finalWeights(out))
        ? `reusing the weights trained before in ${out} (--fresh trains anew)`
        : `reusing the unfinished run in ${out}: going on from its last checkpoint`,
    );
    task = { type: 'resume', run: out };
  } else if (isRun(out)) {
    const other = loadConfig(out);
    if (other.data.fingerprint !== dataset.fingerprint || other.model !== wanted.model)
      throw new UsageError(
        `Expected a quickstart run in ${out} but it holds ${modelTitle(other.model, other.modelOptions)} on ` +
          `${other.data.name}, which would be lost. Choose another --out.`,
      );
    progress.note(`replacing the earlier run in ${out}`);
    rmSync(out, { recursive: true });
  }
  const figures = await runTrainer(
    task,
    (event) => progress.show(event),
    (text) => progress.note(text),
  );
  if (figures === undefined) {
    console.error(
      `Stopped and saved. "${video ? 'npx rescaled quickstart video' : 'npm run quickstart'}" goes on from here.`,
    );
    process.exitCode = 1;
    return;
  }

  const exported = figures.onnxMaxAbsDiff !== undefined;
  const page = !exported ? undefined : video ? await predictVideo(out) : await classifySome(out, dataset);

  console.log(`\n${summary(out, figures)}`);
  console.log(
    `\nA ${video ? '3-D ResNet' : 'ResNet-RS'} of ${(figures.parameters / 1e6).toFixed(2)} M parameters learned to tell ` +
      `${dataset.classes.length} ${video ? 'motions' : 'kinds of clothing'} apart in ${duration(figures.seconds)} of training.`,
  );
  console.log(`Open the report:           ${join(out, 'report.html')}`);
  if (video) return videoNext(out, page).forEach((line) => console.log(line));
  console.log('Now your own pictures, one folder a class:');
  console.log('  npx rescaled train FOLDER');
}

/** The exported file alone, on pictures as files, as a user would. */
async function classifySome(out: string, dataset: Dataset): Promise<undefined> {
  const folder = join(out, 'pictures');
  makeFolder(folder);
  const files: string[] = [];
  for (let i = 0; i < 8; i++) {
    const { data: pixels, width, height } = await readPixels(dataset.val, i, 28);
    const file = join(
      folder,
      `${String(i).padStart(2, '0')}-${dataset.classes[dataset.val.labels[i]!]!.replace(/[^A-Za-z]+/g, '-')}.png`,
    );
    await sharp(pixels, { raw: { width, height, channels: 3 } })
      .png()
      .toFile(file);
    files.push(file);
  }
  const predictor = await Predictor.load(onnxFile(out));
  console.log('\nclassified with the exported file:');
  for await (const { path, predictions } of predictor.predict(files, { top: 2 }))
    console.log(
      `  ${path}  ${predictions.map(({ label, probability }) => `${label} ${(100 * probability).toFixed(1)} %`).join('   ')}`,
    );
  await predictor.close();
}
