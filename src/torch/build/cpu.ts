import { readFileSync } from 'node:fs';

/**
 * The OpenBLAS kernel set that fits these CPU flags, as a value of OPENBLAS_CORETYPE, or undefined when OpenBLAS
 * should decide by itself. OpenBLAS recognises a CPU by family and model and falls back to Prescott (SSE3) on many
 * virtual machines, which costs a factor of four to seven in matrix products; the flags say what the CPU can run.
 */
export function coreTypeFromFlags(flags: ReadonlySet<string>): 'SkylakeX' | 'Haswell' | undefined {
  const all = (...names: string[]): boolean => names.every((name) => flags.has(name));
  if (all('avx512f', 'avx512bw', 'avx512vl', 'avx512dq')) return 'SkylakeX';
  if (all('avx2', 'fma')) return 'Haswell';
  return undefined;
}

/** The flags of the first CPU in the text of /proc/cpuinfo; empty when there are none. */
export function cpuFlags(cpuinfo: string): Set<string> {
  const line = /^flags\s*:(.*)$/m.exec(cpuinfo)?.[1] ?? '';
  return new Set(line.split(/\s+/).filter((flag) => flag !== ''));
}

/** Those of this machine; empty where there is no /proc. */
export function processorFlags(): Set<string> {
  try {
    return cpuFlags(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return new Set();
  }
}

/**
 * The environment that OpenBLAS needs before it is loaded: `{ OPENBLAS_CORETYPE }`, or an empty object when the user
 * has set a value (theirs is kept), when this is not x64 Linux, or when the flags name no better kernel set.
 * It has no effect once libblas is in the process.
 */
export function blasEnvironment(
  env: NodeJS.ProcessEnv = process.env,
  cpuinfoPath = '/proc/cpuinfo',
  platform: string = process.platform,
  arch: string = process.arch,
): Record<string, string> {
  if (platform !== 'linux' || arch !== 'x64') return {};
  if (env['OPENBLAS_CORETYPE'] !== undefined && env['OPENBLAS_CORETYPE'] !== '') return {};
  let text: string;
  try {
    text = readFileSync(cpuinfoPath, 'utf8');
  } catch {
    return {}; // No /proc (some sandboxes): OpenBLAS decides.
  }
  const core = coreTypeFromFlags(cpuFlags(text));
  return core === undefined ? {} : { OPENBLAS_CORETYPE: core };
}
