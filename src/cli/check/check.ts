import { type Command, Option } from 'commander';
import { nextCommands } from '../../checked/next.js';
import { CHECK_KINDS, CHECK_TASKS, type Checked, type CheckKind, type CheckTask } from '../../checked.js';
import { wholeOption } from '../../checks.js';
import { checkData } from '../../data/check/check.js';
import { UsageError } from '../../errors.js';
import { didYouMean } from '../../suggest.js';
import { integer } from '../options.js';
import { checkOutput } from '../output.js';
import { checkJson, checkText } from './text.js';

interface CheckFlags {
  task?: CheckTask;
  out?: string;
  force?: boolean;
  json?: boolean;
  examples: number;
  failOn?: string;
}

const KINDS = Object.keys(CHECK_KINDS) as CheckKind[];

export function register(program: Command): void {
  const width = Math.max(...KINDS.map((kind) => kind.length));
  program
    .command('check')
    .description('look for what is wrong with pictures before training on them')
    .argument('<data>', 'the pictures, as for "rescaled train"')
    .addOption(
      new Option('--task <name>', 'of class folders: pictures or clips, where the data do not say it').choices([
        ...CHECK_TASKS,
      ]),
    )
    .option('-o, --out <file>', 'write a page that shows the pictures side by side, HTML')
    .option('--force', 'replace an existing file')
    .option('--json', 'print everything as JSON')
    .option('--examples <n>', 'so many of each kind are named', integer, 3)
    .option('--fail-on <kinds>', 'end with exit code 1 where such are found: kinds with commas between')
    .addHelpText(
      'after',
      `
Every picture is decoded once. Nothing is changed. Exit code 0, whatever is found, unless --fail-on names it; 2 for misuse.

Kinds:
${KINDS.map((kind) => `  ${kind.padEnd(width)}  ${CHECK_KINDS[kind]}`).join('\n')}

Examples:
  rescaled check flowers
  rescaled check flowers -o flowers.html                      copies side by side
  rescaled check flowers --fail-on broken,leaks,conflicts     for a script
  rescaled check flowers --json > flowers.json`,
    )
    .action(run);
}

async function run(data: string, flags: CheckFlags): Promise<void> {
  if (flags.out !== undefined) checkOutput(flags.out, { endings: ['.html'], force: flags.force });
  wholeOption('--examples', flags.examples, 0, 1_000_000);
  const failOn = kindsOf(flags.failOn);
  const checked = await withProgress(data, flags.task);
  const failed = failOn.filter((kind) => checked.found[kind] > 0);
  const next = nextCommands(checked, flags.out !== undefined);
  if (flags.out !== undefined) await (await import('../../checked/page.js')).writeCheckPage(checked, flags.out);
  if (flags.json === true) console.log(JSON.stringify(checkJson(checked, failed), null, 2));
  else {
    console.log(
      checkText(
        checked,
        flags.examples,
        next.map(({ command }) => command),
      ),
    );
    if (flags.out !== undefined) console.log(`\npage   ${flags.out}`);
  }
  if (failed.length === 0) return;
  console.error(`rescaled: found, and not allowed by --fail-on: ${failed.join(', ')}.`);
  process.exitCode = 1;
}

function kindsOf(list: string | undefined): CheckKind[] {
  if (list === undefined) return [];
  return list.split(',').map((text) => {
    const name = text.trim().toLowerCase();
    const kind = KINDS.find((one) => one === name);
    if (kind === undefined)
      throw new UsageError(
        `Expected kinds with commas between for --fail-on but received "${text}".${didYouMean(name, KINDS)} ` +
          `Known: ${KINDS.join(', ')}.`,
      );
    return kind;
  });
}

/** Between two lines where there is no terminal. */
const TELL_MS = 10_000;

/** Ctrl-C ends the process: there is nothing to save. */
async function withProgress(data: string, task: CheckTask | undefined): Promise<Checked> {
  const { stderr } = process;
  const checking = checkData(data, { ...(task && { task }) });
  let told = performance.now();
  for (let turn = await checking.next(); ; turn = await checking.next()) {
    if (turn.done === true) {
      if (stderr.isTTY) stderr.write('\r\x1b[2K');
      return turn.value;
    }
    const { type, done, of } = turn.value;
    const text = `${type === 'looking' ? 'looking at pictures' : 'comparing pictures'}: ${done} of ${of}`;
    if (stderr.isTTY) stderr.write(`\r\x1b[2K${text}`);
    else if (performance.now() - told > TELL_MS) {
      told = performance.now();
      stderr.write(`${text}\n`);
    }
  }
}
