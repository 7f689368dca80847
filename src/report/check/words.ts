import {
  CHECK_KINDS,
  type Checked,
  type CheckedGroup,
  type CheckKind,
  FEW_MEASURED,
  FEW_OF_CLASS,
  type Oddity,
} from '../../checked.js';
import { endingsText, type MeasuredPart, partWord, picturesOf } from '../../part-words.js';
import { plural } from '../../suggest.js';
import { wilson } from '../statistics.js';

/** What was found of one kind, in words. */
export interface CheckFinding {
  kind: CheckKind;
  /** How many, of what. */
  head: string;
  /** What it means, and what to do; empty where that has been said. */
  means: string;
  /** All of them, a line each. */
  lines: string[];
}

/** Everything that was found, in the order of the kinds. */
export function findingsOf(checked: Checked): CheckFinding[] {
  return (Object.keys(CHECK_KINDS) as CheckKind[])
    .filter((kind) => checked.found[kind] > 0)
    .map((kind) => ({ kind, ...WORDS[kind](checked) }));
}

/** Kinds that nothing was found of. */
export const missingKinds = ({ found }: Checked): CheckKind[] =>
  (Object.keys(CHECK_KINDS) as CheckKind[]).filter((kind) => found[kind] === 0);

/** `1662 pictures of clothing, 10 classes: 1192 training, 225 validation and 245 test pictures`. */
export function lookedAtText({ pictures, name, classes, parts }: Checked): string {
  const total = `${plural(pictures, 'picture')} of ${name}, ${plural(classes.length, 'class', 'classes')}`;
  const [only, ...more] = parts;
  if (more.length === 0 && only!.part === 'all') return `${total}, without parts`;
  const each = parts.map(({ part, pictures: n }) => `${n} ${partWord(part)}`);
  return `${total}: ${each.length > 1 ? `${each.slice(0, -1).join(', ')} and ${each.at(-1)}` : each[0]}`;
}

/** How far figures of the test pictures would reach; undefined where none are measured on. */
export function measuredText({ measured }: Checked): string | undefined {
  if (measured === undefined || measured.pictures === 0) return undefined;
  const { low, high } = eightyPercent(measured.pictures);
  const what = measured.split
    ? `${picturesOf(measured.part, measured.pictures)}, which train sets aside`
    : picturesOf(measured.part, measured.pictures);
  return `${what}: 80 % right would be ${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)} % (95 % interval)`;
}

/** The 95 % Wilson interval of an accuracy of 80 % on so many pictures. */
export const eightyPercent = (pictures: number): { low: number; high: number } =>
  wilson(Math.round(0.8 * pictures), pictures)!;

/** `test/a.jpg = train/b.jpg (the same file)`. */
export function groupText({ pictures, match, mirrored }: CheckedGroup, classes: boolean): string {
  const names = pictures.map((one) => (classes ? `${one.path} [${one.class}]` : one.path));
  const shown = names.length > MOST_NAMED ? names.slice(0, MOST_NAMED) : names;
  const rest = names.length - shown.length;
  return (
    `${shown.join(match === 'near' ? ' ~ ' : ' = ')}${rest > 0 ? ` and ${rest} more` : ''} ` +
    `(${MATCHES[match]}${mirrored ? ', mirrored' : ''})`
  );
}

const MOST_NAMED = 4;
const MATCHES = { file: 'the same file', pixels: 'the same pixels', near: 'nearly the same' };

/** Pictures in groups of this kind that a group of a weightier kind does not hold: each group stands once. */
export const groupsOnlyOf = (groups: readonly CheckedGroup[], kind: CheckKind): CheckedGroup[] =>
  groups.filter(({ kinds }) => kinds[0] === kind);

