export { addon, type EngineInfo, type HeapUse, type Recompute, type TypedArray } from './addon.js';
export { autocast, forwardIn } from './autocast.js';
export {
  enableGrad,
  gradients,
  inferenceMode,
  isGradEnabled,
  noGrad,
  recompute,
} from './autograd.js';
export { call, isTracing, schema } from './call.js';
export { TensorDisposedError } from './errors.js';
export { distributedBackends, Group, type GroupOptions, MissingRanks, Reducer } from './group.js';
export * from './ops.js';
export {
  engineInfo,
  getThreads,
  heapUse,
  liveTensors,
  manualSeed,
  setCudnn,
  setThreads,
  synchronize,
} from './runtime.js';
export { keep, scope } from './scope.js';
export { elements, type ShapeArgs, type ShapeRecord, type ShapeRule, type ShapeStorage } from './shape-args.js';
export { SHAPE_RULES } from './shape-rules.js';
export { type ShapeListener, type ShapeOptions, shapeOnly, type TapeEvent, type TapeNode } from './shapes.js';
export { type DType, fromTypedArray, Generator, generator, type Nested, Tensor, tensor } from './tensor.js';
export {
  fixed,
  type TraceArg,
  type TracedConstant,
  type TraceGraph,
  type TraceNode,
  type TraceValue,
  trace,
} from './trace.js';
