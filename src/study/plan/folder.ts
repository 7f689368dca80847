import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import { RescaledError, UsageError } from '../../errors.js';

/** What tells one study from another, in its folder. */
export const planFile = (folder: string): string => join(folder, 'plan.json');

/** @throws RescaledError when the file is no JSON */
export function readPlanJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as unknown;
  } catch (error) {
    throw new RescaledError(
      `Expected the plan of a study in ${file} but it is no JSON: ${(error as Error).message}. Choose another --out.`,
    );
  }
}

/** @throws RescaledError when the plan is not one of this version */
export function parsePlan<T extends z.ZodType>(schema: T, json: unknown, file: string): z.infer<T> {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw new RescaledError(
    `Expected the plan of a study of this version in ${file} but ${path.join('.')}: ${message}. Choose another --out.`,
  );
}

/**
 * @throws UsageError when there is something other than an empty folder, or what a process left that was killed as it
 * began
 */
export function refuseOccupied(folder: string): void {
  if (
    existsSync(folder) &&
    (!statSync(folder).isDirectory() || readdirSync(folder).some((name) => !name.endsWith('.tmp')))
  )
    throw new UsageError(
      `Expected a new folder, or that of a study, for the output but ${folder} holds other files. Choose ` +
        'another --out.',
    );
}
