// `node scripts/gpu-check.mjs`: sets everything up with the libtorch that has CUDA (RESCALED_LIBTORCH, or the PyTorch of python3), then checks and
// measures on the card all that a card is for; bench/gpu/check.ts has the parts and options.
import './check-node.mjs';

void Promise.all([import('./bootstrap-steps.mjs'), import('./lib.mjs')]).then(
  async ([{ bootstrapOrExplain }, { foreground, root }]) => {
    if (!(await bootstrapOrExplain())) return;
    process.exitCode = await foreground(process.execPath, [
      `${root}/dist/bench/gpu/check.js`,
      ...process.argv.slice(2),
    ]);
  },
);
