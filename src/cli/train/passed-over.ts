import { existsSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import type { Command } from 'commander';
import { UsageError } from '../../errors.js';
import { placeOf } from '../../files.js';
import { lastCheckpoint, loadConfig, type RunConfig } from '../../run/config.js';
import { settingsOf, type TrainingFlags } from '../training-options.js';

type Flags = TrainingFlags & { epochs?: number; method?: string };

/** `limitTrain` as it is typed. */
export const asOption = (flag: string): string => `--${flag.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;

/**
 * The run that --resume-if-there goes on with. What was typed beside it and has no effect, since a resumed run keeps its settings, is told; of
 * a command that is started again nothing is.
 * @returns undefined where none is there, or none is to be gone on with
 */
export function runThere(
  flags: Flags & { out?: string; resume?: string; resumeIfThere?: boolean },
  command: Command,
): string | undefined {
  const { out, resume, resumeIfThere, ...rest } = flags;
  if (resumeIfThere !== true || resume !== undefined) return undefined;
  if (out === undefined) throw new UsageError('Expected --out with --resume-if-there: the run to go on with.');
  if (!existsSync(lastCheckpoint(out))) return undefined;
  const typed = Object.entries(rest).filter(([name]) => command.getOptionValueSource(name) === 'cli');
  const texts = passedOver(loadConfig(out), Object.fromEntries(typed) as Flags);
  if (texts.length > 0)
    console.error(
      `note: going on with ${out}, and a resumed run keeps its settings: not ${texts.join(', ')}. For a new run choose another --out.`,
    );
  return out;
}

/** `--epochs 30 (it has 20)`, for each option that a run has otherwise. What depends on the machine, as `auto` does, is not compared. */
export function passedOver(config: RunConfig, { epochs, batch, set, ...flags }: Flags): string[] {
  const { modelOptions, data, unlabelled, recipe } = config;
  const settings = Object.entries(settingsOf({ set, epochs, batch })).map(([key, asked]) => {
    const named = (key === 'epochs' && epochs !== undefined) || (key === 'batch' && batch !== undefined);
    const own = (recipe.values as unknown as Record<string, unknown>)[key];
    return { text: named ? `--${key} ` : `--set ${key}=`, asked, own };
  });
  const own: Partial<Record<keyof typeof flags, unknown>> = {
    ...{ task: config.task.name, model: config.model, size: config.size, recipe: recipe.preset, method: recipe.preset },
    ...{ width: modelOptions.width, stemStride: modelOptions.stemStride, from: config.from, select: config.select },
    ...{ seed: config.seed, threads: config.threads, workers: config.workers, device: config.device },
    ...{ valSplit: data.valSplit, limitTrain: data.limitTrain, limitVal: data.limitVal },
    ...{
      unlabelled: unlabelled?.paths,
      labels: unlabelled?.labels,
      leaveOut: Object.keys(config.leftOut ?? {}).sort(),
    },
    ...{ maxBroken: config.maxBroken, strict: config.strict },
    ...{ checkpointSeconds: config.checkpointSeconds, evalEvery: config.evalEvery },
  };
  const options = Object.keys(own).map((name) => {
    const key = name as keyof typeof flags;
    return { text: `${asOption(name)} `, asked: comparable(key, flags[key]), own: own[key] };
  });
  return [...settings, ...options]
    .filter(({ asked, own }) => asked !== undefined && asked !== 'auto' && String(asked) !== shown(own))
    .map(({ text, asked, own }) => `${text}${String(asked)} (it has ${shown(own)})`);
}

const shown = (value: unknown): string =>
  value === undefined || (Array.isArray(value) && value.length === 0) ? 'none' : String(value);

/** As run.json has it; undefined for what cannot be compared. */
function comparable(key: keyof Flags, asked: unknown): unknown {
  if (asked === undefined) return undefined;
  if (key === 'device') return asked === 'cuda' ? 'cuda:0' : asked;
  // A file's own name, or that of weights to fetch, is not kept.
  if (key === 'recipe') return extname(asked as string) === '' ? asked : undefined;
  if (key === 'from') return existsSync(asked as string) ? resolve(asked as string) : undefined;
  if (key === 'labels') return resolve(asked as string);
  if (key === 'unlabelled') return (asked as string[]).map(placeOf);
  return key === 'leaveOut' ? [...(asked as string[])].sort() : asked;
}
