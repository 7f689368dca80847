export { addon, type EngineInfo, type TypedArray } from './addon.js';
export { enableGrad, gradients, inferenceMode, isGradEnabled, noGrad } from './autograd.js';
export { call, schema } from './call.js';
export { TensorDisposedError } from './errors.js';
export * from './ops.js';
export { engineInfo, getThreads, liveTensors, manualSeed, setThreads, synchronize } from './runtime.js';
export { keep, scope } from './scope.js';
export { fromTypedArray, generator, Generator, Tensor, tensor, type DType, type Nested } from './tensor.js';
export { trace, type TraceArg, type TraceGraph, type TraceNode, type TraceValue } from './trace.js';
