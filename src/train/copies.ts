import { type Copies, findCopies, LEAVABLE, type Leavable, leakedOf, withoutPictures } from '../data/check/copies.js';
import type { Dataset } from '../data/dataset.js';
import { UsageError } from '../errors.js';
import { picturesOf } from '../part-words.js';
import { groupText } from '../report/check/words.js';
import type { TrainEvent } from '../run/events.js';
import type { RunCopies } from '../run/pictures.js';
import { commandLine, didYouMean } from '../suggest.js';

/** So many are named in a line. */
const NAMED = 3;

/** @throws UsageError for a name that is none */
export function leavableKinds(names: readonly string[] | undefined): Leavable[] {
  const known = Object.keys(LEAVABLE) as Leavable[];
  return (names ?? []).map((given) => {
    const name = given.trim().toLowerCase();
    const kind = known.find((one) => one === name);
    if (kind !== undefined) return kind;
    if (name === 'broken')
      throw new UsageError('Expected no "broken" in --leave-out: pictures that cannot be read are always left out.');
    throw new UsageError(
      `Expected kinds with commas between for --leave-out but received "${given}".${didYouMean(name, known)} ` +
        `Known: ${known.join(', ')}.`,
    );
  });
}

/** Looks for copies (see `findCopies`) and tells of those that flatter, and of what is left out. */
export async function* lookForCopies(
  dataset: Dataset,
  path: string,
  leaveOut: readonly Leavable[],
  signal?: AbortSignal,
): AsyncGenerator<TrainEvent, Copies | undefined> {
  const finding = findCopies(dataset, path, leaveOut, signal);
  let turn: Awaited<ReturnType<typeof finding.next>>;
  try {
    turn = await finding.next();
    for (; turn.done !== true; turn = await finding.next()) yield { type: 'looking', step: 0, ...turn.value };
  } catch (error) {
    // The training saves and stops by itself.
    if (signal?.aborted === true && leaveOut.length === 0) return undefined;
    throw error;
  }
  const copies = turn.value;
  if (copies === undefined) return undefined;
  if (copies.leaks.length > 0 && !leaveOut.includes('leaks'))
    yield { type: 'advice', step: 0, text: leakText(copies, dataset, path) };
  for (const [kind, paths] of Object.entries(copies.leftOut))
    yield {
      type: 'advice',
      step: 0,
      text:
        `${picturesOf('train', paths.length)} left out (--leave-out ${kind}), which ${LEAVABLE[kind as Leavable]}` +
        `${paths.length === 0 ? '' : `: ${listed(paths)}; run.json names all`}`,
    };
  return copies;
}

const listed = (all: readonly string[]): string =>
  all.length > NAMED ? `${all.slice(0, NAMED).join(', ')} and ${all.length - NAMED} more` : all.join(', ');

/** `3 of 245 test pictures stand in training too, or nearly: ...`. */
function leakText({ leaks }: Copies, { val, test, measured }: Dataset, path: string): string {
  const counts = [
    { part: measured, of: val.length },
    ...(test === undefined ? [] : [{ part: 'test' as const, of: test.length }]),
  ].flatMap(({ part, of }) => {
    const leaked = leakedOf(leaks, part);
    if (leaked.length === 0) return [];
    return [`${leaked.length} of ${picturesOf(part, of)}${nearText(leaked)}`];
  });
  const first = leaks.slice(0, NAMED).map((group) => groupText(group, false));
  const rest = leaks.length - first.length;
  return (
    `${counts.join(' and ')} also stand in training and flatter the figures: ${first.join(', ')}` +
    `${rest > 0 ? ` and ${rest} more` : ''}; --leave-out leaks trains without their copies, "rescaled check ${commandLine([path])}" shows them`
  );
}

/** ` (1 of them nearly)`. */
function nearText(leaked: readonly { match: string }[]): string {
  const near = leaked.filter(({ match }) => match === 'near').length;
  if (near === 0) return '';
  return near === leaked.length ? ' (nearly the same)' : ` (${near} of them nearly the same)`;
}

/** What a run keeps of copies: those that it does learn from. */
export function runCopies({ leaks, leftOut }: Copies, { measured }: Dataset): RunCopies {
  if (leftOut.leaks !== undefined) return { val: [], test: [] };
  return { val: measured === 'val' ? leakedOf(leaks, 'val') : [], test: leakedOf(leaks, 'test') };
}

/** The data without what is left out. @throws UsageError when a class has no training picture left */
export function withoutLeftOut(dataset: Dataset, { leftOut }: Copies): Dataset {
  const rest = withoutPictures(dataset, leftOut);
  const empty = dataset.classes.filter(
    (_, label) => dataset.train!.labels.includes(label) && !rest.train!.labels.includes(label),
  );
  if (empty.length > 0)
    throw new UsageError(
      `Expected training pictures of each class but --leave-out leaves none of "${empty.join('", "')}". ` +
        'Leave out fewer kinds, or mend what "rescaled check" shows.',
    );
  return rest;
}
