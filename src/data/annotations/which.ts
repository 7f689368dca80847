import { open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { UsageError } from '../../errors.js';
import { BrokenPicture } from '../decoding/decode.js';
import { anyFile, type FoundFile, findFiles, isPictureName } from '../sources/walk.js';
import { pngHeadOf } from './files/png.js';
import { isYolo } from './files/yolo.js';
import { keyOf, roleOf } from './names.js';
import { PictureNames } from './pictures.js';

/** What annotations say, and how they are written. */
export interface FoundAnnotations {
  readonly kind: 'boxes' | 'masks' | 'depth';
  readonly form: keyof typeof FORMS;
  /** A file that says so, from the folder. */
  readonly file: string;
}

const FORMS = {
  voc: "boxes in Pascal VOC's XML",
  coco: "boxes in COCO's JSON",
  yolo: "boxes in YOLO's text",
  masks: 'masks as PNG',
  depth: 'depth maps',
} as const;

/** The task that learns annotations of each kind. */
export const TASK_OF = { boxes: 'detect', masks: 'segment', depth: 'depth' } as const;

/** Files of a sort that are looked at before none of them says anything. */
const MOST_LOOKED = 24;
const HEAD_BYTES = 64 * 1024;

/** Whether a file may be a part of annotations, or of what they are of. */
export const isAnnotated = (name: string): boolean =>
  isPictureName(name) || /\.(?:xml|json|txt|names|csv|ya?ml|exr|pfm|npy)$/i.test(name) || !name.includes('.');

/** Whether a file's name or folder says that it may be annotations, and not a picture. */
const promises = (path: string): boolean => /\.(?:xml|json|txt)$/i.test(path) || roleOf(path) !== 'picture';

/**
 * What lies beside the pictures of a folder, told by content.
 * @returns undefined where there is nothing of the kind
 * @throws UsageError where there are several kinds, which names a file of each
 */
export async function whichAnnotations(path: string): Promise<FoundAnnotations | undefined> {
  const root = resolve(path);
  if (!(await anyFile(root, promises))) return undefined;
  const { files } = await findFiles(root, isAnnotated);
  const found = await formsIn(root, files);
  if (found.length < 2) return found[0];
  const kinds = [...new Set(found.map(({ kind }) => kind))];
  const how =
    kinds.length > 1
      ? `Say which with --task ${kinds.map((kind) => TASK_OF[kind]).join(' or ')}.`
      : 'Give a folder that has one of them, or take the others out.';
  throw new UsageError(`Expected one kind of annotations in ${root} but ${said(found)}. ${how}`);
}

const said = (found: readonly FoundAnnotations[]): string =>
  found.map(({ file, form }) => `${file} has ${FORMS[form]}`).join(' and ');

/** The one form in which boxes are written. @throws UsageError where there are none, or several */
export async function formOfBoxes(root: string, files: readonly FoundFile[]): Promise<FoundAnnotations | undefined> {
  const found = (await formsIn(root, files, ['boxes'])).filter(({ kind }) => kind === 'boxes');
  if (found.length > 1)
    throw new UsageError(
      `Expected boxes of one form in ${root} but ${said(found)}. Give a folder that has one of them, or take the others out.`,
    );
  return found[0];
}

async function formsIn(
  root: string,
  files: readonly FoundFile[],
  wanted = ['boxes', 'masks', 'depth'],
): Promise<FoundAnnotations[]> {
  const ending = (pattern: RegExp): FoundFile[] => files.filter(({ path }) => pattern.test(path));
  const pictures = files.filter(({ path }) => isPictureName(path) && roleOf(path) === 'picture');
  const found: FoundAnnotations[] = [];
  const first = async (
    candidates: readonly FoundFile[],
    kind: FoundAnnotations['kind'],
    form: FoundAnnotations['form'],
    fits: (file: FoundFile) => Promise<boolean>,
  ): Promise<void> => {
    for (const file of candidates.slice(0, MOST_LOOKED))
      if (await fits(file)) {
        found.push({ kind, form, file: file.path });
        return;
      }
  };
  const head = async ({ path }: FoundFile): Promise<string> => {
    const file = await open(join(root, path), 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  };
  if (wanted.includes('boxes')) {
    await first(ending(/\.xml$/i), 'boxes', 'voc', async (file) => /<annotation[\s>]/.test(await head(file)));
    await first(ending(/\.json$/i), 'boxes', 'coco', async (file) => isCoco(await head(file)));
    const keys = new Set(pictures.map(({ path }) => keyOf(path)));
    const labels = ending(/\.txt$/i).filter(({ path, size }) => size > 0 && keys.has(keyOf(path)));
    await first(labels, 'boxes', 'yolo', async (file) => isYolo((await head(file)).replace(/^\uFEFF/, '')));
  }
  const names = new PictureNames(pictures);
  for (const [kind, role] of [
    ['masks', 'mask'],
    ['depth', 'depth'],
  ] as const) {
    if (!wanted.includes(kind)) continue;
    const maps = files.filter(
      ({ path }) => roleOf(path) === role && (isPictureName(path) || /\.(?:exr|pfm|npy)$/i.test(path)),
    );
    await first(
      maps,
      kind,
      kind,
      async (file) => typeof names.of(file.path) !== 'string' && (await isMap(join(root, file.path), kind)),
    );
  }
  return found;
}

/** COCO's lists may stand in any order, and the first of them may be longer than what was read. */
const isCoco = (text: string): boolean =>
  /^\uFEFF?\s*\{/.test(text) &&
  /"(?:images|annotations|categories)"\s*:\s*\[/.test(text) &&
  /"(?:file_name|image_id|category_id|supercategory)"\s*:/.test(text);

/**
 * Whether a PNG that lies among pictures is a mask or depth map of one of them, by its name and by what its head says.
 * @param below its way from the folder of the pictures
 */
export async function isMapOfPicture(path: string, below: string): Promise<boolean> {
  const role = roleOf(below);
  if ((role !== 'mask' && role !== 'depth') || !/\.png$/i.test(path)) return false;
  try {
    return await isMap(path, role === 'mask' ? 'masks' : 'depth');
  } catch (error) {
    if (error instanceof BrokenPicture) return false; // told when it is its turn
    throw error;
  }
}

async function isMap(path: string, kind: 'masks' | 'depth'): Promise<boolean> {
  const head = await pngHeadOf(path);
  if (typeof head === 'string') return kind === 'depth' && /OpenEXR|NumPy/.test(head);
  if (kind === 'depth') return head.bits === 16 && head.colour === 'grey';
  return head.bits <= 8 && (head.colour === 'grey' || head.colour === 'palette');
}
