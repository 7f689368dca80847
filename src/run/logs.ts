import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../files.js';
import { ofTraining, suffixed } from '../metric.js';
import type { TrainEvent } from './events.js';
import { TensorBoardLog } from './tensorboard.js';

/** What there is to log beside the loss, by name. */
export interface LoggedNames {
  /** Figures of the training batches. */
  readonly figures: readonly string[];
  /** What an evaluation gives. */
  readonly metrics: readonly string[];
}

const WEIGHTS = ['raw', 'ema', 'minival'] as const;

/** The columns of metrics.csv, `metricRaw` after `metricRaw` for each kind of weights. */
function columnsOf({ figures, metrics }: LoggedNames): string[] {
  const train = ['loss', ...figures].map(ofTraining);
  const scores = WEIGHTS.flatMap((weights) => metrics.map((name) => suffixed(name, weights)));
  return ['step', 'epoch', ...train, 'learningRate', ...scores, 'imagesPerSecond'];
}

/**
 * Writes metrics.csv (a row an epoch), events.jsonl (every event but the evaluation's progress) and tensorboard/ as
 * training goes.
 */
export class RunLog {
  readonly #csv: string;
  readonly #names: LoggedNames;
  readonly #columns: readonly string[];
  readonly #events: string;
  readonly #board: TensorBoardLog;
  /**
   * @param from where a resumed run stands: what lies behind it is dropped, since the run writes it again. Without it
   * all begin anew.
   */
  constructor(run: string, names: LoggedNames, from?: { step: number; epoch: number }) {
    this.#names = names;
    this.#columns = columnsOf(names);
    this.#csv = join(run, 'metrics.csv');
    this.#events = join(run, 'events.jsonl');
    this.#board = new TensorBoardLog(run, from);
    const header = `${this.#columns.join(',')}\n`;
    if (from === undefined) {
      writeFileAtomic(this.#csv, header);
      writeFileAtomic(this.#events, '');
      return;
    }
    writeFileAtomic(
      this.#csv,
      header +
        rows(this.#csv)
          .filter((row) => Number(row['epoch']) <= from.epoch)
          .map((row) => `${this.#columns.map((column) => row[column] ?? '').join(',')}\n`)
          .join(''),
    );
    writeFileAtomic(
      this.#events,
      readEvents(run)
        .filter(
          (event) =>
            event.type !== 'end' && event.step <= from.step && (event.type !== 'epoch' || event.epoch <= from.epoch),
        )
        .map((event) => `${JSON.stringify(event)}\n`)
        .join(''),
    );
  }

  write(event: TrainEvent): void {
    if (event.type === 'evaluating') return;
    appendFileSync(this.#events, `${JSON.stringify(event)}\n`);
    this.#board.write(event);
    if (event.type !== 'epoch') return;
    const values: Record<string, unknown> = { ...event };
    for (const weights of WEIGHTS)
      for (const name of this.#names.metrics) values[suffixed(name, weights)] = event[weights]?.[name];
    appendFileSync(this.#csv, `${this.#columns.map((column) => values[column] ?? '').join(',')}\n`);
  }
}

const lines = (file: string): string[] =>
  existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : [];

/** The rows of a CSV file by the names in its first line: a file of an earlier version has fewer columns. */
function rows(file: string): Record<string, string>[] {
  const [header = '', ...rest] = lines(file);
  const names = header.split(',');
  return rest.map((line) => Object.fromEntries(line.split(',').map((value, i) => [names[i], value])));
}

/** The events of a run so far; a last line cut off by a crash is left out. */
export function readEvents(run: string): TrainEvent[] {
  const events: TrainEvent[] = [];
  for (const line of lines(join(run, 'events.jsonl'))) {
    try {
      events.push(JSON.parse(line) as TrainEvent);
    } catch {
      break; // only the last line can be incomplete
    }
  }
  return events;
}
