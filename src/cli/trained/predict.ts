import { existsSync, statSync } from 'node:fs';
import type { Command } from 'commander';
import { findGiven } from '../../data/dataset.js';
import { type Prediction, Predictor } from '../../deploy/predictor.js';
import { UsageError } from '../../errors.js';
import { passedOverText } from '../../part-words.js';
import { onnxFile } from '../../run/config.js';
import { integer } from '../options.js';

export function register(program: Command): void {
  program
    .command('predict')
    .description('classify pictures with an exported model; needs no libtorch')
    .argument('<model>', 'ONNX file, or a run folder that holds one')
    .argument('<pictures...>', 'picture files and folders')
    .option('-k, --top <n>', 'classes to name for each picture', integer, 3)
    .option('-b, --batch <n>', 'pictures at a time', integer, 8)
    .option('--threads <n>', 'threads of ONNX Runtime', integer)
    .option('--json', 'print one picture a line as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  rescaled predict runs/flowers-1 rose.jpg\n  rescaled predict model.onnx holiday/ --top 1 --json',
    )
    .action(run);
}

async function run(
  target: string,
  given: string[],
  flags: { top: number; batch: number; threads?: number; json?: boolean },
): Promise<void> {
  if (flags.top < 1 || flags.batch < 1) throw new UsageError('Expected at least 1 for --top and --batch.');
  let file = target;
  if (existsSync(target) && statSync(target).isDirectory()) {
    file = onnxFile(target);
    if (!existsSync(file))
      throw new UsageError(`Expected ${file} but it is not there. Write it with "rescaled export ${target}".`);
  }
  const { pictures, ignored } = await findGiven(given);
  const passedOver = passedOverText(ignored);
  if (passedOver !== undefined && flags.json !== true) console.error(`note: ${passedOver}`);
  const predictor = await Predictor.load(file, flags.threads === undefined ? {} : { threads: flags.threads });
  const width = Math.min(60, Math.max(...pictures.map((path) => path.length)));
  let failed = 0;
  for await (const { path, predictions, numbers, error } of predictor.predict(pictures, {
    top: flags.top,
    batch: flags.batch,
  })) {
    if (error !== undefined) failed++;
    if (flags.json === true)
      console.log(JSON.stringify({ path, predictions, numbers, ...(error === undefined ? {} : { error }) }));
    else if (error !== undefined) console.error(`${path.padEnd(width)}  cannot be read: ${error}`);
    else
      console.log(`${path.padEnd(width)}  ${numbers === undefined ? classesText(predictions) : numbersText(numbers)}`);
  }
  await predictor.close();
  if (passedOver !== undefined && flags.json === true)
    console.log(
      JSON.stringify({ type: 'ignored', files: Object.values(ignored).reduce((a, b) => a + b, 0), endings: ignored }),
    );
  if (failed > 0) {
    if (flags.json !== true) console.error(`${failed} of ${pictures.length} pictures could not be read`);
    process.exitCode = 1;
  }
}

const classesText = (predictions: readonly Prediction[]): string =>
  predictions.map(({ label, probability }) => `${label} ${(100 * probability).toFixed(1)} %`).join('   ');

const numbersText = (numbers: Readonly<Record<string, number>>): string =>
  Object.entries(numbers)
    .map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`)
    .join('   ');
