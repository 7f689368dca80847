import { Readable } from 'node:stream';
import { type Found, look, picturesOfGiven } from '../data/given.js';
import { RescaledError, UsageError } from '../errors.js';
import { isLate, type LatePicture, late, type Picture } from './picture.js';

/** One picture or many; strings are paths of pictures and folders, and patterns such as `holiday/**\/*.jpg`. */
export type Pictures = Given | Iterable<Given> | AsyncIterable<Given>;
type Given = Picture | LatePicture;

/** A picture on its way; without one it cannot be had, and `error` says why. */
export interface Item {
  /** As it will be told. */
  path: string;
  picture?: Picture | LatePicture['pixels'];
  error?: string;
}

const isPicture = (value: unknown): value is Given =>
  isLate(value) ||
  typeof value === 'string' ||
  value instanceof Uint8Array ||
  (typeof value === 'object' && value !== null && 'data' in value && 'width' in value && 'height' in value);

const kindOf = (value: unknown): string =>
  typeof value === 'object' && value !== null
    ? (value.constructor?.name ?? 'an object')
    : value === null
      ? 'null'
      : typeof value;

/**
 * The pictures of what was given, one by one.
 * @param expand look into folders and patterns; else every string is one picture
 * @throws UsageError for what is no picture at all
 */
export async function* itemsOf(inputs: Pictures, expand: boolean): AsyncGenerator<Item> {
  if (!isPicture(inputs) && !(Symbol.iterator in Object(inputs)) && !(Symbol.asyncIterator in Object(inputs)))
    throw wrong(inputs);
  // Of a stream of bytes each piece would be taken for a picture.
  if (inputs instanceof Readable && !inputs.readableObjectMode)
    throw new UsageError(
      'Expected a picture or an iterable of pictures but received a stream of bytes: gather it first, as ' +
        '"await buffer(stream)" of node:stream/consumers does.',
    );
  let index = 0;
  for await (const input of isPicture(inputs) ? [inputs] : inputs) {
    if (!isPicture(input)) throw wrong(input);
    const name = `#${index++}`;
    if (isLate(input)) yield { path: input.path, picture: input.pixels.bind(input) };
    else if (typeof input !== 'string') yield { path: name, picture: input };
    else if (expand) for await (const one of found(input)) yield itemOf(one);
    else yield { path: input, picture: input };
  }
}

/** One that was found. */
export const itemOf = ({ path, error, read }: Found): Item =>
  error === undefined ? { path, picture: read === undefined ? path : late(path, read).pixels } : { path, error };

const wrong = (value: unknown): UsageError =>
  new UsageError(
    `Expected a path, an encoded picture (Uint8Array), pixels, or an iterable of these but received ${kindOf(value)}.`,
  );

async function* found(path: string): AsyncGenerator<Found> {
  try {
    yield* picturesOfGiven(await look(path));
  } catch (error) {
    if (!(error instanceof RescaledError)) throw error;
    yield { path, error: error.message };
  }
}
