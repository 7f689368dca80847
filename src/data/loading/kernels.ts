import { isMainThread } from 'node:worker_threads';
import { usePictureKernels } from '../../augment/kernels.js';
import { addon, engineLoaded } from '../../torch/addon.js';

/**
 * Lets this thread make views with the engine's kernels. Never loads the engine for this alone: commands that do not
 * train go without. (A loader's threads start when it has been loaded.)
 */
export function useEngineKernels(): void {
  if (isMainThread && !engineLoaded()) return;
  try {
    const engine = addon();
    // An engine that was built earlier has none.
    if (typeof engine.resampleRows === 'function' && typeof engine.blur === 'function') usePictureKernels(engine);
  } catch {
    // None here: TypeScript gives the same bytes, more slowly.
  }
}
