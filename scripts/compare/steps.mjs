// Trains with the package in a folder and prints, as JSON, the milliseconds of a step of its loop after a warm-up: by
// the clock, with all that the loop does between steps, and computing alone, as the loop itself counts it.
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
  // `imagesPerSecond` is the mean since the start: steps / imagesPerSecond is the time computed so far, in batches.
  const now = { clock: performance.now(), computed: done / event.imagesPerSecond };
  if (done === warm) before = now;
  if (done < warm + steps) continue;
  const batch = JSON.parse(optionsText).settings.batch ?? 64;
  console.log(
    JSON.stringify({
      'by the clock': (now.clock - before.clock) / steps,
      computing: (1000 * batch * (now.computed - before.computed)) / steps,
    }),
  );
  // What is measured is over; the epoch is not.
  process.exit(0);
}
throw new Error(`expected ${warm + steps} steps but the training ended after ${done}`);
