// Training from a program: an async iterator of events and an AbortSignal.
//   node train.js FOLDER RUN [EPOCHS]
import { train } from 'rescaled';

const [data, out, epochs = '10'] = process.argv.slice(2);
if (data === undefined || out === undefined) {
  console.error('usage: node train.js FOLDER RUN [EPOCHS]');
  process.exit(2);
}

const stop = new AbortController();
process.once('SIGINT', () => stop.abort()); // saves; go on with Run.open(out).resume()

for await (const event of train(
  { data, out, model: 'resnet-rs-26', width: 0.5, size: 64, recipe: 'quick', epochs: Number(epochs) },
  { signal: stop.signal, finish: true },
)) {
  if (event.type === 'epoch') {
    const scores = event.ema ?? event.raw; // of the epochs that are measured: options.evalEvery
    const accuracy = scores === undefined ? '' : `, top-1 ${(100 * scores['top1']!).toFixed(2)} %`;
    console.log(`epoch ${event.epoch}: loss ${event.trainLoss.toFixed(3)}${accuracy}`);
  }
  if (event.type === 'stopped') console.log(`stopped at step ${event.step} of ${event.steps}`);
  if (event.type === 'finished')
    console.log(`top-1 ${(100 * event.figures.scores['top1']!).toFixed(2)} %: ${out}/report.html`);
}
