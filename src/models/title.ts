import { modelFacts } from './registry.js';

/** Options that stand behind a name as they are written. Those that follow from pictures, size or recipe are no part of it. */
const SWITCHES = [
  ...['layers', 'block', 'stem', 'stemPool', 'avgDown', 'seRatio', 'activation'],
  ...['stemWidth', 'radix', 'cardinality', 'baseWidth', 'avd'],
  ...['zeroInitLastGamma', 'padding', 'normEpsilon'],
  ...['temporal', 'stemFrames', 'stemFrameStride', 'poolFrameStride', 'selfGate', 'headWindow', 'convolution'],
];

/**
 * What people call a network: the model's name and, where they differ from the model's own, its width, depth and switches:
 * `resnet-rs-14 x0.5`, `resnet-26 x2, seRatio=0.25`. A model of half the width has another size, speed and accuracy than its namesake.
 */
export function modelTitle(name: string, options: { width?: number; depth?: number } = {}): string {
  const given: Readonly<Record<string, unknown>> = { ...options };
  let own: Readonly<Record<string, unknown>>;
  try {
    own = { ...modelFacts(name).options };
  } catch {
    // A model of another version keeps its name; of its switches nothing is known.
    own = { ...given, width: 1, depth: 1 };
  }
  const differs = (key: string, usual: unknown = own[key]): boolean =>
    given[key] !== undefined && JSON.stringify(given[key]) !== JSON.stringify(usual);
  const switches = SWITCHES.filter((key) => differs(key)).map((key) => `, ${key}=${[given[key]].flat().join('-')}`);
  return (
    name +
    (differs('width', own['width'] ?? 1) ? ` x${given['width']}` : '') +
    (differs('depth', own['depth'] ?? 1) ? `, depth x${given['depth']}` : '') +
    switches.join('')
  );
}
