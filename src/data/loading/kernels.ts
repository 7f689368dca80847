import { usePictureKernels } from '../../augment/kernels.js';
import { addon } from '../../torch/addon.js';
import { useJpegDecoder } from '../decoding/jpeg-decoder.js';
import { useFileReader } from '../decoding/read-together.js';

/**
 * Lets this thread decode and make views with the engine's kernels. For processes that have loaded the engine anyway: those that do
 * not train go without.
 */
export function useEngineKernels(): void {
  try {
    const engine = addon();
    // An engine that was built earlier has none.
    if (typeof engine.bilinear === 'function') usePictureKernels(engine);
    // Nor one that was built without libjpeg-turbo.
    const { jpegSides, jpegPart, jpegWhole } = engine;
    if (jpegSides === undefined || jpegPart === undefined || jpegWhole === undefined) return;
    useJpegDecoder({ jpegSides, jpegPart, jpegWhole });
    useFileReader(engine);
  } catch {
    // None here: TypeScript gives the same bytes, more slowly.
  }
}
