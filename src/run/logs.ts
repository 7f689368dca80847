import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../files.js';
import type { TrainEvent } from './events.js';
import { TensorBoardLog } from './tensorboard.js';

const COLUMNS = [
  'step',
  'epoch',
  'trainLoss',
  'trainTop1',
  'learningRate',
  'top1Raw',
  'top5Raw',
  'lossRaw',
  'top1Ema',
  'top5Ema',
  'lossEma',
  'top1Minival',
  'top5Minival',
  'lossMinival',
  'imagesPerSecond',
];

/**
 * Writes metrics.csv (a row an epoch), events.jsonl (every event but the evaluation's progress) and tensorboard/ as
 * training goes.
 */
export class RunLog {
  readonly #csv: string;
  readonly #events: string;
  readonly #board: TensorBoardLog;
  /**
   * @param from where a resumed run stands: what lies behind it is dropped, since the run writes it again. Without it
   * all begin anew.
   */
  constructor(run: string, from?: { step: number; epoch: number }) {
    this.#csv = join(run, 'metrics.csv');
    this.#events = join(run, 'events.jsonl');
    this.#board = new TensorBoardLog(run, from);
    const header = `${COLUMNS.join(',')}\n`;
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
          .map((row) => `${COLUMNS.map((column) => row[column] ?? '').join(',')}\n`)
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
    const { raw, ema, minival } = event;
    const row = [
      event.step,
      event.epoch,
      event.trainLoss,
      event.trainTop1,
      event.learningRate,
      raw.top1,
      raw.top5,
      raw.loss,
      ema?.top1,
      ema?.top5,
      ema?.loss,
      minival?.top1,
      minival?.top5,
      minival?.loss,
      event.imagesPerSecond,
    ];
    appendFileSync(this.#csv, `${row.map((value) => value ?? '').join(',')}\n`);
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
