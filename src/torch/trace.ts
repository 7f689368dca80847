import { noGrad } from './autograd.js';
import { isTracing, setCallListener } from './call.js';
import { Tensor } from './tensor.js';

export type TraceArg =
  | { kind: 'value'; id: number }
  | { kind: 'list'; items: TraceArg[] }
  | { kind: 'const'; value: number | bigint | boolean | string | null };

export interface TraceNode {
  /** 'aten::conv2d' */
  op: string;
  /** '' or 'Tensor' */
  overload: string;
  /** In schema order; trailing defaults may be missing. */
  args: TraceArg[];
  outputs: number[];
}
export interface TraceValue {
  id: number;
  shape: readonly number[];
  dtype: string;
}
/** What a graph needs of a tensor from outside. */
export type TracedConstant = Pick<Tensor, 'shape' | 'dtype' | 'data'>;

/** Tensors that a trace is to take for constants, with the tensor that they are made of. */
const made = new WeakMap<Tensor, Tensor>();

/**
 * What `body` makes of tensors that do not change once a model is trained, such as of weights. A trace holds the result as a constant under
 * the name of `source`, and knows nothing of how it was made; without a trace it is `body()`.
 */
export function fixed(source: Tensor, body: () => Tensor): Tensor {
  if (!isTracing()) return body();
  const listener = setCallListener(undefined);
  try {
    const result = body();
    made.set(result, source);
    return result;
  } finally {
    setCallListener(listener);
  }
}

/** What a function of tensors did, as a list of operator calls. */
export interface TraceGraph {
  inputs: number[];
  outputs: number[];
  values: Map<number, TraceValue>;
  /** Tensors from outside: weights and buffers, and what `fixed` made of them. The graph does not own them. */
  constants: Map<number, { tensor: TracedConstant; name: string }>;
  nodes: TraceNode[];
}

/**
 * Runs `body` once without autograd and records each operator call. Handles made on the way are kept until the end, so
 * that none is taken for another. Named arguments are recorded only when there are none: the traced layers pass by
 * position.
 */
export function trace(
  body: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  names: ReadonlyMap<Tensor, string> = new Map(),
): TraceGraph {
  const graph: TraceGraph = { inputs: [], outputs: [], values: new Map(), constants: new Map(), nodes: [] };
  const ids = new Map<Tensor, number>();
  const define = (tensor: Tensor): number => {
    const id = ids.size;
    ids.set(tensor, id);
    graph.values.set(id, { id, shape: tensor.shape, dtype: tensor.dtype });
    return id;
  };
  const argument = (value: unknown): TraceArg => {
    if (value instanceof Tensor) {
      let id = ids.get(value);
      if (id === undefined) {
        id = define(value);
        const source = made.get(value);
        const name = names.get(source ?? value) ?? `constant_${id}`;
        // What was made on the way may end with the trace: its values are taken now.
        graph.constants.set(id, { tensor: source === undefined ? value : snapshot(value), name });
      }
      return { kind: 'value', id };
    }
    if (Array.isArray(value)) return { kind: 'list', items: value.map(argument) };
    return { kind: 'const', value: (value ?? null) as number | bigint | boolean | string | null };
  };
  graph.inputs = inputs.map(define);
  const before = setCallListener((name, args, named, result) => {
    if (named !== undefined && Object.keys(named).length > 0)
      throw new Error(`trace: ${name} was called with named arguments; pass them by position`);
    const [op, overload = ''] = name.split('.') as [string, string?];
    const recorded = args.map(argument);
    const results = (Array.isArray(result) ? result : [result]).filter(
      (item): item is Tensor => item instanceof Tensor,
    );
    graph.nodes.push({ op, overload, args: recorded, outputs: results.map(define) });
  });
  try {
    const output = noGrad(() => body(...inputs));
    graph.outputs = [ids.get(output) ?? define(output)];
  } finally {
    setCallListener(before);
  }
  return graph;
}

function snapshot(tensor: Tensor): TracedConstant {
  const [shape, dtype, values] = [[...tensor.shape], tensor.dtype, tensor.data()];
  return { shape, dtype, data: () => values };
}
