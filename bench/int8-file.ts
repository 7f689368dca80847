// The process of bench/int8.ts that has libtorch: writes a fresh network as a float32 file.
import { writeFileSync } from 'node:fs';
import type { TaskHandler } from '../src/child/messages.js';
import { exportOnnx } from '../src/deploy/onnx/export.js';
import { createModel } from '../src/models/index.js';
import { IMAGENET_INPUT } from '../src/run/config.js';
import { scope, type Tensor, trace, zeros } from '../src/torch/index.js';

export interface FileJob {
  task: { model: string; size: number; file: string };
  message: never;
  /** Bytes. */
  answer: number;
}

const CLASSES = 1000;

export const handle: TaskHandler<FileJob> = async ({ model: name, size, file }) => {
  const model = createModel(name, { classes: CLASSES });
  model.train(false);
  const names = new Map<Tensor, string>([...model.state()].map(([key, tensor]) => [tensor, key]));
  const bytes = scope(() =>
    exportOnnx(
      trace((x) => model.forward(x), [zeros([1, 3, size, size])], names),
      {
        output: { kind: 'classes', labels: Array.from({ length: CLASSES }, (_, k) => `class ${k}`) },
        preprocess: { size, evalCrop: 0.875, mean: IMAGENET_INPUT.mean, std: IMAGENET_INPUT.std },
        training: { model: name },
      },
    ),
  );
  writeFileSync(file, bytes);
  return bytes.length;
};
