import { taskNamed } from '../../tasks/index.js';
import { taskOfData } from '../../tasks/of-data.js';

/**
 * What a study of these pictures learns, as a training of them would: what is said, else what the data ask for.
 * @returns undefined of classes: their studies have been named without it
 * @throws UsageError for a task that is none, or annotations of several kinds
 */
export async function studiedTask(data: string, said?: string): Promise<string | undefined> {
  const name = said === undefined ? (await taskOfData(data))?.task : taskNamed(said).name;
  return name === 'classify' ? undefined : name;
}
