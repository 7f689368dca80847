import { scope, type Tensor } from '../torch/index.js';
import { Activate } from './activation.js';
import { Module } from './module.js';
import { BatchNorm2d } from './norm.js';

/**
 * Modules one after another; state keys are their indices. A batch norm and the activation after it run as one
 * (`forwardAct`).
 */
export class Sequential extends Module {
  constructor(modules: readonly Module[]) {
    super();
    for (const [i, module] of modules.entries()) (this as unknown as Record<number, Module>)[i] = module;
  }
  *[Symbol.iterator](): Generator<Module> {
    for (const [, module] of this.children()) yield module;
  }
  /** What lies between ends with it: autograd keeps what it needs. */
  forward(x: Tensor): Tensor {
    return scope(() => {
      const modules = [...this];
      let result = x;
      for (let i = 0; i < modules.length; i++) {
        const [module, next] = [modules[i]!, modules[i + 1]];
        if (module instanceof BatchNorm2d && next instanceof Activate) {
          result = module.forwardAct(result, next.kind);
          i++;
        } else result = module.forward(result);
      }
      return result;
    });
  }
}
