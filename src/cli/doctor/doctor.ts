import type { Command } from 'commander';
import pc from 'picocolors';
import { tellNext } from '../words.js';
import { allChecks, type Check } from './checks.js';

/**
 * Adds `rescaled doctor`: says what is there, what is not, and the command that mends it. Exit code 1 if anything is
 * bad.
 */
export function register(program: Command): void {
  program
    .command('doctor')
    .description('check the engine, its libraries and this machine, and say how to mend what is wrong')
    .option('--json', 'print the checks as JSON')
    .action(async (options: { json?: boolean }) => {
      const checks = await allChecks();
      const bad = checks.filter(({ verdict }) => verdict === 'bad').length;
      if (options.json === true) console.log(JSON.stringify({ ok: bad === 0, checks }, null, 2));
      else print(checks);
      if (bad > 0) process.exitCode = 1;
    });
}

function print(checks: readonly Check[]): void {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const paint = { ok: pc.green, warn: pc.yellow, bad: pc.red };
  for (const { name, verdict, detail, mend } of checks) {
    console.log(`${paint[verdict](verdict.padEnd(4))}  ${name.padEnd(width)}  ${detail}`);
    if (mend !== undefined) console.log(`${' '.repeat(width + 8)}${pc.dim('to mend:')} ${mend}`);
  }
  const count = (verdict: Check['verdict']): number => checks.filter((check) => check.verdict === verdict).length;
  const bad = count('bad');
  const warn = count('warn');
  const summary = bad > 0 ? `${bad} to mend before training` : 'ready';
  console.log(`\n${summary}${warn > 0 ? `, ${warn} worth a look` : ''}`);
  if (bad === 0) tellNext('rescaled', 'train', 'PICTURES');
}
