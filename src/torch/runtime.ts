import { addon, type EngineInfo } from './addon.js';

/** libtorch's version, devices, threads and build facts. */
export function engineInfo(): EngineInfo & { cpuCapability: string } {
  const info = addon().engineInfo();
  return { ...info, cpuCapability: /CPU capability usage: (.+)/.exec(info.configuration)?.[1] ?? 'unknown' };
}
export const setThreads = (threads: number): void => addon().setThreads(threads);
export const getThreads = (): number => addon().getThreads();
/** Seeds the default generators of all devices (dropout, random initialisation). */
export const manualSeed = (seed: number | bigint): void => addon().manualSeed(BigInt.asUintN(64, BigInt(seed)));
/** Handles that have not been released; constant from step to step in a loop that does not leak. */
export const liveTensors = (): number => addon().liveTensors();
/** Waits until the devices are done: call before reading a clock. */
export const synchronize = (): void => addon().synchronize();
