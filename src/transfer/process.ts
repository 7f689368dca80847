// The process of one piece of work of a transfer study. runTransfer() starts it.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TaskHandler, TaskTools } from '../child/messages.js';
import { takeLock } from '../lock.js';
import { setThreads } from '../torch/index.js';
import { NotFinite } from '../train/step/diagnose.js';
import { frozenCells } from './frozen.js';
import type { Cell, Group, TransferAsk } from './plan.js';
import {
  bestPoint,
  type CellResult,
  isDone,
  isSettled,
  lockFile,
  runFolder,
  trialsFolder,
  writeResult,
} from './results.js';
import type { Start } from './starts.js';
import { openTarget, type TargetFacts } from './targets.js';
import { dropWeights, measureSpeeds, type Speeds, trainPoint, tunedCell } from './tune.js';

/** What may be done by itself. */
export type Work =
  /** Linear and k-NN results of one start on one target. */
  | { type: 'frozen'; id: string; cells: readonly Cell[] }
  /** One setting of a grid. */
  | { type: 'point'; id: string; group: Group }
  /** One result of fine-tuning. */
  | { type: 'tuned'; id: string; group: Group; cell: Cell };

export interface TransferJob {
  task: {
    out: string;
    ask: TransferAsk;
    /** Of the target set, with its task; see `asGiven`. */
    path: string;
    work: Work | { type: 'measure'; start: Start; target: TargetFacts };
    threads: number;
    workers: number;
    device?: string;
    checkpointSeconds?: number;
  };
  message:
    | { type: 'progress'; done: number; of: number }
    | { type: 'broken'; path: string; reason: string }
    | { type: 'result'; result: CellResult };
  answer:
    | { type: 'done'; score?: number; seconds?: number }
    | { type: 'measured'; speeds: Speeds }
    /** Another process is at it. */
    | { type: 'busy' }
    | { type: 'stopped' }
    /** The loss was no longer finite: a setting's fault. */
    | { type: 'diverged'; reason: string };
}
type Tools = TaskTools<TransferJob['message']>;

/** How often a training tells of its progress. */
const TELL_MS = 500;

class Busy extends Error {}

export const handle: TaskHandler<TransferJob> = async (task, tools) => {
  try {
    const { work } = task;
    if (work.type === 'measure') return await measure(task, work, tools);
    mkdirSync(trialsFolder(task.out), { recursive: true });
    // A process that was just killed takes a moment to go.
    const unlock = await takeLock(lockFile(task.out, work.id), { timeoutMs: 2000, pollMs: 50, busy: () => new Busy() });
    try {
      return await perform(task, work, tools);
    } finally {
      unlock();
    }
  } catch (error) {
    if (error instanceof Busy) return { type: 'busy' };
    if (error instanceof NotFinite) return { type: 'diverged', reason: error.message };
    throw error;
  }
};

async function perform(task: TransferJob['task'], work: Work, tools: Tools): Promise<TransferJob['answer']> {
  const { out, ask } = task;
  const { signal, send, letMessagesIn } = tools;
  let told = 0;
  const progress = (done: number, of: number): void => {
    if (performance.now() - told < TELL_MS) return;
    told = performance.now();
    send({ type: 'progress', done, of });
  };
  setThreads(task.threads);
  const how = { ...common(task), signal, letMessagesIn, onStep: progress };
  if (work.type === 'frozen') {
    const all = await frozenCells(out, work.cells, ask, await openTarget(task.path, ask.valSplit), {
      ...how,
      onProgress: progress,
      onBroken: (path, reason) => send({ type: 'broken', path, reason }),
      onDone: (result) => send({ type: 'result', result }),
    });
    return all ? { type: 'done' } : { type: 'stopped' };
  }
  const ids = work.group.points.map(({ id }) => id);
  if (work.type === 'point') {
    if (isSettled(out, work.id)) return { type: 'done' };
    try {
      const result = await trainPoint(out, work.group, work.id, ask, await openTarget(task.path, ask.valSplit), how);
      if (result === undefined) return { type: 'stopped' };
      writeResult(out, result);
      dropWeights(out, work.group, bestPoint(out, ids)?.id);
      return { type: 'done', score: result.score, seconds: result.seconds };
    } catch (error) {
      // What failed begins anew the next time: its checkpoint may be what is wrong.
      if (!signal.aborted) rmSync(runFolder(out, work.id), { recursive: true, force: true });
      throw error;
    }
  }
  if (isDone(out, work.cell.id)) return { type: 'done' };
  let result: CellResult | undefined;
  try {
    result = await tunedCell(out, work.group, work.cell, ask, await openTarget(task.path, ask.valSplit), how);
  } catch (error) {
    if (!signal.aborted) rmSync(runFolder(out, work.cell.id), { recursive: true, force: true });
    throw error;
  }
  if (result === undefined) return { type: 'stopped' };
  writeResult(out, result);
  send({ type: 'result', result });
  rmSync(runFolder(out, work.cell.id), { recursive: true, force: true });
  // The first seed's result stands on the grid's own weights, which nothing needs after it.
  if (isDone(out, work.group.cells[0]!.id)) dropWeights(out, work.group, undefined);
  return { type: 'done', score: result.score, seconds: result.seconds };
}

const common = ({ threads, workers, device, checkpointSeconds }: TransferJob['task']) => ({
  ...{ threads, workers },
  ...(device !== undefined && { device }),
  ...(checkpointSeconds !== undefined && { checkpointSeconds }),
});

async function measure(
  task: TransferJob['task'],
  { start, target: facts }: { start: Start; target: TargetFacts },
  { signal, letMessagesIn }: Tools,
): Promise<TransferJob['answer']> {
  const folder = mkdtempSync(join(tmpdir(), 'rescaled-transfer-'));
  try {
    const target = await openTarget(task.path, task.ask.valSplit);
    const speeds = await measureSpeeds(folder, { start, facts }, task.ask, target, {
      ...common(task),
      signal,
      letMessagesIn,
    });
    return speeds === undefined ? { type: 'stopped' } : { type: 'measured', speeds };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
