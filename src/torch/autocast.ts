import { addon } from './addon.js';
import { to } from './ops.js';
import type { Tensor } from './tensor.js';

/**
 * Runs `body` in mixed precision: convolutions and matrix products compute in `dtype`, what needs the range or the
 * digits stays in float32, by PyTorch's own lists. Parameters stay float32, and so do their gradients; the backward
 * pass follows the forward pass and needs no autocast. float16 is for CUDA, and its gradients need a `LossScaler`:
 * below 6e-8 they become 0.
 */
export function autocast<T>(device: string, body: () => T, dtype: 'bfloat16' | 'float16' = 'bfloat16'): T {
  addon().setAutocast(device, dtype);
  try {
    return body();
  } finally {
    addon().setAutocast(device, null);
  }
}

/** `forward` in this precision, its result in float32: the loss is computed in float32 whatever the network is. */
export const forwardIn = (
  precision: 'float32' | 'bfloat16' | 'float16',
  device: string,
  forward: () => Tensor,
): Tensor => (precision === 'float32' ? forward() : to(autocast(device, forward, precision), { dtype: 'float32' }));
