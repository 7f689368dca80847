import pc from 'picocolors';
import { type Metric, type Scores, showMetric } from '../metric.js';
import { passedOverText, picturesOf, unlabelledText } from '../part-words.js';
import type { EpochEvent, TrainEvent } from '../run/events.js';
import { plural } from '../suggest.js';
import { formatMatch } from '../weights/report.js';
import { percent } from './words.js';

export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, '0')} s`;
  return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, '0')} min`;
}

/** So many broken pictures are named. */
const BROKEN_NAMED = 20;

/** What a run learns from. */
export type Noun = 'picture' | 'video';

const SELECTED = {
  minival: () => 'minival',
  val: (noun: Noun) => `validation ${noun}s`,
  test: (noun: Noun) => `test ${noun}s`,
};

/** ` (3 of them broken)`, or an empty string. */
const leftOut = (broken = 0): string => (broken === 0 ? '' : ` (${broken} of them broken)`);

/** `1192 training, 225 validation and 245 test pictures`. */
function startText(
  {
    trainImages,
    unlabelledImages,
    unlabelledPictures,
    valImages,
    testImages,
    measured = 'test',
    broken,
  }: Extract<TrainEvent, { type: 'start' }>,
  noun: Noun,
): string {
  const unlabelled = unlabelledImages === undefined ? '' : `${unlabelledText(unlabelledImages, unlabelledPictures)}, `;
  const training = `${trainImages} training${leftOut(broken?.train)}`;
  return (
    unlabelled +
    (testImages === undefined
      ? `${training} and ${picturesOf(measured, valImages, String, noun)}${leftOut(broken?.val)}`
      : `${training}, ${valImages} validation${leftOut(broken?.val)} and ${picturesOf('test', testImages, String, noun)} (measured once, at the end)`)
  );
}

/** Shows a training run: one line that renews itself on a terminal, a plain line now and then elsewhere. */
export class Progress {
  #steps = 0;
  #epochs = 0;
  #lastShown = 0;
  #smooth: number | undefined;
  #broken = 0;
  readonly #terminal: boolean;
  readonly #metric: Metric;
  /** @param metric what epochs are told by: the primary one of the run's task */
  constructor(
    metric: Metric,
    readonly noun: Noun = 'picture',
    readonly stream: NodeJS.WriteStream = process.stderr,
  ) {
    this.#metric = metric;
    this.#terminal = stream.isTTY === true;
  }

