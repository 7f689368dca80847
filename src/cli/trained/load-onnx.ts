import { join } from 'node:path';

/** The exported file of a run. */
export const onnxFile = (run: string): string => join(run, 'model.onnx');
