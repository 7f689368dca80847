import { availableParallelism } from 'node:os';
import { watchLauncher } from '../../ranks/launcher.js';
import { type RankPlace, rankPlace } from '../../ranks/place.js';
import { runTrainer } from './run-trainer.js';

interface Flags {
  resume?: string;
  explain?: boolean;
  threads?: number;
  workers?: number;
}

/**
 * Where a launcher started this process as one of several: rank 0 goes on with its share of the machine's cores in its flags; another takes part
 * in its run here, to the end.
 */
export async function takePlace(flags: Flags): Promise<{ place?: RankPlace; followed: boolean }> {
  const place = flags.explain === true ? undefined : rankPlace(process.env);
  if (place === undefined) return { followed: false };
  watchLauncher();
  if (place.rank > 0) {
    await follow(place);
    return { place, followed: true };
  }
  const cores = availableParallelism() / place.localWorld;
  const threads = flags.threads ?? Math.max(1, Math.floor(cores));
  console.error(`note: ${place.world} ranks (${place.launcher})`);
  // A resumed run keeps its own.
  if (flags.resume === undefined)
    Object.assign(flags, { threads, workers: flags.workers ?? Math.max(1, Math.min(8, Math.floor(cores) - 1)) });
  return { place, followed: false };
}

/** Takes part in the run of rank 0, which knows all options, writes and speaks. */
async function follow(place: RankPlace): Promise<void> {
  const note = (text: string): void => console.error(`rank ${place.rank}: ${text}`);
  let stopped = false;
  await runTrainer({ type: 'follow', place }, (event) => (stopped ||= event.type === 'stopped'), note);
  if (stopped) process.exitCode = 1;
}
