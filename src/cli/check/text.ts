import type { Checked, CheckKind } from '../../checked.js';
import { eightyPercent, findingsOf, lookedAtText, measuredText, missingKinds } from '../../report/check/words.js';

const FEWEST_ANNOTATIONS = 10;

/** What was found, a few lines a kind. @param examples so many of each are named */
export function checkText(checked: Checked, examples: number, next: readonly string[]): string {
  const lines = [`${lookedAtText(checked)} (${checked.seconds.toFixed(checked.seconds < 10 ? 1 : 0)} s)`];
  const interval = measuredText(checked);
  if (interval !== undefined) lines.push(interval);
  for (const { kind, head, means, lines: all } of findingsOf(checked)) {
    lines.push('', `${kind}: ${head}`);
    // Of annotations each may be wrong in a way of its own.
    const shown = kind === 'annotations' ? Math.max(examples, FEWEST_ANNOTATIONS) : examples;
    for (const line of all.slice(0, shown)) lines.push(`    ${line}`);
    if (all.length > shown) lines.push(`    and ${all.length - shown} more`);
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