const WORDS: Readonly<Record<CheckKind, (checked: Checked) => Omit<CheckFinding, 'kind'>>> = {
  broken: ({ broken, pictures }) => ({
    head: `${broken.length} of ${plural(pictures, 'picture')} cannot be read`,
    means:
      broken.length > 0.01 * pictures
        ? 'train refuses data with more than 1 % of them (--max-broken): mend or remove them.'
        : 'train leaves them out: mend or remove them.',
    lines: broken.map(({ path, reason }) => `${path}: ${reason}`),
  }),
  annotations: ({ annotations }) => ({
    head: `${plural(annotations.length, 'annotation')} that cannot be used`,
    means:
      'train leaves them out, and refuses data with more than 1 % of the boxes, or of the pictures, so (--max-broken): mend or remove them.',
    lines: annotations.map(({ place, reason }) => `${place}: ${reason}`),
  }),
  leaks: (checked) => ({
    head: `${plural(checked.found.leaks, 'picture')} in more than one part: ${leakedText(checked)}`,
    means:
      'What is measured on them says nothing of new pictures. Keep each in one part: take it out of the training part, or train with --leave-out leaks.',
    lines: groupLines(checked, 'leaks'),
  }),
  conflicts: (checked) => ({
    head: `${plural(checked.found.conflicts, 'picture')} under more than one class${elsewhere(checked, 'conflicts')}`,
    means: 'One label must be wrong, or the picture shows both: keep it under one class, or in none.',
    lines: groupLines(checked, 'conflicts'),
  }),
  duplicates: (checked) => ({
    head: `${plural(checked.found.duplicates, 'picture')} more than once${elsewhere(checked, 'duplicates')}`,
    means: groupsOnlyOf(checked.groups, 'duplicates').length > 0 ? copiesMean(checked) : '',
    lines: groupLines(checked, 'duplicates'),
  }),
  'near-duplicates': (checked) => ({
    head: `${plural(checked.found['near-duplicates'], 'picture')} with near copies${elsewhere(checked, 'near-duplicates')}`,
    means: `Re-encoded, rescaled, cropped, mirrored, or taken a moment later: look at them. ${copiesMean(checked)}`,
    lines: groupLines(checked, 'near-duplicates'),
  }),
  absent: ({ absent }) => ({
    head: `${plural(absent.length, 'class', 'classes')} without pictures in a part`,
    means: 'A class that is not trained is never predicted; one that is not measured is not known to work.',
    lines: absent.map((one) => `"${one.class}" has no ${partWord(one.part)} pictures`),
  }),
  imbalance: ({ balance: { part, largest, smallest } }) => ({
    head:
      `"${largest.class}" has ${Math.floor(largest.pictures / smallest.pictures)} times as many ` +
      `${`${partWord(part)} `.trimStart()}pictures as "${smallest.class}": ${largest.pictures} and ${smallest.pictures}`,
    means: 'Small classes are easily passed over: add pictures, or train with --set classWeights=balanced.',
    lines: [],
  }),
  few: ({ measured }) => {
    const { pictures, part, fewOf } = measured!;
    const inAll = pictures < FEW_MEASURED;
    return {
      head: inAll
        ? `${picturesOf(part, pictures)} are few to measure on`
        : `${plural(fewOf.length, 'class', 'classes')} with fewer than ${FEW_OF_CLASS} ${partWord(part)} pictures`,
      means: 'Differences smaller than the interval are chance. Add pictures to measure on before comparing models.',
      lines: fewOf.map((one) => `"${one.class}" has ${picturesOf(part, one.pictures)}`),
    };
  },
  folders: ({ folders }) => ({
    head: folders.some(({ trap }) => trap === 'refused')
      ? 'train refuses this data'
      : `${plural(folders.length, 'thing')} to know of the folders`,
    // Of boxes and masks alone folders are no classes.
    means: folders.every(({ trap }) => trap === 'note')
      ? ''
      : 'A folder is a class by its name: rename, move or remove what is not meant so.',
    lines: folders.map(({ text }) => text),
  }),
  ignored: ({ ignored, found }) => ({
    head: `${plural(found.ignored, 'file')} passed over, whose names do not end like a picture's: ${endingsText(ignored)}`,
    means:
      '.heic' in ignored || '.heif' in ignored
        ? 'HEIC is not read: convert it to JPEG, for example with "heif-convert" or "magick".'
        : 'Convert what is a picture to JPEG or PNG.',
    lines: [],
  }),
  odd: ({ odd }) => ({
    head: `${plural(odd.length, 'picture')} out of the ordinary: ${oddText(odd)}`,
    means: 'They may be meant so: look at them.',
    lines: odd.map((one) => `${one.path}: ${one.width} x ${one.height}, ${ODD[one.odd]}`),
  }),
};

const ODD: Readonly<Record<Oddity, string>> = {
  small: 'very small',
  large: 'very large',
  long: 'very long: crops of it show a small part',
  plain: 'of one colour',
};

function oddText(odd: Checked['odd']): string {
  const counts = (Object.keys(ODD) as Oddity[]).map((kind) => ({
    kind,
    n: odd.filter((one) => one.odd === kind).length,
  }));
  return counts
    .filter(({ n }) => n > 0)
    .map(({ kind, n }) => `${n} ${ODD[kind].replace(/:.*/, '')}`)
    .join(', ');
}

/** Each group stands once, with the weightiest of its kinds. */
const groupLines = ({ groups, kind }: Checked, of: CheckKind): string[] =>
  groupsOnlyOf(groups, of).map((group) => groupText(group, kind === 'idx'));

/** `, 3 of them named above`. */
function elsewhere({ groups }: Checked, kind: CheckKind): string {
  const above = groups.filter(({ kinds }) => kinds.includes(kind) && kinds[0] !== kind).length;
  const all = above === groups.filter(({ kinds }) => kinds.includes(kind)).length;
  return above === 0 ? '' : all ? ', named above' : `, ${above} of them named above`;
}

const copiesMean = ({ parts }: Checked): string =>
  parts.length === 1
    ? 'train sets validation pictures aside at random: a copy may stay on the other side and flatter the figures. Keep one of each.'
    : 'A picture that stands twice counts twice. Keep one of each.';

/** `4 of 245 test pictures are among the training pictures`. */
export function leakedText({ groups, parts }: Checked): string {
  const told: string[] = [];
  for (const [part, other] of [
    ['test', 'train'],
    ['val', 'train'],
    ['test', 'val'],
  ] as const) {
    const count = leakedInto(groups, part, other);
    const of = parts.find((one) => one.part === part)?.pictures;
    if (count > 0)
      told.push(`${count} of ${picturesOf(part, of!)} ${count === 1 ? 'is' : 'are'} in ${partWord(other)} too`);
  }
  return told.join(', ');
}

/** Pictures of a part that are in another part too. */
export const leakedInto = (groups: readonly CheckedGroup[], part: MeasuredPart, other: MeasuredPart): number =>
  groups
    .filter(({ kinds, pictures }) => kinds.includes('leaks') && pictures.some((one) => one.part === other))
    .reduce((sum, { pictures }) => sum + pictures.filter((one) => one.part === part).length, 0);
