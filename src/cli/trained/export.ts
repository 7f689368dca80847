import type { Command } from 'commander';
import { onnxFile } from '../../deploy/model-file.js';
import type { Parity } from '../../deploy/parity.js';
import { requireRuntime } from '../../deploy/session.js';
import { UsageError } from '../../errors.js';
import { loadConfig } from '../../run/config.js';
import { commandLine } from '../../suggest.js';
import { openRunData } from '../../tasks/runs.js';
import { exportModel, trainingFacts } from '../../trained/export.js';
import { loadModel } from '../../trained/load.js';
import { checkOutput } from '../output.js';

export function register(program: Command): void {
  program
    .command('export')
    .description('write a run as one ONNX file that takes raw pixels, and compare it with the model')
    .argument('<run>', 'run folder')
    .option('-o, --out <file>', 'where to write; default model.onnx in the run')
    .option('--best', "the weights of the best epoch in place of the last one's")
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  rescaled export runs/flowers-1\n  rescaled export runs/flowers-1 --best -o flowers.onnx',
    )
    .action(async (run: string, flags: { out?: string; best?: boolean; json?: boolean }) => {
      await requireRuntime();
      const loaded = await loadModel(run, flags.best === true ? 'best' : 'final');
      if (loaded.run === undefined) throw new UsageError(`Expected a run folder but received the file ${run}.`);
      const path = flags.out ?? onnxFile(run);
      checkOutput(path, { force: true });
      const config = loadConfig(run);
      const dataset = await openRunData(config);
      if (dataset.fingerprint !== config.data.fingerprint)
        console.error(`note: ${config.data.path} has changed since training; the comparison uses what is there now`);
      const { task } = loaded;
      const clips = task.clips === true;
      const exported = await exportModel(loaded, path, trainingFacts(config), dataset);
      loaded.model.dispose();
      const { parity } = exported;
      if (flags.json === true) console.log(JSON.stringify(exported, null, 2));
      else
        console.log(
          `${path}  ${(exported.bytes / 1e6).toFixed(1)} MB, opset 13\n` +
            (exported.labels === undefined ? '' : `${exported.labels}  the names of its classes\n`) +
            `compared with the model on ${parity!.pictures} real ${clips ? 'clips' : 'pictures'}: ` +
            `${parityText(parity!, task.name === 'depth' ? ' m' : '')}\n` +
            `next: rescaled predict ${commandLine([path])} ${clips ? 'VIDEO' : 'PICTURES'}...`,
        );
    });
}

const percent = (share: number, digits: number): string => `${(100 * share).toFixed(digits)} %`;

/** @param unit of the numbers of other outputs than classes' */
function parityText(parity: Parity, unit: string): string {
  const { maxAbsDiff, maxAbsDiffProbabilities, top1Agreement, boxAgreement, pixelAgreement } = parity;
  const most = maxAbsDiff.toExponential(1);
  if (maxAbsDiffProbabilities !== undefined && top1Agreement !== undefined)
    return (
      `largest difference of a logit ${most}, of a probability ${maxAbsDiffProbabilities.toExponential(1)}, ` +
      `same class for ${percent(top1Agreement, 1)}`
    );
  if (boxAgreement !== undefined)
    return `${percent(boxAgreement, 2)} of its boxes the same, largest difference of a score ${most}`;
  if (pixelAgreement !== undefined)
    return `same class for ${percent(pixelAgreement, 3)} of the pixels, largest difference of a logit ${most}`;
  return `largest difference of an output ${most}${unit}`;
}
