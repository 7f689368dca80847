import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { wholeOption } from '../../checks.js';
import { interruptedBy } from '../../child/interrupt.js';
import { UsageError } from '../../errors.js';
import { freePort } from '../../ranks/port.js';
import { plural } from '../../suggest.js';
import { integer } from '../options.js';

/** A rank that fails tells the others, which end by themselves in this time; then they are ended: SIGTERM, and SIGKILL after the second one. */
const OWN_END_MS = 8000;
const GRACE_MS = 10_000;

/** Misuse: to be mended, not started again. */
const MISUSE = 2;

interface LaunchFlags {
  ranks: number;
  restarts: number;
}

export function register(program: Command): void {
  program
    .command('launch')
    .description('train in several processes of this machine, which share each step')
    .argument('<command...>', 'behind --: train or pretrain, and its options')
    .requiredOption('-n, --ranks <n>', 'how many processes', integer)
    .option(
      '--restarts <n>',
      'start all again so often when one fails, from the last checkpoint; needs --out',
      integer,
      0,
    )
    .addHelpText(
      'after',
      `
On one machine without graphics cards threads come first: one process with all cores is faster. Processes are for several cards, sockets, machines.

Examples:
  rescaled launch -n 2 -- train flowers --device cuda -o runs/flowers-1
  rescaled launch -n 4 --restarts 3 -- train flowers -o runs/flowers-1`,
    )
    .action(launch);
}

async function launch(words: readonly string[], { ranks, restarts }: LaunchFlags): Promise<void> {
  wholeOption('--ranks', ranks, 1, 1024);
  wholeOption('--restarts', restarts, 0, 1_000_000);
  if (words[0] !== 'train' && words[0] !== 'pretrain')
    throw new UsageError(
      `Expected a training behind --, as in "rescaled launch -n 2 -- train DATA", but received "${words[0]}".`,
    );
  if (restarts > 0 && !words.some((word) => /^(-o|--out|--resume)(=|$)/.test(word)))
    throw new UsageError('Expected --out RUN in the training with --restarts: that is where all go on from.');
  const again =
    words.includes('--resume') || words.includes('--resume-if-there') ? words : [...words, '--resume-if-there'];
  for (let attempt = 0; ; attempt++) {
    const code = await together(attempt === 0 ? words : again, ranks);
    if (code === 0 || code === MISUSE || code === 'interrupted' || attempt === restarts) {
      process.exitCode = code === 'interrupted' ? 1 : code;
      return;
    }
    console.error(
      `launch: ended with exit code ${code}; starting all ${ranks} again (${plural(restarts - attempt, 'restart')} left)`,
    );
  }
}

/** Runs all ranks. @returns the exit code of the first that failed, 0 when none did */
async function together(words: readonly string[], world: number): Promise<number | 'interrupted'> {
  const port = await freePort();
  const heard: Heard = { others: true };
  const main = fileURLToPath(new URL('../main.js', import.meta.url));
  const children = Array.from({ length: world }, (_, rank) => {
    const child = spawn(process.execPath, [main, ...words], {
      // A group of its own: Ctrl-C comes to this process alone, which passes it on once.
      detached: true,
      // When this process goes, however it does, their standard input ends, and they save and stop (see watchLauncher).
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        ...process.env,
        ...{ RANK: String(rank), LOCAL_RANK: String(rank), WORLD_SIZE: String(world), LOCAL_WORLD_SIZE: String(world) },
        ...{ MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(port), RESCALED_LAUNCH: '1' },
      },
    });
    child.stdin.on('error', () => {});
    tell(child, rank, heard);
    return child;
  });
  let interrupted = 0;
  const pass = (name: 'SIGINT' | 'SIGTERM'): void => {
    interruptedBy(name);
    interrupted++;
    for (const child of children) signal(child, interrupted === 1 ? 'SIGTERM' : 'SIGKILL');
  };
  process.on('SIGINT', pass);
  process.on('SIGTERM', pass);
  let failed: number | undefined;
  try {
    const gone = children.map(
      (child, rank) =>
        new Promise<void>((resolve) => {
          child.once('error', (error) => {
            console.error(`launch: rank ${rank} could not be started: ${error.message}`);
            failed ??= 1;
            resolve();
          });
          child.once('exit', (code, name) => {
            const ended = code ?? 128 + constants.signals[name!];
            if (ended !== 0 && failed === undefined && interrupted === 0) {
              failed = ended;
              if (name !== null) console.error(`launch: rank ${rank} was ended by ${name}`);
              // Rank 0 has told of its misuse: the others wait for it, and have nothing to add.
              const misused = ended === MISUSE && rank === 0;
              if (misused) heard.others = false;
              void endAll(children, misused ? 0 : OWN_END_MS);
            }
            resolve();
          });
        }),
    );
    await Promise.all(gone);
  } finally {
    process.off('SIGINT', pass);
    process.off('SIGTERM', pass);
  }
  return interrupted > 0 ? 'interrupted' : (failed ?? 0);
}

/** Ends those that have not ended by themselves. */
async function endAll(children: readonly ChildProcess[], ownEndMs: number): Promise<void> {
  const wait = async (ms: number): Promise<boolean> => {
    const until = Date.now() + ms;
    while (Date.now() < until) {
      if (children.every(hasEnded)) return true;
      await sleep(100);
    }
    return false;
  };
  if (await wait(ownEndMs)) return;
  for (const child of children) signal(child, 'SIGTERM');
  if (await wait(GRACE_MS)) return;
  for (const child of children) signal(child, 'SIGKILL');
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

/** To the rank's process alone but for SIGKILL, which its own child must get too. */
function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (hasEnded(child) || child.pid === undefined) return;
  try {
    process.kill(name === 'SIGKILL' ? -child.pid : child.pid, name);
  } catch {
    // It has gone just now.
  }
}

/** Whether ranks beside rank 0 are. */
interface Heard {
  others: boolean;
}

/** Rank 0 speaks for all; what another one says bears its number. */
function tell(child: ChildProcess, rank: number, heard: Heard): void {
  for (const [from, to] of [
    [child.stdout!, process.stdout],
    [child.stderr!, process.stderr],
  ] as const) {
    if (rank === 0) from.pipe(to, { end: false });
    else createInterface(from).on('line', (line) => heard.others && to.write(`[${rank}] ${line}\n`));
  }
}
