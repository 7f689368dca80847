/** Which pictures were measured: a part of a data set, or all of a folder without parts. */
export type MeasuredPart = 'train' | 'val' | 'test' | 'all';

const WORDS: Readonly<Record<MeasuredPart, string>> = { train: 'training', val: 'validation', test: 'test', all: '' };

/** `validation`, as it stands before `pictures`; empty for all. */
export const partWord = (part: MeasuredPart): string => WORDS[part];

/** `30 test pictures`, `1 picture`. */
export function picturesOf(
  part: MeasuredPart,
  count: number,
  shown: (count: number) => string = String,
  noun: 'picture' | 'video' = 'picture',
): string {
  const word = partWord(part);
  return `${shown(count)} ${word === '' ? '' : `${word} `}${noun}${count === 1 ? '' : 's'}`;
}

/** `415 unlabelled, drawn 508 times`: a teacher's labels may ask for a picture more than once in a pass. */
export const unlabelledText = (draws: number, pictures = draws): string =>
  `${pictures} unlabelled${draws === pictures ? '' : `, drawn ${draws} times`}`;

/** How many files there are of each name ending: `.heic`, or '' for names without one. */
export type Endings = Readonly<Record<string, number>>;

/** `2 .heic, 1 .txt, 1 without an ending`, the most frequent first; undefined for none. */
export function endingsText(endings: Endings): string | undefined {
  const sorted = Object.entries(endings).sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  if (sorted.length === 0) return undefined;
  const [shown, rest] = [sorted.slice(0, 8), sorted.slice(8)];
  const parts = shown.map(([ending, count]) => `${count} ${ending === '' ? 'without an ending' : ending}`);
  if (rest.length > 0) parts.push(`${rest.reduce((sum, [, count]) => sum + count, 0)} with other endings`);
  return parts.join(', ');
}

/** `3 files were passed over: 2 .heic, 1 .txt`, with what helps; undefined where there were none. */
export function passedOverText(endings: Endings, of: 'picture' | 'video' = 'picture'): string | undefined {
  const text = endingsText(endings);
  if (text === undefined) return undefined;
  const count = Object.values(endings).reduce((sum, n) => sum + n, 0);
  const said = `${count} file${count === 1 ? ' was' : 's were'} passed over, whose names do not end like a ${of}'s: ${text}`;
  const phone = of === 'picture' && ('.heic' in endings || '.heif' in endings);
  return phone
    ? `${said}. HEIC is not read here: convert it to JPEG, for example with "heif-convert" or "magick"`
    : said;
}
