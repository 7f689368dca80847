import { RescaledError } from '../../errors.js';
import { plural } from '../../suggest.js';

/** What is wrong with an annotation: one line that stands behind the name of the place. */
export interface Problem {
  /** File from the folder of the data set, with the place in it: `Annotations/a.xml: box 3`. */
  readonly place: string;
  readonly reason: string;
  /** What is left out for it. */
  readonly of: 'box' | 'picture';
}

/** So many are named in an error. */
const NAMED = 20;
/** So many are named among the notes of a data set. */
const NOTED = 3;

/** As many digits as a small share asks for. */
const percent = (share: number): string => `${Number((100 * share).toPrecision(2))} %`;

const lineOf = ({ place, reason }: Problem): string => `${place}: ${reason}`;

/**
 * Refuses a data set of which more is wrong than is allowed.
 * @param all boxes and pictures that were looked at
 * @param most share of them
 * @throws RescaledError that names what is wrong
 */
export function refuseProblems(
  problems: readonly Problem[],
  all: { readonly boxes: number; readonly pictures: number },
  most: number,
  folder: string,
  boxes = 'boxes',
): void {
  const share = (of: Problem['of'], count: number): number =>
    problems.filter((problem) => problem.of === of).length / Math.max(1, count);
  const needed = Math.ceil(100 * Math.max(share('box', all.boxes), share('picture', all.pictures))) / 100;
  for (const [of, count, what] of [
    ['box', all.boxes, boxes],
    ['picture', all.pictures, 'pictures'],
  ] as const) {
    const own = problems.filter((problem) => problem.of === of);
    if (own.length <= most * count || own.length === 0) continue;
    const listed = own.slice(0, NAMED).map((problem) => `  ${lineOf(problem)}`);
    if (own.length > NAMED) listed.push(`  and ${own.length - NAMED} more`);
    throw new RescaledError(
      `${own.length} of ${count} ${what} of ${folder} cannot be used, ` +
        (most === 0 ? 'and none is allowed to be broken' : `more than the allowed ${percent(most)} (--max-broken)`) +
        `:\n${listed.join('\n')}\n` +
        (most === 0
          ? 'Mend or remove them, or raise --max-broken (leave --strict out) to do without them.'
          : `Mend or remove them, or do without them: --max-broken ${Math.min(1, needed)}.`),
    );
  }
}

/** What is left out, for people: one line, or none. */
export function problemNotes(problems: readonly Problem[], box: 'box' | 'shape' = 'box'): string[] {
  if (problems.length === 0) return [];
  const counts = (['box', 'picture'] as const).flatMap((of) => {
    const count = problems.filter((problem) => problem.of === of).length;
    return count === 0
      ? []
      : [of === 'box' ? plural(count, box, box === 'box' ? 'boxes' : 'shapes') : plural(count, 'picture')];
  });
  const named = problems.slice(0, NOTED).map(lineOf).join('; ');
  const more = problems.length > NOTED ? `; and ${problems.length - NOTED} more` : '';
  return [`${counts.join(' and ')} left out: ${named}${more}`];
}
