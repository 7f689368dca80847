// A scaling study from a program: trained, read, and a model picked from it.
//   node study.js STUDY.json|FOLDER [BUDGET]
import { Study } from 'rescaled';

const [wanted, budget = '50ms'] = process.argv.slice(2);
if (wanted === undefined) {
  console.error('usage: node study.js STUDY.json|FOLDER [BUDGET]');
  process.exit(2);
}

const stop = new AbortController();
process.once('SIGINT', () => stop.abort()); // saves; the same command goes on

const study = await Study.open(wanted);
const { configurations, leftOut } = await study.plan();
console.log(`${configurations.length} configurations, ${leftOut.length} left out`);

const { stopped, failed, page } = await study.run({
  signal: stop.signal,
  onEvent: (event) => {
    if (event.type === 'done') console.log(`${event.name}, seed ${event.trial.seed}: ${event.result.score.toFixed(4)}`);
  },
});
console.log(`${stopped ? 'stopped' : 'done'}, ${failed} failed: ${page}`);

const { pick, outcome } = await study.pick(budget);
console.log(pick === undefined ? `nothing to pick within ${budget}: ${outcome}` : `within ${budget}: ${pick.name}`);
