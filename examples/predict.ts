// Classifying pictures from a program, without libtorch.
//   node predict.js RUN|model.onnx PICTURE|FOLDER|PATTERN...
import { Predictor } from 'rescaled';

const [model, ...pictures] = process.argv.slice(2);
if (model === undefined || pictures.length === 0) {
  console.error('usage: node predict.js RUN|model.onnx PICTURE|FOLDER|PATTERN...');
  process.exit(2);
}

const predictor = await Predictor.load(model);
for await (const { path, label, probability, error } of predictor.predict(pictures, { top: 1, threshold: 0.5 }))
  console.log(path, error ?? `${label} ${(100 * probability!).toFixed(1)} %`);
await predictor.close();
