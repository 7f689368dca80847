import pc from 'picocolors';
import { numberOption, wholeOption } from '../../checks.js';
import { untilInterrupted } from '../../child/interrupt.js';
import { UsageError } from '../../errors.js';
import { type PseudoLabelEvent, pseudoLabel } from '../../semi/label.js';
import { planLabels } from '../../semi/plan.js';
import { commandLine, plural } from '../../suggest.js';
import { weightsPath } from '../named-weights.js';
import { duration } from '../progress.js';
import { tellNext } from '../words.js';
import { classLines, classTable, planText, teacherText } from './text.js';

export interface LabelFlags {
  out?: string;
  top?: number;
  plan?: boolean;
  pictures?: number;
  index: number;
  of: number;
  batch: number;
  threads?: number;
  maxBroken: number;
  model?: string;
  size?: number;
  crop?: number;
  select?: string;
  json?: boolean;
}

export async function label(target: string, pictures: string[], flags: LabelFlags): Promise<void> {
  check(flags);
  const teacher = await weightsPath(target);
  const { top, batch, threads, model, size, crop, select } = flags;
  const shared = { teacher, pictures, top, batch, threads, given: { model, size, evalCrop: crop, select } };
  if (flags.plan === true) {
    await untilInterrupted(async (signal) => {
      try {
        const plan = await planLabels({ ...shared, signal }, flags.pictures);
        console.log(flags.json === true ? JSON.stringify(plan, null, 2) : planText(plan));
      } catch (error) {
        if (!signal.aborted) throw error;
        console.error('Stopped: nothing was measured to the end.');
        process.exitCode = 1;
      }
    });
    return;
  }
  const { out, index, of, maxBroken } = flags;
  const again = commandLine(['rescaled', ...process.argv.slice(2)]);
  const shown = new Shown(flags.json === true);
  await untilInterrupted(async (signal) => {
    try {
      for await (const event of pseudoLabel({ ...shared, out: out!, index, of, maxBroken, signal })) shown.show(event);
    } catch (error) {
      if (!signal.aborted) throw error;
      shown.clear();
      console.error(`Stopped. Labels of whole parts are kept. Go on with: ${again}`);
      process.exitCode = 1;
    }
  });
  if (shown.complete && flags.json !== true) tellNext('rescaled', 'pseudo-label', 'select', out!);
}

function check({ out, plan, pictures, top, index, of, batch, threads, maxBroken, size, crop }: LabelFlags): void {
  if (plan === true && out !== undefined)
    throw new UsageError('Expected --plan or --out but received both: --plan writes nothing.');
  if (plan !== true && out === undefined)
    throw new UsageError('Expected -o LABELS, a folder for the labels, or --plan to see what they cost.');
  if (plan !== true && pictures !== undefined)
    throw new UsageError('Expected --plan beside --pictures: the pictures themselves are given as paths.');
  wholeOption('--pictures', pictures, 1, 1e12);
  wholeOption('--top', top, 1, 1e6);
  wholeOption('--of', of, 1, 100_000);
  wholeOption('--index', index, 0, of - 1);
  wholeOption('--batch', batch, 1, 4096);
  wholeOption('--threads', threads, 1, 1024);
  wholeOption('--size', size, 8, 4096);
  numberOption('--max-broken', maxBroken, 0, 1);
  if (crop !== undefined && !(crop > 0 && crop <= 1))
    throw new UsageError(`Expected a share above 0 and at most 1 for --crop but received ${crop}.`);
}

/** So many unreadable pictures are named. */
const NAMED = 20;
/** How often a line is renewed on a terminal, and written elsewhere, in milliseconds. */
const EVERY = { terminal: 200, elsewhere: 10_000 };

/** Shows a labelling: one line that renews itself on a terminal, a plain line now and then elsewhere; or events as JSON. */
class Shown {
  readonly #stream = process.stderr;
  readonly #terminal = process.stderr.isTTY === true;
  #begun: { at: number; done: number } | undefined;
  #last = performance.now();
  #unreadable = 0;
  #parts = '';
  /** Whether all parts have their labels. */
  complete = false;

  constructor(private readonly json: boolean) {}

