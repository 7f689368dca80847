// `npm run quickstart`: sets everything up, then trains a first model. Arguments go on to `rescaled quickstart`.
import './check-node.mjs';

void Promise.all([import('./bootstrap-steps.mjs'), import('./lib.mjs')]).then(
  async ([{ bootstrapOrExplain }, { cli, foreground }]) => {
    if (!(await bootstrapOrExplain())) return;
    console.log('');
    process.exitCode = await foreground(process.execPath, [cli, 'quickstart', ...process.argv.slice(2)]);
  },
);
