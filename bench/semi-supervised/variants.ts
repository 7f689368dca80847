/** A way of learning from labelled and unlabelled pictures. */
export interface Variant {
  name: string;
  /** For the table. */
  what: string;
  /** Unlabelled pictures for each labelled one; 0: labelled ones alone. */
  ratio: number;
  settings: readonly string[];
  recipe?: string;
  /** How labels are selected; absent without a teacher. */
  select?: readonly string[];
  /** On all labels: what could be reached. */
  upper?: boolean;
  /** Eight classes in a heap whose class sizes fall to a tenth, with a fifth of pictures of two other classes. */
  open?: boolean;
}

/** What a trial found; shares are fractions. */
export interface Result {
  variant: string;
  seed: number;
  val: number;
  test: number;
  seconds: number;
  steps: number;
  labels?: { pictures: number; kept: number; drawn: number; right: number; bins: { n: number; right: number }[] };
}

const NOISE = ['augment=randaugment'];
const BALANCED: readonly string[] = [];
const student = (name: string, what: string, given: Partial<Variant> = {}): Variant => ({
  ...{ name, what, ratio: 3, settings: NOISE, select: BALANCED },
  ...given,
});

export const VARIANTS: readonly Variant[] = [
  { name: 'labelled', what: 'labelled pictures alone', ratio: 0, settings: [] },
  { name: 'labelled-noise', what: 'labelled pictures alone, with noise', ratio: 0, settings: NOISE },
  student('soft', 'soft labels, r = 3'),
  student('hard', 'hard labels', { settings: [...NOISE, 'unlabelledTargets=hard'] }),
  student('no-threshold', 'no threshold', { select: ['--floor', '0'] }),
  student('no-balance', 'no balance', { select: ['--copies', 'one'] }),
  student('no-noise', 'no noise', { settings: [] }),
  student('r1', 'r = 1', { ratio: 1 }),
  student('r7', 'r = 7', { ratio: 7 }),
  { name: 'fixmatch', what: 'FixMatch, r = 3', ratio: 3, settings: [], recipe: 'fixmatch' },
  { name: 'upper', what: 'all labels', ratio: 0, settings: NOISE, upper: true },
  { name: 'open-labelled', what: 'other heap: labelled pictures alone', ratio: 0, settings: [], open: true },
  {
    name: 'open-labelled-noise',
    what: 'other heap: labelled alone, with noise',
    ratio: 0,
    settings: NOISE,
    open: true,
  },
  student('open-soft', 'other heap: soft labels', { open: true }),
  student('open-no-threshold', 'other heap: no threshold', { open: true, select: ['--floor', '0'] }),
  student('open-no-balance', 'other heap: no balance', { open: true, select: ['--copies', 'one'] }),
];
