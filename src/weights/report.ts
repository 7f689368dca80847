/** How the tensors of a file fit those of a model. */
export interface KeyMatch {
  loaded: string[];
  missing: string[];
  unexpected: string[];
  wrongShape: { key: string; expected: readonly number[]; found: readonly number[] }[];
  /** PyTorch's batch counters, which have no use here. */
  ignored: string[];
  /** Left at their fresh values on purpose, and why. */
  renewed: string[];
  renewedWhy?: string;
  /** Which weights of the file these are, and what was taken off their names. */
  taken?: string[];
}

/** Compares state keys and shapes: nothing is skipped silently. */
export function matchKeys(
  expected: ReadonlyMap<string, readonly number[]>,
  found: ReadonlyMap<string, readonly number[]>,
): KeyMatch {
  const match: KeyMatch = { loaded: [], missing: [], unexpected: [], wrongShape: [], ignored: [], renewed: [] };
  for (const [key, shape] of expected) {
    const other = found.get(key);
    if (other === undefined) match.missing.push(key);
    else if (other.length !== shape.length || other.some((n, i) => n !== shape[i]))
      match.wrongShape.push({ key, expected: shape, found: other });
    else match.loaded.push(key);
  }
  for (const key of found.keys()) {
    if (expected.has(key)) continue;
    (key.endsWith('.num_batches_tracked') ? match.ignored : match.unexpected).push(key);
  }
  return match;
}

type Part = readonly [title: string, items: readonly string[]];

const list = ([title, items]: Part, limit: number): string[] =>
  items.length === 0
    ? []
    : [
        `${title}: ${items.length}`,
        ...items.slice(0, limit).map((item) => `  ${item}`),
        ...(items.length > limit ? [`  and ${items.length - limit} more`] : []),
      ];

const differences = (match: KeyMatch): Part[] => [
  ['missing', match.missing],
  ['unexpected', match.unexpected],
  [
    'wrong shape',
    match.wrongShape.map(
      ({ key, expected, found }) => `${key}: expected [${expected.join(', ')}], found [${found.join(', ')}]`,
    ),
  ],
];

/** A few lines for a person; long lists are cut at 10 with their count. */
export function formatMatch(match: KeyMatch): string {
  const parts: Part[] = [
    ...differences(match),
    [`renewed, since ${match.renewedWhy}`, match.renewed],
    ['ignored', match.ignored],
  ];
  return [...(match.taken ?? []), `loaded: ${match.loaded.length}`, ...parts.flatMap((part) => list(part, 10))].join(
    '\n',
  );
}

/** Keys that a message about a misfit names in all. */
const NAMED = 8;

/**
 * Why the tensors of a file do not fit, in a few lines: the first keys of each kind and, where the names give it away,
 * whose they are.
 */
export function formatMisfit(match: KeyMatch): string {
  const parts = differences(match).filter(([, items]) => items.length > 0);
  const hint = lookLike(match);
  return [
    `fits: ${match.loaded.length}`,
    ...parts.flatMap((part) => list(part, Math.floor(NAMED / parts.length))),
    ...(hint === undefined ? [] : [hint]),
  ].join('\n');
}

function lookLike({ loaded, missing, unexpected }: KeyMatch): string | undefined {
  const wanted = (key: string): boolean => missing.includes(key);
  const found = (pattern: RegExp): boolean => unexpected.some((key) => pattern.test(key));
  if (wanted('conv_stem.weight') && found(/^features\.\d+\.\d+\.block\./))
    return (
      "These look like torchvision's names of an EfficientNet, which are not known here: " +
      "give timm's file of the model, or TensorFlow's."
    );
  if (wanted('conv1.0.weight') && found(/^conv1\.weight$/))
    return (
      "These look like torchvision's names of a classic ResNet, whose stem is one 7x7 convolution: " +
      'give a model such as --model resnet-50.'
    );
  if (loaded.length > 0) return undefined;
  const begin = /^[^.]+\./.exec(unexpected[0] ?? '')?.[0];
  const rest = begin === undefined ? [] : unexpected.filter((key) => key.startsWith(begin));
  if (begin === undefined || rest.length < unexpected.length) return undefined;
  return `All names begin with "${begin}"; "rescaled weights convert --prefix ${begin}" takes it off.`;
}

/** What is to be said of the choices that opening the file made: none of them is made silently. */
export function takenFrom(metadata: Readonly<Record<string, string>>): string[] {
  const { selected, choices, strippedPrefix, inflated } = metadata;
  const several = selected !== undefined && choices?.includes(', ') === true;
  return [
    ...(several ? [`taken: ${selected}, of ${choices}; --select takes another`] : []),
    ...(strippedPrefix === undefined ? [] : [`taken off every name: ${strippedPrefix}`]),
    ...(inflated === undefined ? [] : [`kernels of pictures are inflated over frames: ${inflated}`]),
  ];
}