  #line(text: string): void {
    if (this.#terminal) this.stream.write(`\r\x1b[2K${text.slice(0, (this.stream.columns ?? 120) - 1)}`);
    else this.stream.write(`${text}\n`);
  }
  #permanent(text: string): void {
    this.stream.write(`${this.#terminal ? '\r\x1b[2K' : ''}${text}\n`);
  }

  show(event: TrainEvent): void {
    switch (event.type) {
      case 'start':
        this.#steps = event.steps;
        this.#epochs = event.epochs;
        if (event.step === event.steps && event.epoch === event.epochs) break;
        this.#permanent(
          [
            event.resumed
              ? `resuming at step ${event.step} of ${event.steps}`
              : `training: ${plural(event.epochs, 'epoch')} of ${plural(event.stepsPerEpoch, 'step')}`,
            `; ${event.model === undefined ? '' : `${event.model}, `}${(event.parameters / 1e6).toFixed(2)} M parameters, `,
            startText(event, this.noun),
            event.classes === undefined ? '' : `, ${event.classes} classes`,
          ].join(''),
        );
        break;
      case 'data':
        for (const text of event.notes) this.#permanent(pc.yellow(`note: ${text}`));
        if (event.ignoredFiles > 0) this.#permanent(pc.yellow(`note: ${passedOverText(event.ignoredEndings)}`));
        break;
      case 'indexing':
        this.#line(`reading shards for their index, once: ${event.done} of ${event.of}`);
        break;
      case 'looking':
        this.#line(`looking at ${this.noun}s: ${event.done} of ${event.of}`);
        break;
      case 'decoding':
        this.#line(`decoding ${this.noun}s, once for all epochs: ${event.done} of ${event.of}`);
        break;
      case 'loaded':
        this.#permanent(`starting from ${event.from}\n${formatMatch(event.match).replace(/^/gm, '  ')}`);
        break;
      case 'step': {
        // The first step starts threads and chooses kernels: its speed would promise hours.
        const timed = this.#smooth !== undefined;
        this.#smooth = this.#smooth === undefined ? event.loss : 0.95 * this.#smooth + 0.05 * event.loss;
        this.renew(
          `epoch ${event.epoch}/${this.#epochs}  step ${event.step}/${this.#steps}  loss ` +
            `${this.#smooth.toFixed(3)}  lr ${event.learningRate.toPrecision(3)}` +
            (timed
              ? `  ${event.imagesPerSecond.toFixed(event.imagesPerSecond < 100 ? 1 : 0)} ${this.noun}s/s  ` +
                `${duration(event.etaSeconds)} left`
              : ''),
        );
        break;
      }
      case 'evaluating':
        if (this.#terminal)
          this.#line(`epoch ${event.epoch}/${this.#epochs}  measuring accuracy on ${event.of} ${this.noun}s`);
        break;
      case 'epoch':
        this.#permanent(this.#epoch(event));
        break;
      case 'advice':
        this.#permanent(pc.yellow(`note: ${event.text}`));
        break;
      case 'broken':
        if (this.#broken++ < BROKEN_NAMED)
          this.#permanent(pc.yellow(`left out, cannot be read: ${event.path}: ${event.reason}`));
        else if (this.#broken === BROKEN_NAMED + 1)
          this.#permanent(pc.yellow(`more ${this.noun}s cannot be read; events.jsonl in the run names them`));
        break;
      case 'early-stop':
        this.#permanent(
          `stopping after epoch ${event.epoch}: none was better on the ${SELECTED[event.selectedOn ?? 'minival'](this.noun)} since epoch ${event.bestEpoch}, ` +
            'whose weights are kept',
        );
        break;
      case 'stopped':
        this.#permanent(`stopped and saved at step ${event.step} of ${event.steps}`);
        break;
      case 'end':
        this.#permanent(`trained in ${duration(event.seconds)}`);
        break;
      default:
        break;
    }
  }

  #epoch(event: EpochEvent): string {
    const show = ({ [this.#metric.name]: value }: Scores): string => showMetric(this.#metric, value!);
    const scores = [
      ...(event.raw === undefined ? [] : [`${this.#metric.title} raw ${show(event.raw)}`]),
      ...(event.ema === undefined ? [] : [`EMA ${pc.bold(show(event.ema))}`]),
      ...(event.minival === undefined ? [] : [`minival ${show(event.minival)}`]),
    ];
    return (
      `epoch ${String(event.epoch).padStart(String(this.#epochs).length)}/${this.#epochs}  ` +
      `loss ${event.trainLoss.toFixed(3)}  ${scores.length === 0 ? '' : `${scores.join(', ')}  `}${event.imagesPerSecond.toFixed(0)} ${this.noun}s/s, ` +
      `${percent(event.loaderWaitShare)} of it waiting for ${this.noun}s${event.best ? pc.green('  best so far') : ''}`
    );
  }

  /** Shows where something stands: the line that renews itself on a terminal, elsewhere a line now and then. */
  renew(text: string): void {
    const now = Date.now();
    if (now - this.#lastShown < (this.#terminal ? 100 : 10_000)) return;
    this.#lastShown = now;
    this.#line(text);
  }

  /** Leaves a terminal's line clean. */
  clear(): void {
    if (this.#terminal) this.stream.write('\r\x1b[2K');
  }

  note(text: string): void {
    this.#permanent(text);
  }
}
