// `npm run build`: brings a fresh checkout to the point where everything runs; see bootstrap-steps.mjs.
import './check-node.mjs';

void import('./bootstrap-steps.mjs').then(({ bootstrapOrExplain }) => bootstrapOrExplain());
