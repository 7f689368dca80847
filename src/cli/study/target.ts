import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { UsageError } from '../../errors.js';
import { openStudy, type StudyFile } from '../../study/plan/file.js';
import { isStudyFolder, readPlan, type ScalingPlan } from '../../study/plan/scaling-plan.js';

export interface TargetFlags {
  data?: string;
  out?: string;
}

/** A study, and the folder that its results are in. */
export interface Target {
  study: StudyFile;
  folder: string;
  /** Whether a person named the folder. */
  named: boolean;
}

const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();

/** From the study's file, the name of a preset, or the folder of its results. */
export async function openTarget(wanted: string, { data, out }: TargetFlags): Promise<Target> {
  if (isFolder(wanted)) {
    if (out !== undefined && resolve(out) !== resolve(wanted))
      throw new UsageError(
        `Expected one folder but received ${wanted} and --out ${out}. A folder of results is gone on with where it is.`,
      );
    const { study } = readPlan(wanted);
    return { study: withData(study, data), folder: wanted, named: true };
  }
  const study = withData(await openStudy(wanted), data);
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
  };
}

const withData = (study: StudyFile, data: string | undefined): StudyFile =>
  data === undefined ? study : { ...study, data: resolve(data) };

/** The plan of a study that has begun. @throws UsageError when it has not */
export async function openBegun(wanted: string, flags: TargetFlags): Promise<{ plan: ScalingPlan; folder: string }> {
  const { folder } = await openTarget(wanted, flags);
  if (!isStudyFolder(folder))
    throw new UsageError(
      `Expected a study that has begun but ${folder} has no plan.json. Begin it with: rescaled study run ${wanted}`,
    );
  return { plan: readPlan(folder), folder };
}
