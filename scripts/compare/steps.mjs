// Trains with the package in a folder and prints, as JSON, the milliseconds of a step of its loop after a warm-up: by
// the clock, with all that the loop does between steps.
//   node scripts/compare/steps.mjs FOLDER WARM STEPS OPTIONS
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, warmText, stepsText, optionsText] = process.argv.slice(2);
const [warm, steps] = [Number(warmText), Number(stepsText)];
const { train } = await import(pathToFileURL(join(folder, 'dist', 'src', 'index.js')).href);

let before;
let done = 0;
for await (const event of train(JSON.parse(optionsText))) {
  if (event.type !== 'step') continue;
  done += 1;
  const now = performance.now();
  if (done === warm) before = now;
  if (done < warm + steps) continue;
  console.log(JSON.stringify({ 'by the clock': (now - before) / steps }));
  // What is measured is over; the epoch is not.
  process.exit(0);
}
throw new Error(`expected ${warm + steps} steps but the training ended after ${done}`);
