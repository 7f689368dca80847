import type { BatchLoader } from '../data/loading/loader.js';
import type { Targets } from '../data/loading/targets.js';
import type { Source } from '../data/sources/source.js';
import { RescaledError } from '../errors.js';
import type { RunState } from '../run/checkpoint.js';
import type { RunConfig } from '../run/config.js';
import type { TrainEvent } from '../run/events.js';
import type { Ranks } from './step/ranks.js';

type Noun = 'picture' | 'video';

/** The pictures of a run that cannot be read: each is told of once, also over a resume, and too many end the run. */
export class BrokenPictures {
  readonly #known: Map<number, string>;
  readonly #untold: { path: string; reason: string }[] = [];
  readonly #limits: Pick<RunConfig, 'strict' | 'maxBroken'>;
  readonly #pictures: number;

  /** @param known what the run has told of before @param pictures all that the run looks at @param noun what they are */
  constructor(
    known: RunState['broken'],
    pictures: number,
    limits: Pick<RunConfig, 'strict' | 'maxBroken'>,
    readonly noun: Noun = 'picture',
  ) {
    this.#known = new Map(known);
    this.#pictures = pictures;
    this.#limits = limits;
  }

  /** @param offset of the loader's first picture among all of the run */
  watch<T extends Targets>(loader: BatchLoader<T>, offset: number): void {
    loader.onBroken = (index, path, reason) => {
      if (this.#known.has(offset + index)) return;
      this.#known.set(offset + index, `${path}: ${reason}`);
      this.#untold.push({ path, reason });
    };
  }

  /** Those that were found before the first step, path -> reason. @param offset as of `watch` */
  found(broken: ReadonlyMap<string, string>, source: Source, offset: number): void {
    if (broken.size === 0) return;
    for (let i = 0; i < source.length; i++) {
      const path = source.describe(i);
      const reason = broken.get(path);
      if (reason === undefined || this.#known.has(offset + i)) continue;
      this.#known.set(offset + i, `${path}: ${reason}`);
      this.#untold.push({ path, reason });
    }
  }

  /** @throws RescaledError when the run allows no more of them */
  *tell(step: number): Generator<TrainEvent> {
    if (this.#untold.length === 0) return;
    const { strict, maxBroken } = this.#limits;
    const last = [...this.#known.values()].at(-1);
    if (strict) throw new RescaledError(`A ${this.noun} cannot be read, and the run is strict: ${last}`);
    if (this.#known.size > maxBroken * this.#pictures)
      throw new RescaledError(
        `${this.#known.size} of ${this.#pictures} ${this.noun}s cannot be read, more than the allowed ` +
          `${(100 * maxBroken).toFixed(1)} % (--max-broken). The last one: ${last}`,
      );
    while (this.#untold.length > 0) yield { type: 'broken', step, ...this.#untold.shift()! };
  }

  /** Those that other ranks found in an epoch, on rank 0, which tells of them. */
  async gather(ranks: Ranks, epoch: number): Promise<void> {
    if (ranks.world === 1) return;
    const all = await ranks.toChief(`broken/${epoch}`, JSON.stringify([...this.#known]));
    for (const [index, text] of all.flatMap((one) => JSON.parse(one) as RunState['broken'])) {
      if (this.#known.has(index)) continue;
      this.#known.set(index, text);
      const [path, reason] = text.split(/: (.*)/s) as [string, string];
      this.#untold.push({ path, reason });
    }
  }

  /** How many are known among pictures of a source. @param offset as of `watch` */
  among({ length }: Source, offset: number): number {
    return [...this.#known.keys()].filter((i) => i >= offset && i < offset + length).length;
  }

  /** For the checkpoint. */
  get known(): RunState['broken'] {
    return [...this.#known];
  }
}

/** So many are named in an error. */
const NAMED = 20;

/**
 * Refuses data before a run is made of them.
 * @param broken path -> reason @param pictures all that were looked at @param check the command that lists them all
 * @throws RescaledError that names them, when the run allows no more
 */
export function refuseBroken(
  broken: ReadonlyMap<string, string>,
  pictures: number,
  { strict, maxBroken }: Pick<RunConfig, 'strict' | 'maxBroken'>,
  check: string,
  noun: Noun = 'picture',
): void {
  if (broken.size === 0 || (!strict && broken.size <= maxBroken * pictures)) return;
  const all = [...broken].map(([path, reason]) => `${path}: ${reason}`);
  const [first] = all;
  const listed = all.slice(0, NAMED).map((text) => `  ${text}`);
  if (all.length > NAMED) listed.push(`  and ${all.length - NAMED} more`);
  const list = `:\n${listed.join('\n')}\nMend or remove them ("${check}" lists all, and what else may be wrong)`;
  const mild = 'to train without them';
  if (strict)
    throw new RescaledError(
      all.length === 1
        ? `A ${noun} cannot be read, and the run is strict: ${first}`
        : `${all.length} ${noun}s cannot be read, and the run is strict${list}, or leave --strict out ${mild}.`,
    );
  throw new RescaledError(
    `${all.length} of ${pictures} ${noun}s cannot be read, more than the allowed ${(100 * maxBroken).toFixed(1)} % ` +
      `(--max-broken)${list}, or raise --max-broken ${mild}.`,
  );
}
