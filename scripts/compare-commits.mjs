// Whether two commits of this repository do the same: the same small trainings on both, and what they leave behind
// compared byte for byte.
//   node scripts/compare-commits.mjs OLD [NEW] [--cache FOLDER] [--keep] [--times]
//   NEW        the working tree as it stands, when left out
//   --cache    keep what is built of a commit there, for the next comparison
//   --keep     leave the runs of both sides for a look
//   --times    measure the speed of training and of starting up, old and new in turn, in place of the comparison
// Exit code 1 when anything differs that is not a time, a date or a version.
import './check-node.mjs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compareSides } from './compare/jobs.mjs';
import { buildSide } from './compare/sides.mjs';
import { compareTimes } from './compare/times.mjs';
import { StepError, say, since } from './lib.mjs';

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { cache: { type: 'string' }, keep: { type: 'boolean' }, times: { type: 'boolean' } },
  });
  const [old, now] = positionals;
  if (old === undefined || positionals.length > 2)
    throw new StepError('Expected OLD [NEW], two commits: node scripts/compare-commits.mjs HEAD~1');
  const started = Date.now();
  const work = mkdtempSync(join(tmpdir(), 'rescaled-compare-'));
  try {
    const cache = values.cache === undefined ? undefined : resolve(values.cache);
    const sides = {
      old: await buildSide('old', old, work, cache),
      new: await buildSide('new', now, work, cache),
    };
    if (values.times === true) return await compareTimes(sides, work);
    const differences = await compareSides(sides, work);
    console.log('');
    for (const line of differences) console.log(line);
    console.log(`${differences.length === 0 ? 'no difference' : 'they differ'}, in ${since(started)}`);
    if (differences.length > 0) process.exitCode = 1;
  } finally {
    if (values.keep === true) say('kept', work);
    else rmSync(work, { recursive: true, force: true });
  }
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    console.error(`\n${error.message}`);
    process.exitCode = 1;
  }
}
