import { commandLine } from '../suggest.js';

export const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

/** What to do after a command that ended well; on stderr, so that what the command prints can be passed on. */
export const tellNext = (...words: readonly string[]): void => console.error(`next: ${commandLine(words)}`);
export const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
