import { setTimeout as sleep } from 'node:timers/promises';
import { deathText } from '../child/death.js';
import { reasonOf } from '../child/messages.js';
import { runChild } from '../child/run.js';
import { RescaledError } from '../errors.js';
import { isLocked } from '../lock.js';
import type { Metric } from '../metric.js';
import type { Cell, Group, TransferPlan } from './plan.js';
import type { TransferJob, Work } from './process.js';
import { type CellResult, isDone, isSettled, lockFile, readCell, writeResult } from './results.js';
import { digest, type Start } from './starts.js';
import { asGiven, type TargetFacts } from './targets.js';
import type { Speeds } from './tune.js';

/** What a transfer study tells while it runs. */
export type TransferEvent =
  | { type: 'start'; work: string; name: string }
  | { type: 'progress'; work: string; name: string; done: number; of: number }
  /** A result that is new, of this process. */
  | { type: 'result'; name: string; result: CellResult }
  /** A setting of a grid was tried. Undefined: its loss was no longer finite. */
  | {
      type: 'tried';
      name: string;
      rate: number;
      decay: number;
      /** On validation pictures, by this metric. */
      score: number | undefined;
      metric: Metric;
      seconds: number;
    }
  | { type: 'broken'; path: string; reason: string }
  | { type: 'failed'; work: string; name: string; reason: string }
  /** Another process is at it: it is looked at again later. */
  | { type: 'busy'; work: string; name: string };

export interface RunTransferOptions {
  out: string;
  /** Pieces of work at a time, which share the threads. */
  workers: number;
  threads: number;
  device?: string | undefined;
  checkpointSeconds?: number | undefined;
  /** Saves and stops. */
  signal?: AbortSignal | undefined;
  /** Ends the processes at once. */
  killSignal?: AbortSignal | undefined;
  onEvent?: (event: TransferEvent) => void;
}

/** Between looks at work that another process has. */
const BUSY_MS = 2000;

/** A piece of work that is not done, with the files that it reads. */
interface Piece {
  work: Work;
  path: string;
  name: string;
  /** Work that has to be settled before it. */
  ready: () => boolean;
  done: () => boolean;
}

/** `rs to flowers, 10 %`. */
const named = ({ start, target, labels }: Pick<Cell, 'start' | 'target' | 'labels'>): string =>
  `${start.name} to ${target.name}, ${labels} %`;

/** What is done stays so: its file is read once. */
function remembered(done: () => boolean): () => boolean {
  let known = false;
  return () => (known ||= done());
}

function piecesOf({ cells, groups }: TransferPlan, out: string): Piece[] {
  const frozen = new Map<string, Cell[]>();
  for (const cell of cells) {
    if (cell.method === 'finetune') continue;
    const key = digest(cell.start.identity, cell.target.identity).slice(0, 16);
    frozen.set(key, [...(frozen.get(key) ?? []), cell]);
  }
  return [
    ...[...frozen].map(([key, own]): Piece => {
      const [{ start, target }] = own as [Cell];
      return {
        work: { type: 'frozen', id: `frozen-${key}`, cells: own },
        path: asGiven(target),
        name: `${start.name} to ${target.name}, features`,
        ready: () => true,
        done: remembered(() => own.every(({ id }) => isDone(out, id))),
      };
    }),
    ...groups.flatMap((group): Piece[] => {
      const settled = remembered(() => group.points.every(({ id }) => isSettled(out, id)));
      const finished = remembered(() => group.cells.every(({ id }) => isDone(out, id)));
      const common = { path: asGiven(group.target) };
      return [
        ...group.points.map(
          ({ id, setting }): Piece => ({
            ...common,
            work: { type: 'point', id, group },
            name: `${named(group)}, rate ${setting.rate}, decay ${setting.decay}`,
            ready: () => true,
            done: remembered(() => isSettled(out, id) || finished()),
          }),
        ),
        ...group.cells.map(
          (cell): Piece => ({
            ...common,
            work: { type: 'tuned', id: cell.id, group, cell },
            name: `${named(cell)}, seed ${cell.seed}`,
            ready: settled,
            done: remembered(() => isDone(out, cell.id)),
          }),
        ),
      ];
    }),
  ];
}

/**
 * Does what is not done yet, each piece in a process of its own. What was killed goes on from its checkpoint; what failed is recorded with its
 * reason, does not hold up the rest, and is tried again by the next call. Calls on one folder, also of other machines, share the work.
 */
