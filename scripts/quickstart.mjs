// `npm run quickstart`: sets everything up, then trains a first model. Arguments go on to `rescaled quickstart`.
import { bootstrapOrExplain } from './bootstrap.mjs';
import { cli, foreground } from './lib.mjs';

if (await bootstrapOrExplain()) {
  console.log('');
  process.exitCode = await foreground(process.execPath, [cli, 'quickstart', ...process.argv.slice(2)]);
}
