import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';

/** Memory that can be had, in bytes: on Linux the kernel counts what it would give back of its caches. */
export const availableMemory = (): number => linuxBytes('/proc/meminfo', 'MemAvailable') ?? freemem();

/** The most memory that this process has had so far, in bytes; undefined where the system does not say. */
export const peakMemory = (): number | undefined => linuxBytes('/proc/self/status', 'VmHWM');

/** The memory that this process has now, in bytes; undefined where the system does not say. */
export const residentMemory = (): number | undefined => linuxBytes('/proc/self/status', 'VmRSS');

function linuxBytes(file: string, field: string): number | undefined {
  try {
    const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(file, 'utf8'))?.[1];
    return kib === undefined ? undefined : 1024 * Number(kib);
  } catch {
    return undefined; // not Linux
  }
}
