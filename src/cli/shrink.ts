import { duration } from './progress.js';

/** A way to shorten a study: what to give, and how long it then takes. */
export interface Way {
  what: string;
  seconds: number;
}

/** From so many hours on a plan says how it can be shortened. */
const LONG_SECONDS = 3 * 3600;

/** Lines that say how a long study can be shortened; none for one that is not long. */
export function shrinkHint(seconds: number, ways: readonly Way[], how = 'Options that shorten it'): string[] {
  const shorter = ways.filter((way) => way.seconds < 0.95 * seconds);
  if (seconds < LONG_SECONDS || shorter.length === 0) return [];
  const width = Math.max(...shorter.map(({ what }) => what.length));
  return [
    `\nThat is long. ${how}, and what it would then take:`,
    ...shorter.map((way) => `  ${way.what.padEnd(width)}  about ${duration(way.seconds)}`),
  ];
}
