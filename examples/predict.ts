// Classifying pictures from a program, without libtorch.
//   node dist/examples/predict.js model.onnx PICTURE...
import { Predictor } from '../src/index.js';

const [file, ...pictures] = process.argv.slice(2);
if (file === undefined || pictures.length === 0) {
  console.error('usage: node dist/examples/predict.js model.onnx PICTURE...');
  process.exit(2);
}

const predictor = await Predictor.load(file);
for await (const { path, predictions, error } of predictor.predict(pictures, { top: 1 }))
  console.log(path, error ?? `${predictions[0]!.label} ${(100 * predictions[0]!.probability).toFixed(1)} %`);
await predictor.close();
