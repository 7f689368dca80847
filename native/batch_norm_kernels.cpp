// The loops of batch_norm_act.cpp over one block of rows, C numbers each. The channels lie side by side, so they become the vector lanes; four rows
// at a time share one load and store of the sums.
#include "batch_norm_kernels.h"

#include "wide.h"

namespace rescaled {
namespace {

// Sum and sum of squares of x - shift, where shift is the mean of the first rows. A block of n rows whose first k have mean a and the whole b has a sum of
// squared deviations of at least k (a - b)^2, so with a shift of a the cancellation costs at most a factor of 1 + n/k, however large the mean.
template <typename T, typename A = Computed<T>>
RESCALED_INLINE void momentsOf(const T* __restrict x, int64_t rows, int64_t channels, A* __restrict shift, A* __restrict sum, A* __restrict squares) {
  const int64_t first = rows < 8 ? rows : 8;
  for (int64_t c = 0; c < channels; c++) shift[c] = sum[c] = squares[c] = 0;
  for (int64_t row = 0; row < first; row++)
    for (int64_t c = 0; c < channels; c++) shift[c] += widened(x[row * channels + c]) / A(first);
  int64_t row = 0;
  for (; row + 4 <= rows; row += 4, x += 4 * channels) {
    for (int64_t c = 0; c < channels; c++) {
      const A a = widened(x[c]) - shift[c], b = widened(x[channels + c]) - shift[c], d = widened(x[2 * channels + c]) - shift[c], e = widened(x[3 * channels + c]) - shift[c];
      sum[c] += (a + b) + (d + e);
      squares[c] += (a * a + b * b) + (d * d + e * e);
    }
  }
  for (; row < rows; row++, x += channels) {
    for (int64_t c = 0; c < channels; c++) {
      const A a = widened(x[c]) - shift[c];
      sum[c] += a;
      squares[c] += a * a;
    }
  }
}

// Written as "x < 0 ? 0" and not "x > 0 ? x", so that a NaN stays one and the training loop can stop at it.
template <Activation kind, typename T>
RESCALED_INLINE T activated(T z, T leak) {
  if (kind == Activation::relu) return z < 0 ? T(0) : z;
  if (kind == Activation::leakyRelu) return z < 0 ? leak * z : z;
  if (kind == Activation::silu) return z * logistic(z);
  return z;
}

template <Activation kind, typename T>
RESCALED_INLINE T derivative(T z, T grad, T leak) {
  if (kind == Activation::relu) return z <= 0 ? T(0) : grad;
  if (kind == Activation::leakyRelu) return z <= 0 ? leak * grad : grad;
  if (kind == Activation::silu) {
    const T s = logistic(z);
    return grad * s * (1 + z * (1 - s));
  }
  return grad;
}

template <Activation kind, typename T, typename A = Computed<T>>
RESCALED_INLINE void forwardOf(A leak, const T* __restrict x, const T* __restrict shortcut, T* __restrict out, const A* __restrict mean, const A* __restrict scale, const A* __restrict bias,
                               int64_t rows, int64_t channels) {
  for (int64_t row = 0; row < rows; row++, x += channels, out += channels) {
    if (shortcut == nullptr) {
      for (int64_t c = 0; c < channels; c++) store(out[c], activated<kind>((widened(x[c]) - mean[c]) * scale[c] + bias[c], leak));
    } else {
      for (int64_t c = 0; c < channels; c++) store(out[c], activated<kind>((widened(x[c]) - mean[c]) * scale[c] + bias[c] + widened(shortcut[c]), leak));
      shortcut += channels;
    }
  }
}

// m at one place. After an addition `extra` is the result, which is enough for relu, or the sum's other part; all else is computed again.
template <Activation kind, Added added, typename T>
RESCALED_INLINE T maskedAt(T x, T grad, T extra, T mean, T scale, T bias, T leak) {
  if (kind == Activation::none) return grad;
  if (added == Added::result) return extra <= 0 ? T(0) : grad;
  return derivative<kind>((x - mean) * scale + bias + (added == Added::shortcut ? extra : T(0)), grad, leak);
}

// m is written down where its gradient is wanted for the shortcut, and for silu, where computing it twice costs more than memory.
template <Activation kind, Added added, typename T, typename A = Computed<T>>
RESCALED_INLINE void sumsOf(A leak, const T* __restrict x, const T* __restrict grad, const T* __restrict extra, T* __restrict masked, const A* __restrict mean, const A* __restrict scale,
                            const A* __restrict bias, A* __restrict sum, A* __restrict product, int64_t rows, int64_t channels) {
  constexpr bool has = added != Added::nothing, keep = has || kind == Activation::silu;
  for (int64_t c = 0; c < channels; c++) sum[c] = product[c] = 0;
  int64_t at = 0;
  for (int64_t row = 0; row + 4 <= rows; row += 4, at += 4 * channels) {
    for (int64_t c = 0; c < channels; c++) {
      A m[4], value[4];
      for (int i = 0; i < 4; i++) {
        const int64_t here = at + i * channels + c;
        value[i] = widened(x[here]);
        m[i] = maskedAt<kind, added>(value[i], widened(grad[here]), has ? widened(extra[here]) : A(0), mean[c], scale[c], bias[c], leak);
        if (keep) store(masked[here], m[i]);
      }
      sum[c] += (m[0] + m[1]) + (m[2] + m[3]);
      product[c] += (m[0] * (value[0] - mean[c]) + m[1] * (value[1] - mean[c])) + (m[2] * (value[2] - mean[c]) + m[3] * (value[3] - mean[c]));
    }
  }
  for (; at < rows * channels; at += channels) {
    for (int64_t c = 0; c < channels; c++) {
      const A value = widened(x[at + c]), m = maskedAt<kind, added>(value, widened(grad[at + c]), has ? widened(extra[at + c]) : A(0), mean[c], scale[c], bias[c], leak);
      if (keep) store(masked[at + c], m);
      sum[c] += m;
      product[c] += m * (value - mean[c]);
    }
  }
}

// With silu, m already lies in gradX.
template <Activation kind, typename T, typename A = Computed<T>>
RESCALED_INLINE void backwardOf(A leak, const T* __restrict x, const T* __restrict grad, T* __restrict gradX, const A* __restrict mean, const A* __restrict scale, const A* __restrict bias,
                                const A* __restrict level, const A* __restrict slope, int64_t rows, int64_t channels) {
  for (int64_t row = 0; row < rows; row++, x += channels, grad += channels, gradX += channels) {
    for (int64_t c = 0; c < channels; c++) {
      const A value = widened(x[c]), m = kind == Activation::silu ? widened(gradX[c]) : maskedAt<kind, Added::nothing>(value, widened(grad[c]), A(0), mean[c], scale[c], bias[c], leak);
      store(gradX[c], scale[c] * (m - level[c] - (value - mean[c]) * slope[c]));
    }
  }
}

}  // namespace

#define RESCALED_KERNELS(T, A)                                                                                                                                                                       \
  RESCALED_WIDE void blockMoments(const T* x, int64_t rows, int64_t channels, A* shift, A* sum, A* squares) { momentsOf(x, rows, channels, shift, sum, squares); }                                   \
  RESCALED_WIDE void blockForward(Activation kind, A leak, const T* x, const T* shortcut, T* out, const A* mean, const A* scale, const A* bias, int64_t rows, int64_t channels) {                    \
    if (kind == Activation::none) forwardOf<Activation::none>(leak, x, shortcut, out, mean, scale, bias, rows, channels);                                                                            \
    else if (kind == Activation::relu) forwardOf<Activation::relu>(leak, x, shortcut, out, mean, scale, bias, rows, channels);                                                                       \
    else if (kind == Activation::leakyRelu) forwardOf<Activation::leakyRelu>(leak, x, shortcut, out, mean, scale, bias, rows, channels);                                                             \
    else forwardOf<Activation::silu>(leak, x, shortcut, out, mean, scale, bias, rows, channels);                                                                                                     \
  }                                                                                                                                                                                                  \
  RESCALED_WIDE void blockSums(Activation kind, Added added, A leak, const T* x, const T* grad, const T* extra, T* masked, const A* mean, const A* scale, const A* bias, A* sum, A* product,         \
                               int64_t rows, int64_t channels) {                                                                                                                                     \
    if (kind == Activation::none) sumsOf<Activation::none, Added::nothing>(leak, x, grad, extra, masked, mean, scale, bias, sum, product, rows, channels);                                           \
    else if (kind == Activation::relu && added == Added::nothing) sumsOf<Activation::relu, Added::nothing>(leak, x, grad, extra, masked, mean, scale, bias, sum, product, rows, channels);           \
    else if (kind == Activation::relu && added == Added::result) sumsOf<Activation::relu, Added::result>(leak, x, grad, extra, masked, mean, scale, bias, sum, product, rows, channels);             \
    else if (kind == Activation::relu) sumsOf<Activation::relu, Added::shortcut>(leak, x, grad, extra, masked, mean, scale, bias, sum, product, rows, channels);                                     \
    else if (kind == Activation::leakyRelu && added == Added::nothing) sumsOf<Activation::leakyRelu, Added::nothing>(leak, x, grad, extra, masked, mean, scale, bias, sum, product, rows, channels); \
    else if (kind == Activation::leakyRelu) sumsOf<Activation::leakyRelu, Added::shortcut>(leak, x, grad, extra, masked, mean, scale, bias, sum, product, rows, channels);                           \
    else if (added == Added::nothing) sumsOf<Activation::silu, Added::nothing>(leak, x, grad, extra, masked, mean, scale, bias, sum, product, rows, channels);                                       \
    else sumsOf<Activation::silu, Added::shortcut>(leak, x, grad, extra, masked, mean, scale, bias, sum, product, rows, channels);                                                                   \
  }                                                                                                                                                                                                  \
  RESCALED_WIDE void blockBackward(Activation kind, A leak, const T* x, const T* grad, T* gradX, const A* mean, const A* scale, const A* bias, const A* level, const A* slope, int64_t rows,         \
                                   int64_t channels) {                                                                                                                                               \
    if (kind == Activation::none) backwardOf<Activation::none>(leak, x, grad, gradX, mean, scale, bias, level, slope, rows, channels);                                                               \
    else if (kind == Activation::relu) backwardOf<Activation::relu>(leak, x, grad, gradX, mean, scale, bias, level, slope, rows, channels);                                                          \
    else if (kind == Activation::leakyRelu) backwardOf<Activation::leakyRelu>(leak, x, grad, gradX, mean, scale, bias, level, slope, rows, channels);                                                \
    else backwardOf<Activation::silu>(leak, x, grad, gradX, mean, scale, bias, level, slope, rows, channels);                                                                                        \
  }

RESCALED_KERNELS(float, float)
RESCALED_KERNELS(double, double)
RESCALED_KERNELS(at::BFloat16, float)

}  // namespace rescaled
