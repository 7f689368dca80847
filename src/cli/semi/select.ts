import pc from 'picocolors';
import { UsageError } from '../../errors.js';
import { readManifest } from '../../labels/format.js';
import type { SelectRule } from '../../labels/rule.js';
import { selectedFolder, selectLabels } from '../../labels/select.js';
import type { SelectedClass, Selection } from '../../labels/selection.js';
import { ruleWords, selectionFindings, selectionWarnings, writeSelectionPage } from '../../semi/selection-page.js';
import { plural } from '../../suggest.js';
import { table } from '../table.js';
import { tellNext } from '../words.js';

export interface SelectFlags {
  out?: string;
  floor?: number;
  perClass?: number;
  copies?: string;
  mostCopies?: number;
  threshold?: number;
  share?: number;
  seed: number;
  force?: boolean;
  json?: boolean;
}

/** Classes that are printed; the page and the JSON have all. */
const CLASSES = 20;
/** How often a line is renewed, in milliseconds. */
const EVERY = { terminal: 200, elsewhere: 10_000 };

export async function select(labels: string, flags: SelectFlags): Promise<void> {
  const rule = ruleOf(flags);
  const { out = selectedFolder(labels), seed, force } = flags;
  const { stderr } = process;
  let told = performance.now();
  const selecting = selectLabels({ labels, out, rule, seed, force });
  let selection: Selection | undefined;
  while (selection === undefined) {
    const turn = await selecting.next();
    if (turn.done === true) selection = turn.value;
    else if (performance.now() - told > (stderr.isTTY ? EVERY.terminal : EVERY.elsewhere)) {
      told = performance.now();
      const text = `selecting: ${((100 * turn.value.done) / turn.value.of).toFixed(0)} % of the labels read`;
      stderr.write(stderr.isTTY ? `\r\x1b[2K${text}` : `${text}\n`);
    }
  }
  if (stderr.isTTY) stderr.write('\r\x1b[2K');
  const page = writeSelectionPage(labels, out, selection, readManifest(labels));
  if (flags.json === true) {
    console.log(JSON.stringify({ ...selection, folder: out, page }, null, 2));
    return;
  }
  for (const { key, value } of ruleWords(selection)) console.log(`${key}: ${value}`);
  console.log(`\n${classesText(selection)}\n`);
  for (const text of selectionFindings(selection)) console.log(text);
  for (const text of selectionWarnings(selection)) console.error(pc.yellow(`note: ${text}`));
  console.log(`\nselection   ${out}\npage        ${page}`);
  if (selection.kept > 0) tellNext('rescaled', 'train', 'DATA', '--unlabelled', 'PICTURES', '--labels', out);
}

function ruleOf({ floor, perClass, copies, mostCopies, threshold, share }: SelectFlags): SelectRule {
  const balance = { '--floor': floor, '--per-class': perClass, '--copies': copies, '--most-copies': mostCopies };
  const given = (names: Record<string, unknown>): string[] =>
    Object.keys(names).filter((name) => names[name] !== undefined);
  const [first, ...others] = given({ '--threshold': threshold, '--share': share, ...balance });
  const alone = first === '--threshold' || first === '--share';
  if (alone && others.length > 0)
    throw new UsageError(
      `Expected ${first} alone but received ${others.join(', ')} beside it: it is a rule of its own.`,
    );
  if (threshold !== undefined) return { name: 'threshold', threshold };
  if (share !== undefined) return { name: 'share', share };
  // Checked with the other settings of the rule.
  return { name: 'balance', floor, perClass, copies: copies as 'balanced' | undefined, mostCopies };
}

function classesText({ classes, pictures, kept, drawn }: Selection): string {
  const sorted = [...classes].sort((a, b) => b.pictures - a.pictures);
  const figures = (one: Pick<SelectedClass, 'pictures' | 'kept' | 'drawn'>): string[] =>
    [one.pictures, one.kept, one.pictures - one.kept, one.drawn - one.kept, one.drawn].map(String);
  const row = (one: SelectedClass): string[] => [
    one.name,
    one.threshold === null ? '-' : one.threshold.toFixed(2),
    one.copies === 0 ? '-' : one.copies.toFixed(2),
    ...figures(one),
  ];
  const rest = sorted.length - CLASSES;
  return [
    table(
      [
        ['class', 'threshold', 'copies', 'pictures', 'kept', 'thrown away', 'repeated', 'draws'],
        ...sorted.slice(0, CLASSES).map(row),
        ...(sorted.length > 1 ? [['all', '', '', ...figures({ pictures, kept, drawn })]] : []),
      ],
      1,
    ),
    ...(rest > 0 ? [`and ${plural(rest, 'class', 'classes')} with fewer pictures (the page has all)`] : []),
  ].join('\n');
}
