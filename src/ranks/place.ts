import { UsageError } from '../errors.js';

/** Which of several processes this one is, as its launcher says. */
export interface RankPlace {
  rank: number;
  world: number;
  /** Among the processes of this machine. */
  localRank: number;
  localWorld: number;
  /** Rank 0's machine and port. */
  host: string;
  port: number;
  /** Who said so, for people. */
  launcher: 'torchrun' | 'rescaled launch' | 'Slurm' | 'Kubernetes';
}

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_PORT = 29500;

/**
 * Reads what torchrun, `rescaled launch`, Slurm or an indexed Kubernetes Job tells its processes. The first that is whole counts.
 * @returns undefined where this process is alone
 * @throws UsageError for an environment of which a part is missing or wrong
 */
export function rankPlace(env: Environment): RankPlace | undefined {
  const place = launched(env) ?? slurm(env) ?? kubernetes(env);
  return place === undefined || place.world === 1 ? undefined : place;
}

/** torchrun's variables; PyTorchJob and `rescaled launch` set the same. */
function launched(env: Environment): RankPlace | undefined {
  if (env['RANK'] === undefined) return undefined;
  const launcher = env['RESCALED_LAUNCH'] === undefined ? 'torchrun' : 'rescaled launch';
  const world = count(env, 'WORLD_SIZE', 'RANK');
  const rank = below(env, 'RANK', world);
  const localWorld = env['LOCAL_WORLD_SIZE'] === undefined ? 1 : count(env, 'LOCAL_WORLD_SIZE', 'RANK');
  const localRank = env['LOCAL_RANK'] === undefined ? 0 : below(env, 'LOCAL_RANK', localWorld);
  // The port itself is taken: torchrun's agent serves a store of its own on it, in a version that ours may not speak.
  const own = env['TORCHELASTIC_USE_AGENT_STORE'] === 'True' ? 1 : 0;
  return { rank, world, localRank, localWorld, host: host(env, 'RANK'), port: port(env) + own, launcher };
}

/** A task of a step that has several (srun); an interactive shell is none. */
function slurm(env: Environment): RankPlace | undefined {
  if (env['SLURM_PROCID'] === undefined || env['SLURM_NTASKS'] === undefined || env['SLURM_NTASKS'] === '1')
    return undefined;
  if (env['SLURM_STEP_ID'] === undefined || env['SLURM_JOB_NAME'] === 'interactive') return undefined;
  const world = count(env, 'SLURM_NTASKS', 'SLURM_PROCID');
  const localWorld =
    env['SLURM_STEP_TASKS_PER_NODE'] === undefined
      ? 1
      : tasksHere(env['SLURM_STEP_TASKS_PER_NODE'], env['SLURM_NODEID']);
  return {
    ...{ rank: below(env, 'SLURM_PROCID', world), world },
    ...{ localRank: whole(env, 'SLURM_LOCALID', 'SLURM_PROCID'), localWorld },
    ...{ host: host(env, 'SLURM_PROCID'), port: port(env), launcher: 'Slurm' as const },
  };
}

/** `2(x3),1`: tasks of each node in its order. */
function tasksHere(text: string, node: string | undefined): number {
  const counts = text.split(',').flatMap((part) => {
    const [, tasks, times = '1'] = /^(\d+)(?:\(x(\d+)\))?$/.exec(part.trim()) ?? [];
    return tasks === undefined ? [] : new Array<number>(Number(times)).fill(Number(tasks));
  });
  return counts[Number(node ?? 0)] ?? counts[0] ?? 1;
}

/** A pod of an indexed Job. */
function kubernetes(env: Environment): RankPlace | undefined {
  if (env['JOB_COMPLETION_INDEX'] === undefined || env['WORLD_SIZE'] === undefined) return undefined;
  const world = count(env, 'WORLD_SIZE', 'JOB_COMPLETION_INDEX');
  return {
    ...{ rank: below(env, 'JOB_COMPLETION_INDEX', world), world, localRank: 0, localWorld: 1 },
    ...{ host: host(env, 'JOB_COMPLETION_INDEX'), port: port(env), launcher: 'Kubernetes' as const },
  };
}

function host(env: Environment, beside: string): string {
  const name = env['MASTER_ADDR'];
  if (name === undefined || name === '')
    throw new UsageError(
      `Expected MASTER_ADDR beside ${beside}, the name or address of rank 0's machine, but it is not set. ` +
        `Set it for all ranks, or unset ${beside} to train in one process.`,
    );
  return name;
}

const port = (env: Environment): number => {
  const text = env['MASTER_PORT'];
  const value = text === undefined ? DEFAULT_PORT : Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 65534)
    throw new UsageError(`Expected a port, 1 to 65534, in MASTER_PORT but received "${text}".`);
  return value;
};

function whole(env: Environment, name: string, beside: string): number {
  const text = env[name];
  if (text === undefined)
    throw new UsageError(
      `Expected ${name} beside ${beside} but it is not set. Set all that a launcher sets, or unset ${beside} to train in one process.`,
    );
  if (!/^\d+$/.test(text)) throw new UsageError(`Expected a whole number in ${name} but received "${text}".`);
  return Number(text);
}

function count(env: Environment, name: string, beside: string): number {
  const value = whole(env, name, beside);
  if (value < 1) throw new UsageError(`Expected 1 or more in ${name} but received ${value}.`);
  return value;
}

function below(env: Environment, name: string, world: number): number {
  const value = whole(env, name, name);
  if (value >= world)
    throw new UsageError(`Expected a number below ${world}, the number of ranks, in ${name} but received ${value}.`);
  return value;
}
