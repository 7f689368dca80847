/**
 * How long a thread of libgomp waits busily for its next piece of work before it sleeps, in turns of a loop. By default
 * it is 300000, some milliseconds. Beside other work the waiting threads hold the cores that those which still work
 * would need: training is 2 to 6 times slower. Measured with `npm run bench:busy` on two cores, against libgomp's own:
 * alone 0.99 times as fast (0.93 to 1.02 in five rounds), beside two busy processes 5.9 times (4.5 to 7.2).
 */
const SPIN_COUNT = '20000';

/** The same for Intel's and LLVM's OpenMP, in milliseconds, where the default is 200; 0 would never wait busily. Not measured. */
const BLOCK_TIME = '1';

/**
 * What OpenMP should find in the environment when it is loaded with libtorch: Debian's and a wheel's libgomp read the
 * one variable, Intel's and LLVM's the other. What the user has set stands, and who has set a policy has decided.
 */
export function openmpEnvironment(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const free = (name: string): boolean => env[name] === undefined || env[name] === '';
  if (!free('OMP_WAIT_POLICY')) return {};
  return {
    ...(free('GOMP_SPINCOUNT') ? { GOMP_SPINCOUNT: SPIN_COUNT } : {}),
    ...(free('KMP_BLOCKTIME') ? { KMP_BLOCKTIME: BLOCK_TIME } : {}),
  };
}
