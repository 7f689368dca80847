// Imported before all else, by the command line and by programs: what comes after may need a newer Node than this one,
// and would say so less clearly. Written, like node-version.ts, in words that Node 12 knows.
import { nodeProblem } from './node-version.js';

const problem = nodeProblem(process.versions.node);
if (problem !== undefined) {
  console.error(problem);
  process.exit(2);
}
