/** A way of learning from labelled and unlabelled pictures. */
export interface Variant {
  name: string;
  /** For the table. */
  what: string;
  /** Unlabelled pictures for each labelled one; 0: labelled ones alone. */
  ratio: number;
  settings: readonly string[];
  /** Steps as a share of the others': those that look at more pictures a step take fewer. */
  length?: number;
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
  ...{ name, what, ratio: 1, settings: NOISE, select: BALANCED },
  ...given,
});

export const VARIANTS: readonly Variant[] = [
  { name: 'labelled', what: 'labelled pictures alone', ratio: 0, settings: [] },
  { name: 'labelled-noise', what: 'labelled pictures alone, with noise', ratio: 0, settings: NOISE },
  student('hard', 'hard labels, r = 1, with noise'),
  student('soft', 'soft labels', { settings: [...NOISE, 'unlabelledTargets=soft'] }),
  student('no-threshold', 'no threshold', { select: ['--floor', '0'] }),
  student('no-balance', 'no balance', { select: ['--copies', 'one'] }),
  student('no-noise', 'hard labels, r = 1, without noise', { settings: [] }),
  student('r3', 'r = 3, half the steps', { ratio: 3, length: 1 / 2 }),
  student('r7', 'r = 7, a quarter of the steps', { ratio: 7, length: 1 / 4 }),
  student('w3', 'r = 3 with the weight 3, half the steps', {
    ratio: 3,
    length: 1 / 2,
    settings: [...NOISE, 'unlabelledWeight=3'],
  }),
  {
    name: 'fixmatch',
    what: 'FixMatch, r = 3, half the steps',
    ratio: 3,
    length: 1 / 2,
    settings: [],
    recipe: 'fixmatch',
  },
  { name: 'upper', what: 'all labels', ratio: 0, settings: NOISE, upper: true },
  { name: 'open-labelled', what: 'other heap: labelled pictures alone', ratio: 0, settings: [], open: true },
  {
    name: 'open-labelled-noise',
    what: 'other heap: labelled alone, with noise',
    ratio: 0,
    settings: NOISE,
    open: true,
  },
  student('open-hard', 'other heap: hard labels, with noise', { open: true }),
  student('open-no-threshold', 'other heap: no threshold', { open: true, select: ['--floor', '0'] }),
  student('open-no-balance', 'other heap: no balance', { open: true, select: ['--copies', 'one'] }),
];
