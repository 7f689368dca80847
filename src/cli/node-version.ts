/** The oldest Node that is served: the first of its line that can `require` ES modules, which several dependencies need. */
export const OLDEST_NODE = '20.19';

/** Whether this version of Node will do. */
export function nodeServes(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [least = 0, leastMinor = 0] = OLDEST_NODE.split('.').map(Number);
  return major > least || (major === least && minor >= leastMinor);
}

/** What an older Node is told; undefined where this one will do. */
export const nodeProblem = (version: string): string | undefined =>
  nodeServes(version)
    ? undefined
    : `rescaled: Expected Node ${OLDEST_NODE} or newer but this is ${version}. Get a newer one from https://nodejs.org.`;
