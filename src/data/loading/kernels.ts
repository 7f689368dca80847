import { usePictureKernels } from '../../augment/kernels.js';
import { addon } from '../../torch/addon.js';

/**
 * Lets this thread make views with the engine's kernels. For processes that have loaded the engine anyway: those that do
 * not train go without.
 */
export function useEngineKernels(): void {
  try {
    const engine = addon();
    // An engine that was built earlier has none.
    if (typeof engine.resampleRows === 'function' && typeof engine.blur === 'function') usePictureKernels(engine);
  } catch {
    // None here: TypeScript gives the same bytes, more slowly.
  }
}
