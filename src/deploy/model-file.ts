import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UsageError } from '../errors.js';
import { writeFilesAtomic } from '../files.js';
import { commandLine } from '../suggest.js';
import { decodeHeader, type ModelHeader } from './onnx/schema.js';

/** The exported file of a run. */
export const onnxFile = (run: string): string => join(run, 'model.onnx');

/**
 * The file of class names beside an exported one: programs in JavaScript cannot read ONNX metadata. `labels.json` beside
 * `model.onnx`, `flowers.labels.json` beside `flowers.onnx`.
 */
export const labelsFile = (onnx: string): string =>
  join(
    dirname(onnx),
    basename(onnx) === 'model.onnx' ? 'labels.json' : `${basename(onnx).replace(/\.onnx$/i, '')}.labels.json`,
  );

/**
 * Writes an exported file and, where it has classes, the file of their names: both or none.
 * @returns that file
 */
export function writeModel(onnx: string, bytes: Uint8Array, classes: readonly string[]): string | undefined {
  const labels = classes.length === 0 ? undefined : labelsFile(onnx);
  const named = labels === undefined ? [] : ([[labels, `${JSON.stringify(classes, null, 2)}\n`]] as const);
  writeFilesAtomic([...named, [onnx, bytes]]);
  return labels;
}

/**
 * The ONNX file that is meant: the file itself, or the one of a run folder.
 * @throws UsageError for a folder without one, saying what writes it
 */
export function modelFile(target: string): string {
  if (!existsSync(target) || !statSync(target).isDirectory()) return target;
  const file = onnxFile(target);
  if (existsSync(file)) return file;
  const has = (...path: string[]): boolean => existsSync(join(target, ...path));
  const missing = `Expected ${file} but it is not there`;
  if (has('weights.safetensors'))
    throw new UsageError(`${missing}. Write it with "rescaled export ${commandLine([target])}".`);
  if (!has('run.json'))
    throw new UsageError(
      `${missing}, and ${target} is no run folder. Give an ONNX file, or the folder that "rescaled train" wrote.`,
    );
  const resume = `"rescaled train --resume ${commandLine([target])}"`;
  throw new UsageError(
    has('checkpoints', 'best.safetensors')
      ? `${missing}: the training has not ended. Go on with ${resume}, or take its best epoch so far: "rescaled export ${commandLine([target])}".`
      : `${missing}: the training has not ended its first epoch. Go on with ${resume}.`,
  );
}

/** @throws UsageError when the file cannot be read */
export async function readModel(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await readFile(path);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : message;
    throw new UsageError(`Expected an ONNX file but cannot read ${path}: ${reason}.`, { cause });
  }
}

/**
 * The class names beside a model, for one whose own have been lost.
 * @returns undefined where there is no such file
 * @throws UsageError when it is no list of names
 */
export async function readLabels(onnx: string): Promise<string[] | undefined> {
  const file = labelsFile(onnx);
  if (!existsSync(file)) return undefined;
  let names: unknown;
  try {
    names = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new UsageError(`Expected a JSON list of class names in ${file}: ${(cause as Error).message}.`, { cause });
  }
  if (!Array.isArray(names) || names.length === 0 || !names.every((name) => typeof name === 'string'))
    throw new UsageError(`Expected a JSON list of class names in ${file}, such as ["cat", "dog"].`);
  return names as string[];
}

/** Whether a file takes clips of videos: its input has five sides. @throws UsageError for a missing, cut-off or foreign file */
export async function takesClips(path: string): Promise<boolean> {
  const { graph } = modelHeader(await readModel(path), path);
  return graph?.input?.[0]?.type?.tensorType?.shape?.dim.length === 5;
}

/** The file without nodes and weights, or a UsageError that says what is wrong with it. */
export function modelHeader(bytes: Uint8Array, name: string): ModelHeader {
  if (bytes.length === 0) throw new UsageError(`Expected an ONNX file but ${name} is empty.`);
  let model: ModelHeader | undefined;
  try {
    model = decodeHeader(bytes);
  } catch (cause) {
    // Every ONNX file that we write starts with field 1, the IR version, a small number.
    if (bytes[0] === 0x08 && (bytes[1] ?? 0) < 0x80) {
      throw new UsageError(`${name} is damaged or cut off: it ends before its model does. Copy or export it again.`, {
        cause,
      });
    }
  }
  if (model === undefined || !(model.irVersion > 0) || model.graph === undefined || model.opsetImport.length === 0) {
    throw new UsageError(
      `Expected an ONNX file but ${name} is not one. Predictions need a file made by \`rescaled export\`.`,
    );
  }
  return model;
}
