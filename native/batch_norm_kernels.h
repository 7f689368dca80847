// One block of rows, C numbers each, of batch_norm_act.cpp: what is computed stands there, how in batch_norm_kernels.cpp.
#pragma once

#include <cstdint>

namespace rescaled {

// leakyRelu: x, below 0 leak * x; `leak` means nothing to the others.
enum class Activation : int64_t { none, relu, silu, leakyRelu };

#define RESCALED_KERNELS(T)                                                                                                                                                                        \
  /* shift: a mean of the first rows; sum and squares: of x - shift. All [C]. */                                                                                                                   \
  void blockMoments(const T* x, int64_t rows, int64_t channels, T* shift, T* sum, T* squares);                                                                                                     \
  /* out = activation((x - mean) * scale + bias + shortcut); shortcut may be null. */                                                                                                              \
  void blockForward(Activation kind, T leak, const T* x, const T* shortcut, T* out, const T* mean, const T* scale, const T* bias, int64_t rows, int64_t channels);                                 \
  /* sum of m and of m * (x - mean), [C]; with silu, and with `extra` (relu: the result; else the shortcut), m is also written to `masked`. */                                                     \
  void blockSums(Activation kind, T leak, const T* x, const T* grad, const T* extra, T* masked, const T* mean, const T* scale, const T* bias, T* sum, T* product, int64_t rows, int64_t channels); \
  /* gradX = scale * (m - level - (x - mean) * slope). With silu, m is what lies in gradX. */                                                                                                      \
  void blockBackward(Activation kind, T leak, const T* x, const T* grad, T* gradX, const T* mean, const T* scale, const T* bias, const T* level, const T* slope, int64_t rows, int64_t channels);

RESCALED_KERNELS(float)
RESCALED_KERNELS(double)
#undef RESCALED_KERNELS

}  // namespace rescaled
