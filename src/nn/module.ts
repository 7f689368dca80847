import { keep, Tensor, to } from '../torch/index.js';

/** A module of whatever takes and gives. */
// biome-ignore lint/suspicious/noExplicitAny: nothing is called through it but what all modules share
export type AnyModule = Module<any, any>;

/**
 * A named tree of parameters and buffers. A state key is the path of fields that leads to a tensor, as in PyTorch:
 * `layer1.0.conv1.weight`. Fields that hold a Tensor are parameters, unless `bufferNames` lists them.
 * @typeParam In what `forward` takes: a tensor, or for a part that looks at several maps a list of them
 */
export abstract class Module<In = Tensor, Out = Tensor> {
  /** In training, batch norm uses batch statistics and dropout and stochastic depth are active. Set by `train()`. */
  training = false;

  abstract forward(x: In): Out;

  /** Field names of tensors that are state but not trained. */
  get bufferNames(): readonly string[] {
    return [];
  }

  /** [field, module] of the direct children; arrays count by index. */
  *children(): Generator<[string, AnyModule]> {
    for (const [name, value] of Object.entries(this)) {
      if (value instanceof Module) yield [name, value];
      else if (Array.isArray(value))
        for (const [i, item] of value.entries()) if (item instanceof Module) yield [`${name}.${i}`, item];
    }
  }

  /** Every module of the tree with its path; the root has the path ''. */
  *modules(path = ''): Generator<[string, AnyModule]> {
    yield [path, this];
    for (const [name, child] of this.children()) yield* child.modules(path === '' ? name : `${path}.${name}`);
  }

  *#tensors(wanted: 'parameter' | 'buffer' | 'all'): Generator<[string, Tensor]> {
    for (const [path, module] of this.modules()) {
      const buffers = module.bufferNames;
      for (const [name, value] of Object.entries(module)) {
        if (!(value instanceof Tensor)) continue;
        const kind = buffers.includes(name) ? 'buffer' : 'parameter';
        if (wanted === 'all' || wanted === kind) yield [path === '' ? name : `${path}.${name}`, value];
      }
    }
  }

  parameters(): Map<string, Tensor> {
    return new Map(this.#tensors('parameter'));
  }
  buffers(): Map<string, Tensor> {
    return new Map(this.#tensors('buffer'));
  }
  /** Parameters and buffers by state key, in the order of the fields. */
  state(): Map<string, Tensor> {
    return new Map(this.#tensors('all'));
  }

  train(on = true): this {
    for (const [, module] of this.modules()) module.training = on;
    return this;
  }

  /** Moves every tensor, convolution weights in channels_last where asked for, and frees the old ones. */
  to(options: { device?: string; memoryFormat?: 'contiguous' | 'channels_last' }): this {
    for (const [, module] of this.modules()) {
      for (const [name, value] of Object.entries(module)) {
        if (!(value instanceof Tensor)) continue;
        const requiresGrad = value.requiresGrad;
        const maps = value.shape.length === 4 || value.shape.length === 5;
        value.requiresGrad = false;
        const moved = to(value, {
          ...(options.device === undefined ? {} : { device: options.device }),
          ...(options.memoryFormat === undefined || !maps ? {} : { memoryFormat: options.memoryFormat }),
        });
        if (moved !== value) value.dispose();
        moved.requiresGrad = requiresGrad;
        (module as unknown as Record<string, Tensor>)[name] = keep(moved);
      }
    }
    return this;
  }

  /** Number of trained scalars. */
  parameterCount(): number {
    let count = 0;
    for (const tensor of this.parameters().values()) count += tensor.size;
    return count;
  }

  dispose(): void {
    for (const tensor of this.state().values()) tensor.dispose();
  }
}
