import { existsSync, statSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { RescaledError } from '../../errors.js';
import { writeFileAtomic } from '../../files.js';
import { beginningOf, candidateModel, modelShapes, modelTitle } from '../../models/index.js';
import { bestWeights, finalWeights, loadConfig } from '../../run/config.js';
import { convertedTensors, matchModel } from '../../weights/convert.js';
import { outputsIn, readFacts } from '../../weights/facts.js';
import { notFinite } from '../../weights/finite.js';
import { type FloatDType, itemSizes } from '../../weights/formats/dtypes.js';
import { encodeSafetensors } from '../../weights/formats/safetensors.js';
import type { WeightsFile } from '../../weights/formats/weights-file.js';
import { type KeyPlan, planKeys } from '../../weights/names/plan.js';
import { beginnings } from '../../weights/names/prefix.js';
import { openWeights } from '../../weights/open.js';
import { checkOutput } from '../output.js';
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
    .argument(
      '<file>',
      'weights of any format (of a TensorFlow checkpoint its .index), a run, or the name of fetched ones',
    )
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
    .action(async (target: string, flags: { select?: string; all?: boolean; json?: boolean }) => {
      const path = weightsIn(presentWeights(target));
      const file = await openWeights(path, flags.select === undefined ? {} : { select: flags.select });
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

/** Of a run's folder its final weights, else the best so far. */
function weightsIn(path: string): string {
  if (!existsSync(path) || !statSync(path).isDirectory()) return path;
  loadConfig(path); // says what is wrong when it is none
  return existsSync(finalWeights(path)) ? finalWeights(path) : bestWeights(path);
}

function inspect(file: WeightsFile): Inspection {
  const beginning = beginningOf(file.entries.keys());
  const plan = planKeys(file, beginning);
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
    notFinite: notFinite(file),
    fits: fits(plan, file) + (beginning === '' ? '' : `, without "${beginning}" before every name`),
  };
}

/** The model that the keys and shapes are of, in words: the one that the file names where they agree. */
function fits(plan: KeyPlan, file: WeightsFile): string {
  const said = saidModel(file);
  const candidate = said ?? candidateModel(new Map([...plan.tensors].map(([key, { shape }]) => [key, shape])));
  if (candidate === undefined) {
    const begin = commonBeginning([...plan.tensors.keys()]);
    return `no named model${begin === '' ? '' : `; every name begins with "${begin}", which convert --prefix ${begin} takes off`}`;
  }
  const { match, classes } = matchModel(candidate.shapes, plan);
  if (match.missing.length + match.unexpected.length + match.wrongShape.length > 0)
    return (
      `nearly ${candidate.name}: ${match.missing.length} keys missing, ${match.unexpected.length} unexpected, ` +
      `${match.wrongShape.length} of another shape`
    );
  const heads = classes ?? (said === undefined ? undefined : outputsIn(plan.tensors));
  return `${candidate.name}${heads === undefined ? '' : ` with ${heads} classes`}`;
}

/** The model that the header names, with its options; undefined when it names none that is known here. */
function saidModel(file: WeightsFile): { name: string; shapes: ReturnType<typeof modelShapes> } | undefined {
  try {
    const { model, modelOptions } = readFacts(file.metadata, file.path);
    if (file.format !== 'safetensors' || model === undefined || modelOptions === undefined) return undefined;
    return { name: modelTitle(model, modelOptions), shapes: modelShapes(model, modelOptions) };
  } catch {
    return undefined; // What it says is shown as it is.
  }
}

/** The first part of the names, up to its dot, where all have it. */
function commonBeginning([first = '', ...others]: string[]): string {
  const begin = /^[^.]+\.(?=[^.]+\.)/.exec(first)?.[0] ?? '';
  return others.length > 0 && others.every((name) => name.startsWith(begin)) ? begin : '';
}

/** What stands before the model's own names, where exactly one text does. */
function prefixFor(file: WeightsFile, shapes: ReadonlyMap<string, unknown> | undefined): string | undefined {
  if (shapes === undefined || file.format === 'keras' || file.format === 'tensorflow') return undefined;
  const found = beginnings(file.entries.keys(), shapes.keys());
  return found.length === 1 ? found[0] : undefined;
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
    const shapes = flags.model === undefined ? undefined : modelShapes(flags.model);
    const plan = planKeys(file, flags.prefix ?? prefixFor(file, shapes));
    const { match, classes } = shapes === undefined ? {} : matchModel(shapes, plan);
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
    const wrongValues = notFinite(
      file,
      [...keys].map((key) => plan.tensors.get(key)!.source),
    );
    const conversion: Conversion = {
      from: { path: file.path, format: file.format, selected: file.metadata['selected'] ?? null },
      to: written ? { path: output, bytes: statSync(output).size } : null,
      metadata,
      mapped: [...plan.tensors]
        .filter(([key]) => keys.has(key))
        .map(([key, { source, transform, shape }]) => ({ source, key, transform, shape: [...shape] })),
      ignored: Object.fromEntries(plan.ignored),
      unknown: plan.unknown,
      notFinite: wrongValues,
      missing: match?.missing ?? [],
      unexpected: match?.unexpected ?? [],
      wrongShape: match?.wrongShape ?? [],
    };
    console.log(
      flags.json === true ? JSON.stringify(conversion, null, 2) : formatConversion(conversion, flags.all === true),
    );
    if (written) {
      if (flags.json !== true)
        console.log(`next: rescaled train DATA --from ${output}${flags.model === undefined ? ' -m MODEL' : ''}`);
      return;
    }
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
