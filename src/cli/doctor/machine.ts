import { statfsSync } from 'node:fs';
import { availableParallelism, loadavg, totalmem } from 'node:os';
import { availableMemory } from '../../memory.js';
import { processorFlags } from '../../torch/build/cpu.js';
import { bfloat16On } from '../../train/step/precision.js';

/** One line of the report. `mend` is the exact command that puts it right. */
export interface Check {
  readonly name: string;
  readonly verdict: 'ok' | 'warn' | 'bad';
  readonly detail: string;
  readonly mend?: string;
}

/** What the machine has and does at the moment. */
export interface Machine {
  cores: number;
  /** Processes that want to run, a mean over the last minute. */
  load: number;
  memory: { free: number; of: number };
  /** Of the disk under the folder that one stands in. */
  disk?: { free: number; of: number };
}

const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** A run of a small model on photographs takes about as much. */
const SOME_MEMORY = 2 * 2 ** 30;
const SOME_DISK = 2 * 2 ** 30;

/** What else runs here, and what room there is. */
export function machineChecks(machine: Machine = thisMachine()): Check[] {
  const { cores, load, memory, disk } = machine;
  const busy = load > 0.5 * cores;
  const checks: Check[] = [
    {
      name: 'load',
      verdict: busy ? 'warn' : 'ok',
      detail: `${load.toFixed(1)} on ${cores} ${cores === 1 ? 'core' : 'cores'} over the last minute`,
      ...(busy ? { mend: 'other work slows training; let it end, or leave it cores with --threads' } : {}),
    },
    {
      name: 'memory',
      verdict: memory.free < SOME_MEMORY ? 'warn' : 'ok',
      detail: `${gib(memory.free)} free of ${gib(memory.of)}`,
      ...(memory.free < SOME_MEMORY ? { mend: 'train with a smaller --batch, --size or model' } : {}),
    },
  ];
  if (disk !== undefined)
    checks.push({
      name: 'disk',
      verdict: disk.free < SOME_DISK ? 'warn' : 'ok',
      detail: `${gib(disk.free)} free of ${gib(disk.of)} under this folder`,
      ...(disk.free < SOME_DISK ? { mend: 'make room, or write runs elsewhere with --out' } : {}),
    });
  return checks;
}

function thisMachine(): Machine {
  const machine: Machine = {
    cores: availableParallelism(),
    load: loadavg()[0] ?? 0,
    memory: { free: availableMemory(), of: totalmem() },
  };
  try {
    const { bavail, blocks, bsize } = statfsSync('.');
    return { ...machine, disk: { free: bavail * bsize, of: blocks * bsize } };
  } catch {
    return machine;
  }
}

/** What `precision=auto` trains in on each device; networks that are too small for it stay in float32 everywhere. */
export const precisionDetail = (
  devices: readonly string[],
  capabilities: Readonly<Record<string, string>>,
  flags = processorFlags(),
): string =>
  devices
    .map((device) => {
      const found = bfloat16On(device, flags, (name) => capabilities[name]);
      return 'has' in found ? `bfloat16 on ${device}, ${found.has}` : `float32 on ${device}, ${found.lacks}`;
    })
    .join('; ');

/**
 * The threads that a training takes unless told otherwise, and which instructions libtorch's own kernels use. On a
 * processor with AVX-512 libtorch prefers its AVX2 kernels in many versions; the matrix products of the BLAS and oneDNN
 * choose for themselves.
 */
export function threadsDetail(cpuCapability: string, flags = processorFlags(), cores = availableParallelism()): string {
  const more =
    cpuCapability === 'AVX2' && flags.has('avx512f')
      ? ', as libtorch chooses; the processor has AVX-512, which its BLAS and oneDNN use'
      : '';
  return `${cores} in training (libtorch's own kernels: ${cpuCapability}${more})`;
}
