import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dataset, DatasetOptions } from '../../data/dataset.js';
import type { TargetSpec } from '../../data/loading/targets.js';
import { interimModule, maskPath, openPaired, type SegmentTargets } from '../interim.js';

export type { SegmentTargets } from '../interim.js';

export async function openSegmentation(path: string, options: DatasetOptions): Promise<Dataset> {
  const names = (await readFile(join(path, 'classes.txt'), 'utf8'))
    .split('\n')
    .filter((name) => name !== '' && name !== 'Unlabelled');
  return openPaired(path, options, names, maskPath);
}
export const segmentTargets = (): TargetSpec<SegmentTargets> => ({
  module: interimModule,
  data: { kind: 'masks', classes: 11 },
});
