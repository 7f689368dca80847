// What our own CPU kernels share: the choice of vector instructions, the exponential they can vectorise, and the layout they work in.
#pragma once

#include "compat.h"

#include <c10/util/accumulate.h>
#include <torch/csrc/autograd/grad_mode.h>

#include <cmath>
#include <cstring>

// One loop for every x86-64: the widest instructions are chosen when the library loads. The attribute does not go on templates, so a
// kernel is a template that is always inlined into two plain functions, one for float and one for double.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define RESCALED_WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), optimize("O3")))
#else
#define RESCALED_WIDE
#endif
#define RESCALED_INLINE inline __attribute__((always_inline))

namespace rescaled {

// What numbers of a type are computed and summed in: bfloat16 is a way to keep them in memory.
template <typename T>
struct ComputedAs {
  using type = T;
};
template <>
struct ComputedAs<at::BFloat16> {
  using type = float;
};
template <typename T>
using Computed = typename ComputedAs<T>::type;

// The same as a dtype, for what stands beside a tensor of maps: weights, biases, statistics.
inline at::ScalarType computedType(const at::Tensor& x) { return x.scalar_type() == at::kBFloat16 ? at::kFloat : x.scalar_type(); }

RESCALED_INLINE double widened(double x) { return x; }
RESCALED_INLINE float widened(float x) { return x; }
// bfloat16 is the upper half of a float32.
RESCALED_INLINE float widened(at::BFloat16 x) {
  const uint32_t bits = uint32_t(x.x) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

RESCALED_INLINE void store(double& to, double x) { to = x; }
RESCALED_INLINE void store(float& to, float x) { to = x; }
// To the nearest, ties to the even one, and a NaN stays one: without branches and calls, so that a loop over it becomes vector instructions.
RESCALED_INLINE void store(at::BFloat16& to, float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
  to.x = uint16_t((bits & 0x7FFFFFFF) > 0x7F800000 ? 0x7FC0 : rounded);
}

RESCALED_INLINE double exponential(double x) { return std::exp(x); }

// e^x = 2^n * e^r with n = round(x / ln 2) and |r| <= ln(2)/2; e^r by its Taylor polynomial of degree 7, whose error is below half a unit in the
// last place. No branch and no call, so a loop over it becomes vector instructions. x is held to where 2^n is a normal number.
RESCALED_INLINE float exponential(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  const float toNearest = 12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  float shifted = x * 1.44269504f + toNearest;
  float n = shifted - toNearest;
  float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts: n times the first is exact
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  int32_t bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  bits = (bits - 0x4B400000 + 127) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return p * power;
}

template <typename T>
RESCALED_INLINE T logistic(T x) {
  return T(1) / (T(1) + exponential(-x));
}

// [N, C, H, W], or [N, C, T, H, W], with the channels of a position side by side.
inline at::Tensor channelsLast(const at::Tensor& tensor) { return tensor.contiguous(tensor.dim() == 5 ? at::MemoryFormat::ChannelsLast3d : at::MemoryFormat::ChannelsLast); }

// H * W, or T * H * W.
inline int64_t positions(const at::Tensor& x) { return c10::multiply_integers(x.sizes().slice(2)); }

inline bool isMaps(const at::Tensor& x) { return x.dim() == 4 || x.dim() == 5; }

// Our backward passes are not themselves recorded: a second derivative through them would be silently wrong.
inline void refuseDoubleBackward(const char* name) {
  TORCH_CHECK(!at::GradMode::is_enabled(), name, " has no second derivative: call gradients without createGraph, or put the layer in evaluation mode");
}

}  // namespace rescaled
