import type { Checked, CheckKind } from '../../checked.js';
import { eightyPercent, findingsOf, lookedAtText, measuredText, missingKinds } from '../../report/check/words.js';
import { commandLine } from '../../suggest.js';

/** What was found, a few lines a kind. @param examples so many of each are named */
export function checkText(checked: Checked, examples: number, next: readonly string[]): string {
  const lines = [`${lookedAtText(checked)} (${checked.seconds.toFixed(checked.seconds < 10 ? 1 : 0)} s)`];
  const interval = measuredText(checked);
  if (interval !== undefined) lines.push(interval);
  for (const { kind, head, means, lines: all } of findingsOf(checked)) {
    lines.push('', `${kind}: ${head}`);
    for (const line of all.slice(0, examples)) lines.push(`    ${line}`);
    if (all.length > examples) lines.push(`    and ${all.length - examples} more`);
    if (means !== '') lines.push(`  ${means}`);
  }
  const clean = missingKinds(checked);
  if (clean.length > 0) lines.push('', `nothing found: ${clean.join(', ')}`);
  if (checked.exactOnly > 0)
    lines.push(
      `${checked.exactOnly} pictures have a side of less than 32 pixels: among them only exact copies are looked for`,
    );
  if (next.length > 0) lines.push('', ...next.map((line, i) => `${i === 0 ? 'next: ' : '      '}${line}`));
  return lines.join('\n');
}

/** What to do now. @param page whether one was written */
export function nextCommands(checked: Checked, page: boolean): { what: string; command: string }[] {
  const { found, data, folders } = checked;
  const copies = found.leaks + found.conflicts + found.duplicates + found['near-duplicates'] > 0;
  const some = Object.values(found).some((n) => n > 0);
  // More broken ones than --max-broken allows.
  const refused = folders.some(({ trap }) => trap === 'refused') || found.broken > 0.01 * checked.pictures;
  const weights = found.imbalance > 0 ? ['--set', 'classWeights=balanced'] : [];
  return [
    ...(copies && !page
      ? [{ what: 'the pictures side by side', command: commandLine(['rescaled', 'check', data, '-o', 'check.html']) }]
      : []),
    ...(some
      ? [{ what: 'all of it, for a program', command: commandLine(['rescaled', 'check', data, '--json']) }]
      : []),
    ...(refused ? [] : [{ what: 'train on it', command: commandLine(['rescaled', 'train', data, ...weights]) }]),
  ];
}

/** What --json prints; docs/checking.md describes it. */
export function checkJson(checked: Checked, failedOn: readonly CheckKind[]): object {
  const { measured } = checked;
  return {
    format: 'rescaled check 1',
    ...checked,
    ...(measured !== undefined &&
      measured.pictures > 0 && { measured: { ...measured, interval80: eightyPercent(measured.pictures) } }),
    failedOn,
  };
}
