/** The Node-API version that the addon is compiled for: each later Node keeps its ABI. */
export const NODE_API = 8;

/**
 * Compiler flags that do not depend on the libtorch. Part of the engine's source hash: changing one asks for a rebuild.
 */
export const commonFlags: readonly string[] = [
  '-O2',
  '-fPIC',
  '-fvisibility=hidden',
  '-pthread',
  '-Wall',
  '-Wextra',
  `-DNAPI_VERSION=${NODE_API}`,
  '-DNODE_ADDON_API_DISABLE_DEPRECATED',
  '-DNAPI_CPP_EXCEPTIONS',
  // Any C++ exception that leaves a callback becomes a JavaScript error; without this it would end the process.
  '-DNODE_ADDON_API_CPP_EXCEPTIONS_ALL',
  // While a worker is terminated nothing can be thrown into JavaScript any more; without this that too ends the
  // process.
  '-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
];
