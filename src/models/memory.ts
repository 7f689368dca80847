import type { ShapeStorage, TapeEvent, TapeNode } from '../torch/index.js';

/** A gradient on its way through the graph; several edges may carry the same one. */
interface Gradient {
  bytes: number;
  holders: number;
}

/**
 * The most bytes that are alive at once in one training step, by replaying it as libtorch does:
 *
 * - forward: a call's result takes memory; it is given back when no handle is left and autograd does not keep it (`saves` in
 *   torch/shape-rules.ts, memory that is shared counted once);
 * - backward: the recorded nodes in reverse order. A node makes a gradient of the size of each input that wants one (or hands on its own:
 *   additions, views), then gives back what was kept for it and the gradient it received. Two gradients that meet are added in place where
 *   one of them is not held elsewhere, else in new memory. Parameters' gradients stay until the optimiser's step.
 *
 * `events` reach from the making of the model to the loss; `resident` bytes, such as momentum, come on top throughout.
 * Source: torch/csrc/autograd/engine.cpp (evaluate_function) and input_buffer.cpp (accumulate) of PyTorch.
 */
export function peakOfStep(events: readonly TapeEvent[], resident: number): number {
  let live = resident;
  let peak = live;
  const take = (bytes: number): void => {
    live += bytes;
    if (live > peak) peak = live;
  };

  // -- forward
  const held = new Set<ShapeStorage>(); // by a handle
  const kept = new Map<ShapeStorage, number>(); // by so many nodes
  const nodes: TapeNode[] = [];
  const freeUnused = (storage: ShapeStorage): void => {
    if (!held.has(storage) && !kept.has(storage)) live -= storage.bytes;
  };
  for (const event of events) {
    if (event.type === 'made') {
      held.add(event.storage);
      take(event.storage.bytes);
    } else if (event.type === 'released') {
      held.delete(event.storage);
      freeUnused(event.storage);
    } else {
      nodes.push(event.node);
      for (const storage of event.node.saved) kept.set(storage, (kept.get(storage) ?? 0) + 1);
    }
  }

  // -- backward
  const waiting = new Map<TapeNode, Gradient>();
  const leave = (gradient: Gradient): void => {
    if (--gradient.holders === 0) live -= gradient.bytes;
  };
  const arrive = (at: TapeNode, gradient: Gradient): void => {
    const there = waiting.get(at);
    if (there === undefined) waiting.set(at, gradient);
    else if (there.holders === 1) leave(gradient);
    else if (gradient.holders === 1) {
      leave(there);
      waiting.set(at, gradient);
    } else {
      take(there.bytes);
      leave(there);
      leave(gradient);
      waiting.set(at, { bytes: there.bytes, holders: 1 });
    }
  };
  const release = (node: TapeNode): void => {
    for (const storage of node.saved) {
      const others = kept.get(storage)! - 1;
      if (others > 0) kept.set(storage, others);
      else {
        kept.delete(storage);
        freeUnused(storage);
      }
    }
  };
  const last = nodes.at(-1);
  if (last !== undefined) waiting.set(last, { bytes: 0, holders: 1 });
  for (const node of nodes.reverse()) {
    const received = waiting.get(node);
    if (received === undefined) continue;
    waiting.delete(node);
    const wanted = node.inputs.filter(({ goesTo }) => goesTo !== null);
    const made = wanted.map(({ bytes }): Gradient => {
      if (node.passesGradient) {
        received.holders++;
        return received;
      }
      take(bytes);
      return { bytes, holders: 1 };
    });
    release(node);
    leave(received);
    for (const [i, { goesTo }] of wanted.entries()) if (goesTo !== 'leaf') arrive(goesTo!, made[i]!);
  }
  return peak;
}
