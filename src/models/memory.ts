import type { ShapeStorage, TapeEvent, TapeNode } from '../torch/index.js';

/** A gradient on its way through the graph; several edges may carry the same one. */
interface Gradient {
  bytes: number;
  holders: number;
}

/**
 * The most bytes that tensors have at once when what the tape tells is followed by backward, by replaying it as
 * libtorch does:
 *
 * - forward: a call's result takes memory; it is given back when no handle is left and autograd does not keep it
 *   (`saves` in torch/shape-rules.ts; memory that is shared counts once);
 * - backward: the recorded nodes in reverse order. A node asks for what is computed again, makes a gradient of the size of each input that wants one (or
 *   hands on its own: additions, views), then gives back that, what was kept for it and the gradient it received. Two
 *   gradients that meet are added in place where one of them is not held elsewhere, else in new memory. Parameters'
 *   gradients stay.
 *
 * Handles that are open at the end of the tape stay open through backward, as in the training loop's scope.
 * Source: torch/csrc/autograd/engine.cpp (evaluate_function) and input_buffer.cpp (accumulate) of PyTorch.
 */
export function peakLiveBytes(tape: readonly TapeEvent[]): number {
  let live = 0;
  let peak = 0;
  const take = (bytes: number): void => {
    live += bytes;
    peak = Math.max(peak, live);
  };

  // -- forward
  const held = new Set<ShapeStorage>(); // by a handle
  const kept = new Map<ShapeStorage, number>(); // by so many nodes
  const nodes: TapeNode[] = [];
  const giveUnused = (storage: ShapeStorage): void => {
    if (!held.has(storage) && !kept.has(storage)) live -= storage.bytes;
  };
  for (const event of tape) {
    if (event.type === 'made') {
      held.add(event.storage);
      take(event.storage.bytes);
    } else if (event.type === 'released') {
      held.delete(event.storage);
      giveUnused(event.storage);
    } else {
      nodes.push(event.node);
      for (const storage of event.node.saved) kept.set(storage, (kept.get(storage) ?? 0) + 1);
    }
  }

  // -- backward
  const waiting = new Map<TapeNode, Gradient>();
  const fresh = (bytes: number): Gradient => {
    take(bytes);
    return { bytes, holders: 1 };
  };
  const leave = (gradient: Gradient): void => {
    if (--gradient.holders === 0) live -= gradient.bytes;
  };
  const arrive = (at: TapeNode, gradient: Gradient): void => {
    const there = waiting.get(at);
    if (there === undefined) waiting.set(at, gradient);
    else if (there.holders === 1 && there.bytes >= gradient.bytes) leave(gradient);
    else if (gradient.holders === 1 && gradient.bytes >= there.bytes) {
      leave(there);
      waiting.set(at, gradient);
    } else {
      waiting.set(at, fresh(Math.max(there.bytes, gradient.bytes)));
      leave(there);
      leave(gradient);
    }
  };
  const release = (node: TapeNode): void => {
    for (const storage of node.saved) {
      const others = kept.get(storage)! - 1;
      if (others > 0) kept.set(storage, others);
      else {
        kept.delete(storage);
        giveUnused(storage);
      }
    }
  };
  const loss = nodes.at(-1);
  if (loss !== undefined) waiting.set(loss, fresh(4));
  for (const node of nodes.reverse()) {
    const received = waiting.get(node);
    if (received === undefined) continue;
    waiting.delete(node);
    take(node.asked);
    const wanted = node.inputs.filter(({ goesTo }) => goesTo !== null);
    const made = wanted.map(({ bytes, passed }): Gradient => {
      if (!passed) return fresh(bytes);
      received.holders++;
      return received;
    });
    live -= node.asked;
    release(node);
    leave(received);
    for (const [i, { goesTo }] of wanted.entries()) if (goesTo !== 'leaf') arrive(goesTo!, made[i]!);
  }
  return peak;
}
