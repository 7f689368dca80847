// Imported before all else: what comes after may need a newer Node than this one, and would say so less clearly.
import { nodeProblem } from './node-version.js';

const problem = nodeProblem(process.versions.node);
if (problem !== undefined) {
  console.error(problem);
  process.exit(2);
}
