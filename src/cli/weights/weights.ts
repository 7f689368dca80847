import { statSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { RescaledError } from '../../errors.js';
import { writeFileAtomic } from '../../files.js';
import { modelShapes } from '../../models/index.js';
import { convertedTensors, matchModel } from '../../weights/convert.js';
import { type FloatDType, itemSizes } from '../../weights/formats/dtypes.js';
import { encodeSafetensors } from '../../weights/formats/safetensors.js';
import type { WeightsFile } from '../../weights/formats/weights-file.js';
import { type KeyPlan, planKeys } from '../../weights/names/plan.js';
import { openWeights } from '../../weights/open.js';
import { checkOutput } from '../output.js';
import { candidateModel } from './candidate-model.js';
import { presentWeights, registerHub } from './hub.js';
import { readLabels, weightsMetadata } from './metadata.js';
import { type Conversion, formatConversion, formatInspection, type Inspection } from './report.js';

export function register(program: Command): void {
  const weights = program
    .command('weights')
    .description(
      'weights files: look into them, convert them (safetensors, PyTorch, Keras, TensorFlow), fetch them by name',
    );
  weights
    .command('inspect')
    .description('what a weights file holds')
    .argument('<file>', 'weights of any format (of a TensorFlow checkpoint its .index), or the name of fetched ones')
    .option('--select <key>', 'which weights of a checkpoint that holds several, such as state_dict_ema')
    .option('--all', 'list every tensor')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  rescaled weights inspect resnetrs50.pth\n' +
        '  rescaled weights inspect model.ckpt-1234.index --all\n' +
        '  rescaled weights inspect resnetrs50.tf_in1k',
    )
    .action(async (path: string, flags: { select?: string; all?: boolean; json?: boolean }) => {
      const file = await openWeights(presentWeights(path), flags.select === undefined ? {} : { select: flags.select });
      try {
        const inspection = inspect(file);
        console.log(
          flags.json === true ? JSON.stringify(inspection, null, 2) : formatInspection(inspection, flags.all === true),
        );
      } finally {
        file.close();
      }
    });
  weights
    .command('convert')
    .description("write weights as safetensors with timm's key names")
    .argument('<in>', 'weights of any format, or the name of fetched ones')
    .argument('<out>', 'the .safetensors file to write')
    .option('--model <name>', 'the model they must fit, such as resnet-rs-50; its facts are stored with them')
    .option('--select <key>', 'which weights of a checkpoint that holds several, such as state_dict_ema')
    .option('--prefix <text>', 'only tensors whose names begin with this; it is taken off')
    .option('--classes <file>', "names of the model's classes, one a line, to store with the weights")
    .addOption(
      new Option('--dtype <type>', 'element type of floating point tensors; as they are without it').choices([
        'F32',
        'F16',
        'BF16',
      ]),
    )
    .option('--allow-missing', 'write even when keys are missing, and leave out those that the model does not have')
    .option('--force', 'replace an existing file')
    .option('--all', 'print every key of the report')
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  rescaled weights convert resnetrs50.pth resnetrs50.safetensors --model resnet-rs-50\n  ' +
        'rescaled weights convert model.ckpt-1234 b0.safetensors --dtype F16',
    )
    .action(convert);
  registerHub(weights);
}

function inspect(file: WeightsFile): Inspection {
  const plan = planKeys(file);
  const tensors = [...file.entries].map(([name, { dtype, shape }]) => ({ name, dtype, shape: [...shape] }));
  const count = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
  const parameters = [...plan.tensors]
    .filter(([key]) => !/\.running_(mean|var)$/.test(key))
    .reduce((sum, [, { shape }]) => sum + count(shape), 0);
  return {
    path: file.path,
    format: file.format,
    metadata: { ...file.metadata },
    tensors,
    elements: tensors.reduce((sum, { shape }) => sum + count(shape), 0),
    bytes: tensors.reduce((sum, { shape, dtype }) => sum + count(shape) * itemSizes[dtype], 0),
    parameters,
    ignored: Object.fromEntries(plan.ignored),
    unknown: plan.unknown,
    fits: fits(plan),
  };
}

/** The named model that the keys and shapes are of, in words. */
function fits(plan: KeyPlan): string {
  const candidate = candidateModel(new Map([...plan.tensors].map(([key, { shape }]) => [key, shape])));
  if (candidate === undefined) return 'no named model';
  const { match, classes } = matchModel(candidate.shapes, plan);
  if (match.missing.length + match.unexpected.length + match.wrongShape.length > 0)
    return (
      `nearly ${candidate.name}: ${match.missing.length} keys missing, ${match.unexpected.length} unexpected, ` +
      `${match.wrongShape.length} of another shape`
    );
  return `${candidate.name}${classes === undefined ? '' : ` with ${classes} classes`}`;
}

interface ConvertFlags {
  model?: string;
  select?: string;
  prefix?: string;
  classes?: string;
  dtype?: FloatDType;
  allowMissing?: boolean;
  force?: boolean;
  all?: boolean;
  json?: boolean;
}

async function convert(given: string, output: string, flags: ConvertFlags): Promise<void> {
  const input = presentWeights(given);
  const check = (read: string) =>
    checkOutput(output, { endings: ['.safetensors'], inputs: [read], force: flags.force });
  check(input);
  const file = await openWeights(input, flags.select === undefined ? {} : { select: flags.select });
  try {
    check(file.path); // of a TensorFlow checkpoint, the index that was found
    const plan = planKeys(file, flags.prefix);
    const { match, classes } = flags.model === undefined ? {} : matchModel(modelShapes(flags.model), plan);
    const leftOut = new Set(match?.unexpected);
    const problems = plan.unknown.length + (match === undefined ? 0 : match.missing.length + match.unexpected.length);
    const wrong = match?.wrongShape.length ?? 0;
    const keys = new Set([...plan.tensors.keys()].filter((key) => !leftOut.has(key)));
    const written = wrong === 0 && keys.size > 0 && (problems === 0 || flags.allowMissing === true);
    const metadata = weightsMetadata(
      file,
      plan,
      flags.model,
      classes,
      flags.classes === undefined ? undefined : readLabels(flags.classes, plan),
    );
    if (written) writeFileAtomic(output, encodeSafetensors(convertedTensors(file, plan, flags.dtype, keys), metadata));
    const conversion: Conversion = {
      from: { path: file.path, format: file.format, selected: file.metadata['selected'] ?? null },
      to: written ? { path: output, bytes: statSync(output).size } : null,
      metadata,
      mapped: [...plan.tensors]
        .filter(([key]) => keys.has(key))
        .map(([key, { source, transform, shape }]) => ({ source, key, transform, shape: [...shape] })),
      ignored: Object.fromEntries(plan.ignored),
      unknown: plan.unknown,
      missing: match?.missing ?? [],
      unexpected: match?.unexpected ?? [],
      wrongShape: match?.wrongShape ?? [],
    };
    console.log(
      flags.json === true ? JSON.stringify(conversion, null, 2) : formatConversion(conversion, flags.all === true),
    );
    if (written) return;
    const why =
      keys.size === 0
        ? 'no tensor of the file has a known name'
        : flags.model === undefined
          ? 'some names are unknown'
          : `the weights do not fit ${flags.model}`;
    throw new RescaledError(
      `Nothing was written: ${why}; see the ` +
        `report.${wrong > 0 || keys.size === 0 ? '' : ' --allow-missing writes the rest all the same.'}`,
    );
  } finally {
    file.close();
  }
}
