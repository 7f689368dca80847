// A child for the tests of src/child: it does what its task says.
import { writeFileSync } from 'node:fs';
import type { TaskHandler } from '../../src/child/messages.js';
import { RescaledError, UsageError } from '../../src/errors.js';

export interface TestJob {
  task: {
    do:
      | 'echo'
      | 'count'
      | 'mistake'
      | 'misuse'
      | 'fault'
      | 'no error'
      | 'fault in an event'
      | 'save'
      | 'stay'
      | 'block'
      | 'leave'
      | 'kill'
      | 'answer and die'
      | 'interrupt'
      | 'handle left open'
      | 'environment';
    text?: string;
  };
  message: number;
  answer: string | undefined;
}

const forever = (): Promise<never> => new Promise(() => setInterval(() => {}, 1000));

export const handle: TaskHandler<TestJob> = async ({ do: what, text = '' }, { signal, send, letMessagesIn }) => {
  switch (what) {
    case 'echo':
      return text === '' ? undefined : text;
    case 'count':
      for (let i = 0; i < 3; i++) send(i);
      return 'counted';
    case 'mistake':
      throw new RescaledError('Expected a mast but received a twig.', { cause: new Error('hidden') });
    case 'misuse':
      throw new UsageError('Expected --mast.');
    case 'fault':
      throw new TypeError('what is wrong', { cause: new Error('what lies behind') });
    case 'no error':
      throw 'a text';
    case 'fault in an event':
      setImmediate(() => {
        throw new Error('nobody waits for this');
      });
      return forever();
    case 'save':
      send(0);
      // The thread is blocked but for these moments.
      while (!signal.aborted) await letMessagesIn();
      send(1);
      // A file, for those whose parent has gone.
      if (text !== '') writeFileSync(text, 'saved');
      return 'saved';
    case 'stay':
      send(0);
      return forever();
    case 'block':
      send(process.pid);
      await letMessagesIn();
      for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
    case 'leave':
      process.exit(7);
      break;
    case 'kill':
      process.kill(process.pid, 'SIGKILL');
      return forever();
    case 'answer and die':
      send(process.pid);
      process.send!({ type: 'answer', answer: 'x'.repeat(50_000) }, () => process.kill(process.pid, 'SIGKILL'));
      return forever();
    case 'interrupt':
      process.kill(process.pid, 'SIGINT');
      await letMessagesIn();
      return signal.aborted ? 'aborted' : 'went on';
    case 'handle left open':
      setInterval(() => {}, 1000);
      return 'done';
    case 'environment':
      return JSON.stringify({ given: process.env['CHILD_GIVEN'], path: process.env['PATH'] });
  }
};
