import { addon, type EngineInfo, type HeapUse } from './addon.js';

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
/** What large tensors on the CPU take (native/heap.cpp). @param reset lets the peak begin anew */
export const heapUse = ({ reset = false } = {}): HeapUse => addon().heapUse(reset);
/** Waits until the devices are done: call before reading a clock. */
export const synchronize = (): void => addon().synchronize();
/**
 * How cuDNN computes on CUDA cards. As it starts: neither deterministic nor benchmark, with TF32.
 * @param how.deterministic only kernels that give the same bytes each time
 * @param how.benchmark several are timed for each new shape, and the fastest one is kept: another run may find another
 * @param how.tf32 convolutions in float32 cut their inputs to ten bits of mantissa where the card can
 */
export const setCudnn = (how: { deterministic: boolean; benchmark: boolean; tf32?: boolean }): void =>
  addon().setCudnn(how.deterministic, how.benchmark, how.tf32 ?? true);
