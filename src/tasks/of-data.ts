import { existsSync, statSync } from 'node:fs';
import { TASK_OF, whichAnnotations } from '../data/annotations/which.js';
import { whichVideo } from '../data/clips/which.js';

/** A task that data ask for, and why. */
export interface AskedTask {
  readonly task: (typeof TASK_OF)[keyof typeof TASK_OF] | 'video';
  readonly why: string;
}

/**
 * The task that data ask for by their content: boxes, masks or depth beside pictures, or videos by class.
 * @returns undefined where they say nothing: pictures by class, or no folder
 * @throws UsageError where there are annotations of several kinds
 */
export async function taskOfData(path: string): Promise<AskedTask | undefined> {
  if (!existsSync(path)) return undefined;
  const found = statSync(path).isDirectory() ? await whichAnnotations(path) : undefined;
  if (found !== undefined) return { task: TASK_OF[found.kind], why: `${found.file} has ${found.kind}` };
  const why = await whichVideo(path);
  return why === undefined ? undefined : { task: 'video', why };
}