  show(event: PseudoLabelEvent): void {
    if (event.type === 'end') this.complete = event.counts.missing.length === 0;
    if (event.type === 'picture') this.#progress(event.done, event.of, event);
    else if (!this.json) this.#tell(event);
    else if (event.type !== 'end') console.log(JSON.stringify(event));
    else {
      const { counts, manifest, ...rest } = event;
      const { pictures, unreadable, missing } = counts;
      const classes = classLines(counts, manifest).map(({ name, pictures, ofThem }) => ({ name, pictures, ...ofThem }));
      console.log(JSON.stringify({ ...rest, all: { pictures, unreadable, missing, classes } }));
    }
  }

  clear(): void {
    if (this.#terminal) this.#stream.write('\r\x1b[2K');
  }

  #note(text: string): void {
    this.#stream.write(`${this.#terminal ? '\r\x1b[2K' : ''}${text}\n`);
  }

  #progress(done: number, of: number, event: PseudoLabelEvent): void {
    const now = performance.now();
    // The first picture waits for threads and kernels, and tells no speed.
    if (this.#begun === undefined) {
      this.#begun = { at: now, done };
      this.#last = now;
    }
    if (now - this.#last < (this.#terminal ? EVERY.terminal : EVERY.elsewhere)) return;
    this.#last = now;
    const rate = (done - this.#begun.done) / ((now - this.#begun.at) / 1000);
    if (this.json) {
      console.log(JSON.stringify({ ...event, picturesPerSecond: rate, secondsLeft: (of - done) / rate }));
      return;
    }
    const text = `${done} of ${of} pictures${this.#parts}, ${rate.toFixed(rate < 10 ? 1 : 0)}/s, ${duration((of - done) / rate)} left`;
    if (this.#terminal) this.#stream.write(`\r\x1b[2K${text.slice(0, (this.#stream.columns || 120) - 1)}`);
    else this.#note(text);
  }

  #tell(event: Exclude<PseudoLabelEvent, { type: 'picture' }>): void {
    switch (event.type) {
      case 'start': {
        for (const note of event.notes) this.#note(pc.yellow(`note: ${note}`));
        const { teacher, classes, top, pictures, parts, ownParts, ownPictures, doneParts } = event;
        this.#note(`teacher: ${teacherText(teacher)}, ${plural(classes.length, 'class', 'classes')}`);
        this.#note(
          `${plural(pictures, 'picture')} in ${plural(parts, 'part')}` +
            (ownParts === parts
              ? ''
              : `; ${plural(ownPictures, 'picture')} in ${plural(ownParts, 'part')} for this process`) +
            (doneParts === 0 ? '' : `; ${plural(doneParts, 'part')} labelled already`) +
            `; the ${top === classes.length ? 'probabilities of all classes' : `${top} most probable classes`} of each are kept`,
        );
        break;
      }
      case 'unreadable':
        if (this.#unreadable++ < NAMED)
          this.#note(pc.yellow(`left out, cannot be read: ${event.path}: ${event.reason}`));
        else if (this.#unreadable === NAMED + 1)
          this.#note(pc.yellow('more pictures cannot be read; the files of labels name them'));
        break;
      case 'elsewhere':
        this.#note(`part ${event.part} is being labelled by process ${event.pid ?? '?'}`);
        break;
      case 'part':
        this.#parts = `, ${plural(event.parts, 'part')} done`;
        break;
      case 'end': {
        this.clear();
        const { labelled, unreadable, seconds, counts, manifest } = event;
        if (labelled + unreadable > 0)
          this.#note(
            `labelled ${plural(labelled, 'picture')} in ${seconds < 10 ? `${seconds.toFixed(1)} s` : duration(seconds)}, ${(labelled / seconds).toFixed(1)}/s` +
              (unreadable === 0 ? '' : `; ${unreadable} cannot be read`),
          );
        console.log(classTable(counts, manifest));
        if (counts.missing.length > 0)
          this.#note(
            `${counts.missing.length} of ${plural(manifest.parts.length, 'part')} have no labels yet: ` +
              `${counts.missing.slice(0, 5).join(', ')}${counts.missing.length > 5 ? ', ...' : ''}`,
          );
        break;
      }
    }
  }
}
