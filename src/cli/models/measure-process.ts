// The process that measures one model and does nothing else. The command line starts it and talks to it by messages.
import { RescaledError } from '../../errors.js';
import { type Measured, type MeasureOptions, measureModel } from '../../train/index.js';

export interface ToMeasurer {
  model: string;
  options: MeasureOptions;
}
export type FromMeasurer =
  | { type: 'done'; measured: Measured }
  | { type: 'out of memory' }
  | { type: 'failed'; message: string; exitCode: number; stack?: string };

// A parent that has gone needs no figures.
process.on('disconnect', () => process.exit());

process.once('message', async ({ model, options }: ToMeasurer) => {
  process.send!(await answer(model, options), () => process.disconnect());
});

async function answer(model: string, options: MeasureOptions): Promise<FromMeasurer> {
  try {
    return { type: 'done', measured: await measureModel(model, options) };
  } catch (error) {
    const { message, stack = '' } = error as Error;
    // What libtorch's allocators and C++ say.
    if (/can't allocate memory|out of memory|bad_alloc/i.test(message)) return { type: 'out of memory' };
    const known = error instanceof RescaledError;
    return { type: 'failed', message, exitCode: known ? error.exitCode : 1, ...(known ? {} : { stack }) };
  }
}
