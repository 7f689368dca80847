import { addon } from './addon.js';

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
