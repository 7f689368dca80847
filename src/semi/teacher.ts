import { createHash } from 'node:crypto';
import { closeSync, createReadStream, existsSync, openSync, readSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Preprocess } from '../deploy/metadata.js';
import { onnxFile } from '../deploy/model-file.js';
import { graphBytes } from '../deploy/onnx/graph-bytes.js';
import { Predictor } from '../deploy/predictor.js';
import { UsageError } from '../errors.js';
import { type Manifest, shortIdentity, type Teacher, teacherSchema } from '../labels/format.js';

/** What the user says of weights that do not say it themselves. */
export interface GivenTeacher {
  model?: string | undefined;
  size?: number | undefined;
  evalCrop?: number | undefined;
  select?: string | undefined;
}

/** A teacher, ready to give labels. Close its predictor after use. */
export interface OpenTeacher {
  predictor: Predictor;
  about: Teacher;
  classes: readonly string[];
  /** What it was exported from, where it had to be. */
  exported?: Manifest['exported'];
}

/** Where a teacher that was exported lies. */
const exportedFile = (labels: string): string => join(labels, 'teacher.onnx');

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/**
 * Opens the teacher: an ONNX file, a run with one, or weights, which are exported first.
 * @param target as the user wrote it
 * @param into folder that weights are exported into; it is there
 * @param begun the manifest of labels that were begun there
 * @throws UsageError when it is none, or gives no classes
 */
export async function openTeacher(
  target: string,
  into: string,
  begun: Manifest | undefined,
  { given = {}, threads }: { given?: GivenTeacher; threads?: number | undefined } = {},
): Promise<OpenTeacher> {
  const { file, exported } = await onnxOf(target, into, begun, given);
  const predictor = await Predictor.load(file, threads === undefined ? {} : { threads });
  try {
    const { numbers, labels: classes, metadata } = predictor;
    if (numbers !== undefined)
      throw new UsageError(
        `Expected a teacher of classes but ${target} gives numbers (${numbers.join(', ')}). Pseudo-labels are of classes.`,
      );
    const { preprocess, training } = metadata;
    const identity = identityOf(await readFile(file), classes, preprocess);
    const about: Teacher = {
      identity,
      model: training.model,
      ...(training.weights === undefined ? {} : { weights: training.weights }),
      size: preprocess.size,
      preprocess: { ...preprocess },
    };
    return { predictor, about: teacherSchema.parse(about), classes, ...(exported === undefined ? {} : { exported }) };
  } catch (error) {
    await predictor.close();
    throw error;
  }
}

/** sha256 of network and weights, names of classes, and how a picture becomes the input. */
function identityOf(file: Uint8Array, classes: readonly string[], preprocess: Preprocess): string {
  const hash = createHash('sha256');
  for (const bytes of graphBytes(file)) hash.update(bytes);
  const { size, evalCrop, interpolation, layout, channels, mean, std } = preprocess;
  return hash
    .update(JSON.stringify([classes, size, evalCrop, interpolation, layout, channels, mean, std]))
    .digest('hex');
}

const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();

/** Whether a file begins like an ONNX file of ours: field 1, the IR version, a small number. Safetensors have a `{` after 8 bytes. */
function looksLikeOnnx(path: string): boolean {
  if (/\.onnx$/i.test(path)) return true;
  const start = Buffer.alloc(9);
  const file = openSync(path, 'r');
  try {
    readSync(file, start);
  } finally {
    closeSync(file);
  }
  return start[0] === 0x08 && start[1]! < 0x80 && start[8] !== 0x7b;
}

async function onnxOf(
  target: string,
  into: string,
  begun: Manifest | undefined,
  given: GivenTeacher,
): Promise<{ file: string; exported?: Manifest['exported'] }> {
  const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const folder = isFolder(target);
  const ready = folder ? onnxFile(target) : target;
  if (existsSync(ready) && (folder || looksLikeOnnx(ready))) {
    if (folder && Object.keys(said).length > 0) return exportInto(target, into, begun, said);
    if (Object.keys(said).length > 0)
      throw new UsageError(
        `Expected no ${Object.keys(said)
          .map((name) => `--${name === 'evalCrop' ? 'crop' : name}`)
          .join(', ')} for ${target}: an ONNX file knows its size and preprocessing. Give the weights to have others.`,
      );
    return { file: ready };
  }
  return exportInto(target, into, begun, said);
}

/** Exports weights once: with labels that were begun, the file that gave the first ones is used again. */
async function exportInto(
  target: string,
  into: string,
  begun: Manifest | undefined,
  said: Record<string, unknown>,
): Promise<{ file: string; exported: Manifest['exported'] }> {
  // Not before it is needed: all of this loads libtorch.
  const { weightsOf } = await import('../train/start.js');
  const weights = weightsOf(target);
  const exported = { from: basename(target), sha256: await sha256(weights), given: said };
  const file = exportedFile(into);
  if (begun !== undefined) {
    const before = begun.exported;
    if (before !== undefined) {
      if (before.sha256 !== exported.sha256 || !sameJson(before.given, said)) throw changedTeacher(target, into, begun);
      if (existsSync(file)) return { file, exported };
    }
  }
  const { loadModel } = await import('../trained/load.js');
  const { exportModel, trainingFacts } = await import('../trained/export.js');
  const { isRun, loadConfig } = await import('../run/config.js');
  const loaded = await loadModel(target, 'final', said);
  try {
    await exportModel(loaded, file, isRun(target) ? trainingFacts(loadConfig(target)) : {});
  } finally {
    loaded.model.dispose();
  }
  return { file, exported };
}

const sameJson = (a: Record<string, unknown>, b: Record<string, unknown>): boolean => {
  const sorted = (value: Record<string, unknown>): string => JSON.stringify(Object.entries(value).sort());
  return sorted(a) === sorted(b);
};

/** Labels of two teachers must not lie in one folder. @param now identity of the new one, where it has one yet */
export const changedTeacher = (target: string, labels: string, { teacher }: Manifest, now?: string): UsageError =>
  new UsageError(
    `Expected the teacher that the labels in ${labels} were begun with (${teacher.model}, ${shortIdentity(teacher.identity)}) but ` +
      `${target} is another, or prepares pictures otherwise${now === undefined ? '' : ` (${shortIdentity(now)})`}. ` +
      'Give that teacher, or write to another folder.',
  );
