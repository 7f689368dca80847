import { addon } from './addon.js';

/**
 * Runs `body` in mixed precision: convolutions and matrix products compute in bfloat16, what needs the range or the digits stays in float32,
 * by PyTorch's own lists. Parameters stay float32, and so do their gradients; the backward pass follows the forward pass and needs no autocast.
 */
export function autocast<T>(device: string, body: () => T): T {
  addon().setAutocast(device, true);
  try {
    return body();
  } finally {
    addon().setAutocast(device, false);
  }
}
