// `npm test`: sets everything up, then runs the tests; see test-run.mjs for its options.
import './check-node.mjs';

void import('./test-run.mjs').then(({ main }) => main());
