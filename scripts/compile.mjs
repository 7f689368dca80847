// `npm run compile`: dist/ as the sources make it now; see compile-steps.mjs.
//   --anew   every file, also those that the compiler notes as made already; so `npm pack` and `npm publish` do
import './check-node.mjs';

void import('./compile-steps.mjs').then(({ compileOrExplain }) =>
  compileOrExplain({ anew: process.argv.includes('--anew') }),
);
