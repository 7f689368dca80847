import type { FoundFile } from '../sources/walk.js';
import { keyOf, partOfPath, stemOf } from './names.js';

/** Finds the pictures that annotations are of. */
export class PictureNames {
  readonly #byKey = new Map<string, FoundFile[]>();
  readonly #byStem = new Map<string, FoundFile[]>();
  readonly #byName = new Map<string, FoundFile[]>();

  constructor(pictures: readonly FoundFile[]) {
    for (const picture of pictures) {
      add(this.#byKey, keyOf(picture.path), picture);
      add(this.#byStem, stemOf(picture.path), picture);
      add(this.#byName, picture.path.slice(picture.path.lastIndexOf('/') + 1), picture);
    }
  }

  /**
   * The picture of an annotation: the one that lies at the same place but for folders that say what lies there, else the only one of this name.
   * @param path of the annotation
   * @param named the picture's name as the annotation says it
   * @returns why there is none, or no single one, as the begin of a sentence
   */
  of(path: string, named?: string): FoundFile | string {
    const part = partOfPath(path);
    const ours = (found: readonly FoundFile[] | undefined): FoundFile[] =>
      (found ?? []).filter((picture) => {
        const own = partOfPath(picture.path);
        return part === undefined || own === undefined || own === part;
      });
    const name = named?.replaceAll('\\', '/').split('/').at(-1);
    const tries = [
      ours(this.#byKey.get(keyOf(path))),
      ours(this.#byStem.get(stemOf(path))),
      name === undefined ? [] : ours(this.#byName.get(name)),
    ];
    for (const found of tries) {
      if (found.length === 1) return found[0]!;
      if (found.length < 2) continue;
      const same = found.filter((picture) => picture.path.endsWith(`/${name}`) || picture.path === name);
      if (same.length === 1) return same[0]!;
      return `${found[0]!.path} and ${found[1]!.path} could both be its picture`;
    }
    return `its picture ${name ?? stemOf(path)} is not there`;
  }
}

/** Which annotation each picture has: it may have one. */
export class Claims {
  readonly #places = new Map<string, string>();

  /** @returns the picture, from now on that of `place`; or why it is not: what `PictureNames` says, or that it has an annotation already */
  take(picture: FoundFile | string, place: string): FoundFile | string {
    if (typeof picture === 'string') return picture;
    const before = this.#places.get(picture.path);
    if (before !== undefined) return `${before} is of its picture ${picture.path} too`;
    this.#places.set(picture.path, place);
    return picture;
  }

  /** Pictures that have one. */
  get count(): number {
    return this.#places.size;
  }
}

function add(map: Map<string, FoundFile[]>, key: string, picture: FoundFile): void {
  const found = map.get(key);
  if (found === undefined) map.set(key, [picture]);
  else found.push(picture);
}
