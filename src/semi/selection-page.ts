import { basename, join, resolve } from 'node:path';
import { writeFileAtomic } from '../files.js';
import { type Manifest, shortIdentity } from '../labels/format.js';
import type { Selection } from '../labels/selection.js';
import { renderSelectionPage } from '../report/labels/report.js';
import { commandLine, plural } from '../suggest.js';

/** Beyond so many copies of a picture a class is hardly more than these few pictures. */
const MANY_COPIES = 10;

const number = (value: number): string => value.toLocaleString('en-US');
const some = (names: readonly string[]): string =>
  `${names.slice(0, 8).join(', ')}${names.length > 8 ? ` and ${names.length - 8} more` : ''}`;

/** The rule and its settings in words. */
export function ruleWords({ rule, seed }: Selection): { key: string; value: string }[] {
  const seeded = { key: 'seed of the coins', value: String(seed) };
  if (rule.name === 'threshold')
    return [{ key: 'rule', value: `every picture of a probability of ${rule['threshold']} or more, once` }];
  if (rule.name === 'share')
    return [
      { key: 'rule', value: `of each class the most probable ${100 * (rule['share'] as number)} %, once` },
      seeded,
    ];
  const { copies, perClass, floor, mostCopies } = rule as Record<string, unknown>;
  return [
    { key: 'rule', value: "Noisy Student's filter and balance, in bins of 0.01" },
    { key: 'pictures of each class', value: number(perClass as number) },
    { key: 'least probability', value: String(floor) },
    {
      key: 'copies',
      value:
        copies === 'one'
          ? 'one of each'
          : copies === 'thinned'
            ? 'rich classes are thinned, none is repeated'
            : `rich classes are thinned, rare ones repeated${mostCopies === undefined ? '' : `, each picture ${mostCopies} times at most`}`,
    },
    seeded,
  ];
}

/** What a reader should mend before training. */
export function selectionWarnings({ classes }: Selection): string[] {
  const empty = classes.filter(({ kept }) => kept === 0).map(({ name }) => name);
  const many = classes.filter(({ copies }) => copies > MANY_COPIES);
  return [
    ...(empty.length > 0
      ? [
          `Nothing was kept of ${plural(empty.length, 'class', 'classes')}: ${some(empty)}. A lower threshold may keep some.`,
        ]
      : []),
    ...(many.length > 0
      ? [
          `More than ${MANY_COPIES} copies are drawn of each picture of ${plural(many.length, 'class', 'classes')}: ` +
            `${some(many.map(({ name, kept, copies }) => `${name} (${plural(kept, 'picture')}, ${Math.round(copies)} times)`))}. ` +
            '--most-copies bounds that, a lower --floor keeps more pictures.',
        ]
      : []),
  ];
}

export function selectionFindings({ pictures, unreadable, kept, drawn, classes }: Selection): string[] {
  const share = (part: number): string => (pictures === 0 ? '0 %' : `${((100 * part) / pictures).toFixed(1)} %`);
  const repeated = classes.filter((one) => one.drawn > one.kept);
  return [
    `${number(kept)} of ${number(pictures)} pictures were kept (${share(kept)}), ${number(pictures - kept)} thrown away.`,
    kept === 0
      ? 'There is nothing to learn from: lower the threshold, or train a better teacher.'
      : repeated.length === 0
        ? 'A pass draws each of them once.'
        : `A pass draws ${number(drawn)}: ${number(drawn - kept)} of them again, of ${plural(repeated.length, 'class', 'classes')}.`,
    ...(unreadable > 0 ? [`${plural(unreadable, 'picture')} could not be read by the teacher.`] : []),
  ];
}

/** Writes the page of a selection. @returns its path */
export function writeSelectionPage(
  labels: string,
  out: string,
  selection: Selection,
  { teacher }: Pick<Manifest, 'teacher'>,
): string {
  const path = join(out, 'index.html');
  const page = renderSelectionPage({
    title: basename(resolve(labels)),
    teacher: `${teacher.model}, ${teacher.size} pixels, ${shortIdentity(teacher.identity)}`,
    rule: ruleWords(selection),
    findings: selectionFindings(selection),
    warnings: selectionWarnings(selection),
    pictures: selection.pictures,
    kept: selection.kept,
    drawn: selection.drawn,
    classes: selection.classes,
    histogram: selection.histogram,
    generatedAt: selection.selectedAt,
    commands: [
      ...(selection.kept === 0
        ? []
        : [
            {
              what: 'Learn from labelled pictures and from these',
              command: `rescaled train DATA --unlabelled PICTURES --labels ${commandLine([out])}`,
            },
          ]),
      {
        what: 'Select otherwise, beside this',
        command: `rescaled pseudo-label select ${commandLine([labels])} --floor 0.5 -o OTHER`,
      },
    ],
  });
  writeFileAtomic(path, page);
  return path;
}
