// One block of rows, C numbers each, of batch_norm_act.cpp: what is computed stands there, how in batch_norm_kernels.cpp.
#pragma once

#include <c10/util/BFloat16.h>

#include <cstdint>

namespace rescaled {

// leakyRelu: x, below 0 leak * x; `leak` means nothing to the others.
enum class Activation : int64_t { none, relu, silu, leakyRelu };

// What is known of an addition in the backward pass: its result (relu alone needs no more), or what was added.
enum class Added { nothing, result, shortcut };

// T: numbers in memory; A: what they are computed in, and what the vectors of C are kept in.
#define RESCALED_KERNELS(T, A)                                                                                                                                                                                  \
  /* shift: a mean of the first rows; sum and squares: of x - shift. All [C]. */                                                                                                                                \
  void blockMoments(const T* x, int64_t rows, int64_t channels, A* shift, A* sum, A* squares);                                                                                                                  \
  /* out = activation((x - mean) * scale + bias + shortcut); shortcut may be null. */                                                                                                                           \
  void blockForward(Activation kind, A leak, const T* x, const T* shortcut, T* out, const A* mean, const A* scale, const A* bias, int64_t rows, int64_t channels);                                              \
  /* sum of m and of m * (x - mean), [C]; with silu, and after an addition, of which `extra` is what `added` says, m is also written to `masked`. */                                                            \
  void blockSums(Activation kind, Added added, A leak, const T* x, const T* grad, const T* extra, T* masked, const A* mean, const A* scale, const A* bias, A* sum, A* product, int64_t rows, int64_t channels); \
  /* gradX = scale * (m - level - (x - mean) * slope). With silu, m is what lies in gradX. */                                                                                                                   \
  void blockBackward(Activation kind, A leak, const T* x, const T* grad, T* gradX, const A* mean, const A* scale, const A* bias, const A* level, const A* slope, int64_t rows, int64_t channels);

RESCALED_KERNELS(float, float)
RESCALED_KERNELS(double, double)
RESCALED_KERNELS(at::BFloat16, float)
#undef RESCALED_KERNELS

}  // namespace rescaled
