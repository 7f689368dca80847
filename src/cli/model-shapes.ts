import { RescaledError, UsageError } from '../errors.js';
import { createModel, LAYOUTS, modelFacts, modelNames } from '../models/index.js';

/**
 * Keys and shapes of a named model's state. It builds the model, so it needs the engine.
 * @throws UsageError for an unknown name, RescaledError when there is no engine
 */
export async function modelShapes(name: string): Promise<Map<string, number[]>> {
  modelFacts(name); // an unknown name is said first
  try {
    const model = createModel(name);
    const shapes = new Map([...model.state()].map(([key, tensor]) => [key, [...tensor.shape]]));
    model.dispose();
    return shapes;
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new RescaledError(`The shapes of ${name} need the engine, which does not load: ${(cause as Error).message}`, { cause });
  }
}

/** The only named model that keys like `layer3.22.conv3.weight` can belong to, by its blocks a stage and its stem; undefined when there is none. */
export function candidateModel(keys: Iterable<string>): string | undefined {
  const blocks = [0, 0, 0, 0];
  const seen = new Set<string>();
  for (const key of keys) {
    seen.add(key);
    const [, stage, block] = /^layer([1-4])\.(\d+)\./.exec(key) ?? [];
    if (stage !== undefined) blocks[Number(stage) - 1] = Math.max(blocks[Number(stage) - 1]!, Number(block) + 1);
  }
  const family = seen.has('conv1.6.weight') ? 'resnet-rs' : 'resnet';
  const bottleneck = seen.has('layer1.0.conv3.weight');
  const known = modelNames();
  return Object.entries(LAYOUTS)
    .filter(([depth, layers]) => layers.every((count, i) => count === blocks[i]) && (depth === '18' || depth === '34') === !bottleneck)
    .map(([depth]) => `${family}-${depth}`)
    .find((name) => known.includes(name));
}
