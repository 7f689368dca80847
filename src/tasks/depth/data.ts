import type { Dataset, DatasetOptions } from '../../data/dataset.js';
import type { TargetSpec } from '../../data/loading/targets.js';
import { type DepthTargets, depthPath, interimModule, openPaired } from '../interim.js';

export type { DepthTargets } from '../interim.js';

export const openDepth = (path: string, options: DatasetOptions): Promise<Dataset> =>
  openPaired(path, options, ['depth'], depthPath);
export const depthTargets = (): TargetSpec<DepthTargets> => ({ module: interimModule, data: { kind: 'depth' } });
