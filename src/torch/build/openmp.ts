/**
 * How long a thread of libgomp waits busily for its next piece of work before it sleeps, in turns of a loop. By default
 * it is 300000, some milliseconds. Beside other work the waiting threads hold the cores that those which still work
 * would need: training is 2 to 5 times slower. With a third of it threads are still awake from one operator to the
 * next. With 20000 and 50000, measured where other work had to give way, a small training beside busy processes gained
 * more, 1.98 and 2.28 times in place of 1.6, but alone it lost 15 and 25 % (`npm run bench:busy`).
 */
const SPIN_COUNT = '100000';

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
