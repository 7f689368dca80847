import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { openDataset } from '../data/dataset.js';
import { typicalSide } from '../data/sources/sides.js';
import { UsageError } from '../errors.js';
import { placeOf } from '../files.js';
import { openStudy, type StudyFile, withSeeds } from '../study/plan/file.js';
import { isStudyFolder, readPlan, type ScalingPlan } from '../study/plan/scaling-plan.js';

export interface TargetFlags {
  data?: string;
  out?: string;
  /** In all; those that the study has are kept. */
  seeds?: number;
}

/** A study, and the folder that its results are in. */
export interface Target {
  study: StudyFile;
  folder: string;
  /** Whether a person named the folder. */
  named: boolean;
  /** Where it stands, for the messages: its file, its folder, or the name of a preset. */
  where: string;
}

const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();

/** From the study's file, the name of a preset, or the folder of its results. */
export async function openTarget(wanted: string, { data, out, seeds }: TargetFlags): Promise<Target> {
  if (isFolder(wanted)) {
    if (out !== undefined && resolve(out) !== resolve(wanted))
      throw new UsageError(
        `Expected one folder but received ${wanted} and --out ${out}. A folder of results is gone on with where it is.`,
      );
    const { study } = readPlan(wanted);
    return { study: changed(study, data, seeds), folder: wanted, named: true, where: wanted };
  }
  const study = changed(await openStudy(wanted), data, seeds);
  return {
    study,
    folder:
      out ??
      join(
        'runs',
        `study-${
          study.name
            .toLowerCase()
            .replace(/[^a-z0-9]+/g, '-')
            .replace(/^-|-$/g, '') || '1'
        }`,
      ),
    named: out !== undefined,
    where: wanted,
  };
}

function changed(study: StudyFile, data: string | undefined, seeds: number | undefined): StudyFile {
  const found = data === undefined ? study : { ...study, data: placeOf(data) };
  return seeds === undefined ? found : withSeeds(found, seeds);
}

/** The plan of a study that has begun. @throws UsageError when it has not */
export async function openBegun(wanted: string, flags: TargetFlags): Promise<{ plan: ScalingPlan; folder: string }> {
  const { folder } = await openTarget(wanted, flags);
  if (!isStudyFolder(folder))
    throw new UsageError(
      `Expected a study that has begun but ${folder} has no plan.json. Begin it with: rescaled study run ${wanted}`,
    );
  return { plan: await withSide(readPlan(folder)), folder };
}

/** A plan of 0.1.0 does not say how large its pictures are; they may not be there any more. */
async function withSide(plan: ScalingPlan): Promise<ScalingPlan> {
  const { data } = plan.study;
  if (plan.data.side !== undefined || data === undefined || !existsSync(data)) return plan;
  try {
    const { train } = await openDataset(data);
    const side = train && (await typicalSide(train));
    return side === undefined ? plan : { ...plan, data: { ...plan.data, side } };
  } catch {
    return plan;
  }
}