export async function runTransfer(
  plan: TransferPlan,
  options: RunTransferOptions,
): Promise<{ stopped: boolean; failed: number }> {
  const { out, signal, onEvent = () => {} } = options;
  const open = new Set(piecesOf(plan, out).filter((piece) => !piece.done()));
  const running = new Set<Piece>();
  const busy = new Set<Piece>();
  const stopped = (): boolean => signal?.aborted === true;
  let failed = 0;
  /** Settings that failed in this call: what waits for them cannot be had. */
  const lost = new Set<string>();
  const hopeless = ({ work }: Piece): boolean =>
    work.type === 'tuned' && work.group.points.some(({ id }) => lost.has(id) && !isSettled(out, id));
  const next = (): Piece | 'wait' | undefined => {
    for (const piece of [...open]) if (piece.done() || hopeless(piece)) open.delete(piece);
    const free = [...open].filter((piece) => !running.has(piece) && piece.ready());
    return free.find((piece) => !isLocked(lockFile(out, piece.work.id))) ?? (open.size > 0 ? 'wait' : undefined);
  };
  const lane = async (): Promise<void> => {
    while (!stopped()) {
      const piece = next();
      if (piece === undefined) return;
      if (piece === 'wait') {
        for (const one of open)
          if (!running.has(one) && !busy.has(one) && isLocked(lockFile(out, one.work.id))) {
            busy.add(one);
            onEvent({ type: 'busy', work: one.work.id, name: one.name });
          }
        await sleep(running.size > 0 ? 100 : BUSY_MS, undefined, { ...(signal && { signal }) }).catch(() => {});
        continue;
      }
      running.add(piece);
      const { work, name } = piece;
      onEvent({ type: 'start', work: work.id, name });
      const end = await inProcess(plan, piece.path, work, options, (message) => {
        if (message.type === 'progress') onEvent({ ...message, work: work.id, name });
        else if (message.type === 'result')
          onEvent({ ...message, name: named({ ...work, ...cellOf(plan, message.result) }) });
        else onEvent(message);
      });
      running.delete(piece);
      if (end.type === 'done' && work.type === 'point') tell(work, name, end.score, end.seconds ?? 0);
      else if (end.type === 'diverged' || (end.type === 'failed' && !stopped())) {
        const diverged = end.type === 'diverged' && work.type === 'point';
        writeResult(out, {
          ...{ format: 1, status: 'failed', id: work.id, reason: end.reason, diverged, at: new Date().toISOString() },
        });
        if (diverged) tell(work, name, undefined, 0);
        else {
          failed++;
          lost.add(work.id);
          open.delete(piece);
          onEvent({ type: 'failed', work: work.id, name, reason: end.reason });
        }
      }
    }
  };
  const tell = (
    work: Extract<Work, { type: 'point' }>,
    name: string,
    score: number | undefined,
    seconds: number,
  ): void => {
    const { setting } = work.group.points.find(({ id }) => id === work.id)!;
    onEvent({ type: 'tried', name, ...setting, score, metric: work.group.target.metric, seconds });
  };
  await Promise.all(Array.from({ length: options.workers }, lane));
  return { stopped: stopped(), failed };
}

const cellOf = (plan: TransferPlan, { id }: CellResult): Cell => plan.cells.find((cell) => cell.id === id)!;

/** What a training step and a look take, in the share of the machine that it would have. */
export async function measureStart(
  plan: TransferPlan,
  start: Start,
  target: TargetFacts,
  options: RunTransferOptions,
): Promise<Speeds> {
  const end = await inProcess(plan, asGiven(target), { type: 'measure', start, target }, options);
  if (end.type === 'measured') return end.speeds;
  throw new RescaledError(end.type === 'failed' ? end.reason : 'The measurement was stopped.');
}

/** Does a piece in a child. @returns its answer; an error of its or its death is a failure */
async function inProcess(
  { ask }: TransferPlan,
  path: string,
  work: TransferJob['task']['work'],
  { out, workers, threads, device, checkpointSeconds, signal, killSignal }: RunTransferOptions,
  onMessage?: (message: TransferJob['message']) => void,
): Promise<TransferJob['answer'] | { type: 'failed'; reason: string }> {
  const own = Math.max(1, Math.floor(threads / workers));
  const end = await runChild<TransferJob>({
    module: new URL('./process.js', import.meta.url),
    task: {
      ...{ out, ask, path, work, threads: own, workers: Math.min(8, own) },
      ...(device !== undefined && { device }),
      ...(checkpointSeconds !== undefined && { checkpointSeconds }),
    },
    ...(signal && { signal }),
    ...(killSignal && { killSignal }),
    ...(onMessage && { onMessage }),
  });
  if (end.type === 'answer') return end.answer;
  if (end.type === 'failed') return { type: 'failed', reason: reasonOf(end.error) };
  return {
    type: 'failed',
    reason: deathText(end.death, {
      who: `Its process ${end.death.pid}`,
      memory: 'fewer --workers, or a smaller --size or --set batch',
      kept: 'What was saved is kept.',
    }),
  };
}

/** What is left of a plan: results, and trainings of grids. */
export function leftOf(
  { cells, groups }: TransferPlan,
  out: string,
): { cells: Cell[]; points: { group: Group; id: string }[] } {
  const left = cells.filter(({ id }) => readCell(out, id)?.status !== 'done');
  const ids = new Set(left.map(({ id }) => id));
  const points = groups
    .filter((group) => group.cells.some(({ id }) => ids.has(id)))
    .flatMap((group) => group.points.filter(({ id }) => !isSettled(out, id)).map(({ id }) => ({ group, id })));
  return { cells: left, points };
}
