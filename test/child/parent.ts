// A parent, which is killed: its child then writes the file named on the command line.
import { runChild } from '../../src/child/run.js';
import type { TestJob } from './child.js';

await runChild<TestJob>({
  module: new URL('./child.js', import.meta.url),
  task: { do: 'save', text: process.argv[2]! },
  onMessage: () => console.log('child is at work'),
});
