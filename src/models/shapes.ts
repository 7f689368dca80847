import { shapeOnly } from '../torch/index.js';
import { createModel, type ModelOverrides } from './registry.js';

/** Keys and shapes of a named model's state; needs no engine. @throws UsageError for an unknown name or option */
export function modelShapes(name: string, overrides: ModelOverrides = {}): Map<string, number[]> {
  return shapeOnly(
    () => new Map([...createModel(name, overrides).state()].map(([key, tensor]) => [key, [...tensor.shape]])),
  );
}
