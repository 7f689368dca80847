import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { RescaledError, UsageError } from '../errors.js';
import { Group, MissingRanks } from '../torch/index.js';
import type { RankPlace } from './place.js';

/** Of joining and of each call: evaluations and checkpoints of one rank fall into it. RESCALED_RANKS_TIMEOUT, in seconds, changes it. */
const TIMEOUT_MS = 10 * 60_000;

/** A rank has gone, or the network between them: nothing is wrong with this one, and all may be started again from the last checkpoint. */
export class PeerGone extends RescaledError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, { ...options, exitCode: 75 });
    this.name = 'PeerGone';
  }
}

/** @throws UsageError for a value that is no number of seconds */
export function ranksTimeout(env: Readonly<Record<string, string | undefined>>): number {
  const text = env['RESCALED_RANKS_TIMEOUT'];
  if (text === undefined) return TIMEOUT_MS;
  const seconds = Number(text);
  if (!(seconds >= 1 && seconds <= 86_400))
    throw new UsageError(`Expected 1 to 86400 seconds in RESCALED_RANKS_TIMEOUT but received "${text}".`);
  return Math.round(seconds * 1000);
}

/** What libtorch is told by its environment, before it is loaded; what the user set stays. */
export function settleLibrary(env: NodeJS.ProcessEnv = process.env): void {
  for (const [name, value] of Object.entries(LIBRARY)) env[name] ??= value;
}

const LIBRARY: Readonly<Record<string, string>> = {
  // Its own lines of what fails, which we say in words.
  GLOG_minloglevel: '3',
  TORCH_CPP_LOG_LEVEL: 'FATAL',
  // NCCL: a call that takes too long is an error of that call (the second name is that of libtorch 1.13), and nothing ends the process beside it.
  TORCH_NCCL_BLOCKING_WAIT: '1',
  NCCL_BLOCKING_WAIT: '1',
  TORCH_NCCL_ASYNC_ERROR_HANDLING: '0',
  NCCL_ASYNC_ERROR_HANDLING: '0',
  TORCH_NCCL_ENABLE_MONITORING: '0',
  // Left to choose, it may add in another order in the next call or run.
  NCCL_ALGO: 'Ring',
  NCCL_PROTO: 'Simple',
};

/**
 * Joins the ranks that this process was started with.
 * @throws PeerGone when they are not there in time
 */
export async function joinRanks(
  place: RankPlace,
  env: Readonly<Record<string, string | undefined>>,
  signal?: AbortSignal,
): Promise<Group> {
  const { rank, world, host, port } = place;
  const chosen = env['GLOO_SOCKET_IFNAME'];
  const timeoutMs = ranksTimeout(env);
  const own = chosen === undefined || chosen === '' ? await addressTowards(host, port) : undefined;
  try {
    return await Group.join(
      {
        ...{ host, port, rank, world, timeoutMs },
        ...(chosen === undefined || chosen === '' ? {} : { interface: chosen }),
        ...(own === undefined ? {} : { address: own }),
      },
      signal,
    );
  } catch (error) {
    if (signal?.aborted === true)
      throw new PeerGone(`rank ${rank}: stopped before all ranks were there.`, { cause: error });
    throw notJoined(error as Error, place, timeoutMs);
  }
}

/** The address that this machine has on the way to another. No packet is sent. @returns undefined where there is no way, or no such name */
export async function addressTowards(host: string, port: number): Promise<string | undefined> {
  let address = host;
  if (isIP(host) === 0) {
    try {
      ({ address } = await lookup(host));
    } catch {
      return undefined; // it may get its name later: joining waits for it
    }
  }
  const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.connect(port, address, resolve);
    });
    return socket.address().address;
  } catch {
    return undefined;
  } finally {
    socket.close();
  }
}

function notJoined(cause: Error, { rank, world, host, port }: RankPlace, timeoutMs: number): RescaledError {
  const said = firstLine(cause);
  if (/EADDRINUSE|address already in use/i.test(said))
    return new RescaledError(
      `Expected port ${port} to be free on ${host}, where rank 0 listens, but another program has it. Set MASTER_PORT to another for all ranks.`,
      { cause },
    );
  const missing =
    cause instanceof MissingRanks
      ? `${cause.ranks.length === 1 ? 'rank' : 'ranks'} ${cause.ranks.join(', ')}`
      : 'the others';
  const where = rank === 0 ? '' : ` (rank 0 is to listen at ${host}:${port})`;
  const why = cause instanceof MissingRanks ? '' : ` (${said})`;
  return new PeerGone(
    `Expected ${missing} of ${world} within ${timeoutMs / 1000} s but rank ${rank} waited in vain${why}${where}. ` +
      'Are all of them started, with the same MASTER_ADDR, MASTER_PORT and WORLD_SIZE, and may they reach each other? ' +
      'RESCALED_RANKS_TIMEOUT=SECONDS waits longer.',
    { cause },
  );
}

/** libtorch's words without where in its source they come from. */
export const firstLine = (error: Error): string =>
  error.message
    .split('\n')[0]!
    .replace(/^\[[^\]]*\]\s*/, '')
    .replace(/\s+This may indicate.*$/, '')
    .trim();

/** An error of a call on the group, in words. @param doing such as "step 12" */
export function peerGone(error: unknown, rank: number, doing: string): RescaledError {
  if (error instanceof RescaledError) return error;
  const said = firstLine(error as Error);
  const why = /timed? ?out/i.test(said) ? 'another rank did not answer in time' : 'another rank has gone';
  return new PeerGone(
    `rank ${rank}: ${why} at ${doing} (${said}). Start all ranks again: the run goes on from its last checkpoint.`,
    { cause: error },
  );
}
