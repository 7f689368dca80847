// The one-dimensional transforms of Winograd's F(m, 3), of 16 channels at once. Included by winograd_kernels.cpp alone, inside its choice of instructions.
// Cook-Toom's construction at points p_i with M(x) = product of (x - p_i): B^T holds the coefficients of M(x) / (x - p_i), G the powers of p_i by
// the product of (p_i - p_j), A^T the powers of p_i; the point at infinity has M(x), (0, 0, 1) and the highest power.
#pragma once

#include <immintrin.h>

namespace rescaled {
namespace {

using Vector = __m512;
#define INLINE inline __attribute__((always_inline))

INLINE Vector all(float x) { return _mm512_set1_ps(x); }
INLINE Vector times(Vector a, float b) { return a * all(b); }
INLINE Vector plus(Vector a, Vector b, float c) { return _mm512_fmadd_ps(b, all(c), a); }  // a + b c

// One-dimensional transforms of F(m, 3) at the points given; `in` is B^T, `out` A^T, `up` A, `filter` G, `back` G^T.
template <int M>
struct Transform;

// 0, 1, -1, infinity.
template <>
struct Transform<2> {
  static INLINE void in(const Vector* d, Vector* t) {
    t[0] = d[0] - d[2];
    t[1] = d[1] + d[2];
    t[2] = d[2] - d[1];
    t[3] = d[3] - d[1];
  }
  static INLINE void out(const Vector* m, Vector* y) {
    y[0] = m[0] + m[1] + m[2];
    y[1] = m[1] - m[2] + m[3];
  }
  static INLINE void up(const Vector* y, Vector* m) {
    m[0] = y[0];
    m[1] = y[0] + y[1];
    m[2] = y[0] - y[1];
    m[3] = y[1];
  }
  static INLINE void filter(const Vector* g, Vector* u) {
    const Vector even = times(g[0] + g[2], 0.5f), odd = times(g[1], 0.5f);
    u[0] = g[0];
    u[1] = even + odd;
    u[2] = even - odd;
    u[3] = g[2];
  }
  static INLINE void back(const Vector* u, Vector* g) {
    const Vector sum = u[1] + u[2];
    g[0] = plus(u[0], sum, 0.5f);
    g[1] = times(u[1] - u[2], 0.5f);
    g[2] = plus(u[3], sum, 0.5f);
  }
};

// a, -a, b, -b, infinity with a = 1/2 and b = 5/4: errors as small as those of the plain sums.
template <>
struct Transform<3> {
  static constexpr float a = 0.5f, b = 1.25f, aa = a * a, bb = b * b, na = 1 / (2 * a * (aa - bb)), nb = 1 / (2 * b * (bb - aa));
  static INLINE void in(const Vector* d, Vector* t) {
    const Vector even1 = plus(d[2], d[0], -bb), odd1 = plus(d[3], d[1], -bb), even2 = plus(d[2], d[0], -aa), odd2 = plus(d[3], d[1], -aa);
    t[0] = plus(odd1, even1, a);
    t[1] = times(even1, a) - odd1;
    t[2] = plus(odd2, even2, b);
    t[3] = times(even2, b) - odd2;
    t[4] = plus(plus(d[4], d[2], -(aa + bb)), d[0], aa * bb);
  }
  static INLINE void out(const Vector* m, Vector* y) {
    const Vector sum1 = m[0] + m[1], off1 = m[0] - m[1], sum2 = m[2] + m[3], off2 = m[2] - m[3];
    y[0] = sum1 + sum2;
    y[1] = plus(times(off1, a), off2, b);
    y[2] = plus(plus(m[4], sum1, aa), sum2, bb);
  }
  static INLINE void up(const Vector* y, Vector* m) {
    const Vector even1 = plus(y[0], y[2], aa), even2 = plus(y[0], y[2], bb);
    m[0] = plus(even1, y[1], a);
    m[1] = plus(even1, y[1], -a);
    m[2] = plus(even2, y[1], b);
    m[3] = plus(even2, y[1], -b);
    m[4] = y[2];
  }
  static INLINE void filter(const Vector* g, Vector* u) {
    const Vector even1 = times(plus(g[0], g[2], aa), na), even2 = times(plus(g[0], g[2], bb), nb);
    u[0] = plus(even1, g[1], a * na);
    u[1] = plus(even1, g[1], -a * na);
    u[2] = plus(even2, g[1], b * nb);
    u[3] = plus(even2, g[1], -b * nb);
    u[4] = g[2];
  }
  static INLINE void back(const Vector* u, Vector* g) {
    const Vector sum1 = times(u[0] + u[1], na), sum2 = times(u[2] + u[3], nb);
    g[0] = sum1 + sum2;
    g[1] = plus(times(u[0] - u[1], a * na), u[2] - u[3], b * nb);
    g[2] = plus(plus(u[4], sum1, aa), sum2, bb);
  }
};

}  // namespace
}  // namespace rescaled
