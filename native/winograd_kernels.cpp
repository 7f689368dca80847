// The loops of native/winograd.cpp.
#include "winograd_kernels.h"

#ifdef RESCALED_WINOGRAD
#include <immintrin.h>
#include <algorithm>

#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // of _mm512_undefined_ps in GCC 12's own header
#pragma GCC push_options
#pragma GCC optimize("O3")
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,fma")
#include "winograd_transforms.h"

namespace rescaled {
namespace {

// Applies f, which makes To numbers of From, to the rows and then to the columns of from[From][From]: to[To][To].
template <int From, int To, typename F>
INLINE void bothWays(const Vector* from, Vector* to, F f) {
  Vector between[From * To];
#pragma GCC unroll 5
  for (int i = 0; i < From; i++) f(from + i * From, between + i * To);
#pragma GCC unroll 5
  for (int j = 0; j < To; j++) {
    Vector column[From], result[To];
#pragma GCC unroll 5
    for (int i = 0; i < From; i++) column[i] = between[i * To + j];
    f(column, result);
#pragma GCC unroll 5
    for (int i = 0; i < To; i++) to[i * To + j] = result[i];
  }
}

INLINE __mmask16 maskOf(int64_t left) { return left >= kLane ? 0xFFFF : __mmask16((1u << left) - 1); }

struct Place {
  int64_t picture, top, left;
};
INLINE Place placeOf(const Tiling& tiling, int64_t tile) {
  const int64_t down = tiling.down(), across = tiling.across();
  return {tile / (down * across), tile / across % down * tiling.m, tile % across * tiling.m};
}

// Of the 16 channels from c on.
template <int Side, int To, bool Whole, typename F>
INLINE void transformed(const float* const* at, int64_t c, __mmask16 mask, float* to, int64_t step, F f) {
  Vector from[Side * Side], result[To * To];
#pragma GCC unroll 25
  for (int i = 0; i < Side * Side; i++) from[i] = Whole ? _mm512_loadu_ps(at[i] + c) : _mm512_maskz_loadu_ps(mask, at[i] + c);
  bothWays<Side, To>(from, result, f);
#pragma GCC unroll 25
  for (int i = 0; i < To * To; i++) _mm512_storeu_ps(to + i * step + c, result[i]);
}

// Side x Side positions of a tile whose first is (top, left), zeros beside the picture; f makes To x To of them.
template <int Side, int To, typename F>
INLINE void gather(const Tiling& tiling, const Maps& x, float* to, int64_t step, const Place& place, F f) {
  const float* at[Side * Side];
  const float* picture = x.at + place.picture * tiling.height * tiling.width * x.channels;
  for (int i = 0; i < Side; i++)
    for (int j = 0; j < Side; j++) {
      const int64_t row = place.top + i, column = place.left + j;
      const bool inside = row >= 0 && row < tiling.height && column >= 0 && column < tiling.width;
      at[i * Side + j] = inside ? picture + (row * tiling.width + column) * x.channels : x.zeros;
    }
  int64_t c = 0;
  for (; c + kLane <= x.channels; c += kLane) transformed<Side, To, true>(at, c, 0xFFFF, to, step, f);
  if (c < x.channels) transformed<Side, To, false>(at, c, maskOf(x.channels - c), to, step, f);
}

template <int M>
void in(const Tiling& tiling, const Maps& x, float* to, int64_t step, int64_t origin, int64_t first, int64_t last) {
  for (int64_t tile = first; tile < last; tile++) {
    auto place = placeOf(tiling, tile);
    place.top--;
    place.left--;
    gather<M + 2, M + 2>(tiling, x, to + (tile - origin) * lanes(x.channels), step, place, Transform<M>::in);
  }
}

template <int M>
void up(const Tiling& tiling, const Maps& grad, float* to, int64_t step, int64_t origin, int64_t first, int64_t last) {
  for (int64_t tile = first; tile < last; tile++)
    gather<M, M + 2>(tiling, grad, to + (tile - origin) * lanes(grad.channels), step, placeOf(tiling, tile), Transform<M>::up);
}

template <int M>
void out(const Tiling& tiling, const float* from, int64_t step, int64_t origin, int64_t channels, float* y, int64_t first, int64_t last) {
  constexpr int T = M + 2;
  const int64_t columns = packedColumns(channels);
  for (int64_t tile = first; tile < last; tile++) {
    const auto place = placeOf(tiling, tile);
    const float* at = from + (tile - origin) * columns;
    const int rows = int(std::min<int64_t>(M, tiling.height - place.top)), wide = int(std::min<int64_t>(M, tiling.width - place.left));
    float* to = y + ((place.picture * tiling.height + place.top) * tiling.width + place.left) * channels;
    for (int64_t c = 0; c < channels; c += kLane) {
      const __mmask16 mask = maskOf(channels - c);
      Vector given[T * T], result[M * M];
#pragma GCC unroll 25
      for (int i = 0; i < T * T; i++) given[i] = _mm512_loadu_ps(at + i * step + c);
      bothWays<T, M>(given, result, Transform<M>::out);
#pragma GCC unroll 4
      for (int i = 0; i < M; i++)
#pragma GCC unroll 4
        for (int j = 0; j < M; j++)
          if (i < rows && j < wide) _mm512_mask_storeu_ps(to + (i * tiling.width + j) * channels + c, mask, result[i * M + j]);
    }
  }
}

// r[i] holds row i of a 16 x 16 matrix; afterwards column i.
INLINE void transpose(Vector* r) {
  Vector t[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xEE);
    r[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xDD);
    t[i + 8] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xDD);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    r[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
    r[i + 4] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
    r[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xDD);
    r[i + 12] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xDD);
  }
}

template <int M>
void forwardWeight(const float* weight, int64_t outs, int64_t ins, float* to, int64_t first, int64_t last) {
  constexpr int T = M + 2;
  const int64_t panel = panelOf(outs), step = packedColumns(outs) * ins;
  for (int64_t c = first; c < last; c += kLane)
    for (int64_t o = 0; o < packedColumns(outs); o += kLane) {
      const __mmask16 mask = maskOf(ins - c);
      alignas(64) Vector turned[9][kLane];
      for (int tap = 0; tap < 9; tap++) {
        Vector rows[kLane];
#pragma GCC unroll 16
        for (int i = 0; i < kLane; i++) rows[i] = o + i < outs ? _mm512_maskz_loadu_ps(mask, weight + ((o + i) * 9 + tap) * ins + c) : _mm512_setzero_ps();
        transpose(rows);
#pragma GCC unroll 16
        for (int i = 0; i < kLane; i++) turned[tap][i] = rows[i];
      }
      float* at = to + o / panel * panel * ins + o % panel;
      for (int64_t i = 0; i < std::min(kLane, ins - c); i++) {
        Vector g[9], between[3 * T];
        for (int tap = 0; tap < 9; tap++) g[tap] = turned[tap][i];
        for (int row = 0; row < 3; row++) Transform<M>::filter(g + row * 3, between + row * T);
        for (int j = 0; j < T; j++) {
          const Vector column[3] = {between[j], between[T + j], between[2 * T + j]};
          Vector u[T];
          Transform<M>::filter(column, u);
          for (int k = 0; k < T; k++) _mm512_storeu_ps(at + (k * T + j) * step + (c + i) * panel, u[k]);
        }
      }
    }
}

template <int M>
void backwardWeight(const float* weight, int64_t outs, int64_t ins, float* to, int64_t first, int64_t last) {
  constexpr int T = M + 2;
  const int64_t panel = panelOf(ins), step = packedColumns(ins) * outs;
  for (int64_t o = first; o < last; o++)
    for (int64_t c = 0; c < packedColumns(ins); c += kLane) {
      const __mmask16 mask = c < ins ? maskOf(ins - c) : 0;
      Vector g[9], between[3 * T];
      for (int tap = 0; tap < 9; tap++) g[8 - tap] = _mm512_maskz_loadu_ps(mask, weight + (o * 9 + tap) * ins + c);
      float* at = to + c / panel * panel * outs + o * panel + c % panel;
      for (int row = 0; row < 3; row++) Transform<M>::filter(g + row * 3, between + row * T);
      for (int j = 0; j < T; j++) {
        const Vector column[3] = {between[j], between[T + j], between[2 * T + j]};
        Vector u[T];
        Transform<M>::filter(column, u);
        for (int k = 0; k < T; k++) _mm512_storeu_ps(at + (k * T + j) * step, u[k]);
      }
    }
}

template <int M>
void backWeight(const float* from, int64_t outs, int64_t ins, float* to, int64_t first, int64_t last) {
  constexpr int T = M + 2;
  const int64_t columns = lanes(ins), step = outs * columns;
  for (int64_t o = first; o < last; o++)
    for (int64_t c = 0; c < ins; c += kLane) {
      Vector between[T * 3];
      for (int i = 0; i < T; i++) {
        Vector u[T];
        for (int j = 0; j < T; j++) u[j] = _mm512_loadu_ps(from + (i * T + j) * step + o * columns + c);
        Transform<M>::back(u, between + i * 3);
      }
      for (int j = 0; j < 3; j++) {
        Vector column[T], g[3];
        for (int i = 0; i < T; i++) column[i] = between[i * 3 + j];
        Transform<M>::back(column, g);
        for (int i = 0; i < 3; i++) _mm512_mask_storeu_ps(to + (o * 9 + i * 3 + j) * ins + c, maskOf(ins - c), g[i]);
      }
    }
}

// 8 rows times V vectors of columns: 8 V sums stay in registers. Of the result `rows` rows and `columns` columns are kept.
constexpr int kRows = 8;
template <int V>
void block(const float* a, int64_t rowStep, int64_t innerStep, int64_t inner, const float* b, int64_t step, float* to, int64_t toStep, int rows, int64_t columns, bool add) {
  Vector sums[kRows][V];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; r++)
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) sums[r][v] = _mm512_setzero_ps();
  for (int64_t k = 0; k < inner; k++) {
    Vector right[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) right[v] = _mm512_loadu_ps(b + k * step + v * kLane);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; r++) {
      const Vector left = all(a[r * rowStep + k * innerStep]);
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) sums[r][v] = _mm512_fmadd_ps(left, right[v], sums[r][v]);
    }
  }
  if (rows == kRows && columns == V * kLane) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; r++)
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) {
        float* at = to + r * toStep + v * kLane;
        _mm512_storeu_ps(at, add ? _mm512_loadu_ps(at) + sums[r][v] : sums[r][v]);
      }
    return;
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; r++) {
    if (r >= rows) return;
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) {
      float* at = to + r * toStep + v * kLane;
      const __mmask16 mask = maskOf(columns - v * kLane);
      _mm512_mask_storeu_ps(at, mask, add ? _mm512_maskz_loadu_ps(mask, at) + sums[r][v] : sums[r][v]);
    }
  }
}

}  // namespace

bool winogradRuns() {
  static const bool runs = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  return runs;
}

int64_t panelOf(int64_t channels) { return lanes(channels) % 48 == 0 ? 48 : 32; }
int64_t packedColumns(int64_t channels) { return (channels + panelOf(channels) - 1) / panelOf(channels) * panelOf(channels); }

#define RESCALED_BY_M(m, call) \
  do {                         \
    if ((m) == 2) {            \
      constexpr int M = 2;     \
      call;                    \
    } else {                   \
      constexpr int M = 3;     \
      call;                    \
    }                          \
  } while (false)

void tilesIn(const Tiling& tiling, const Maps& x, float* to, int64_t step, int64_t origin, int64_t first, int64_t last) {
  RESCALED_BY_M(tiling.m, in<M>(tiling, x, to, step, origin, first, last));
}
void tilesUp(const Tiling& tiling, const Maps& grad, float* to, int64_t step, int64_t origin, int64_t first, int64_t last) {
  RESCALED_BY_M(tiling.m, up<M>(tiling, grad, to, step, origin, first, last));
}
void tilesOut(const Tiling& tiling, const float* from, int64_t step, int64_t origin, int64_t channels, float* y, int64_t first, int64_t last) {
  RESCALED_BY_M(tiling.m, out<M>(tiling, from, step, origin, channels, y, first, last));
}
void packForward(int64_t m, const float* weight, int64_t outs, int64_t ins, float* to, int64_t first, int64_t last) { RESCALED_BY_M(m, forwardWeight<M>(weight, outs, ins, to, first, last)); }
void packBackward(int64_t m, const float* weight, int64_t outs, int64_t ins, float* to, int64_t first, int64_t last) { RESCALED_BY_M(m, backwardWeight<M>(weight, outs, ins, to, first, last)); }
void unpackGradient(int64_t m, const float* from, int64_t outs, int64_t ins, float* to, int64_t first, int64_t last) { RESCALED_BY_M(m, backWeight<M>(from, outs, ins, to, first, last)); }

void multiply(const Rows& a, int64_t inner, const float* b, int64_t step, int64_t columns, float* to, int64_t toStep, bool add) {
  for (int64_t row = 0; row < a.count; row += kRows) {
    const float* left = a.at + row * a.rowStep;
    float* at = to + row * toStep;
    const int rows = int(std::min<int64_t>(kRows, a.count - row));
    if (columns > 2 * kLane)
      block<3>(left, a.rowStep, a.innerStep, inner, b, step, at, toStep, rows, columns, add);
    else if (columns > kLane)
      block<2>(left, a.rowStep, a.innerStep, inner, b, step, at, toStep, rows, columns, add);
    else
      block<1>(left, a.rowStep, a.innerStep, inner, b, step, at, toStep, rows, columns, add);
  }
}

void packRows(const float* grad, int64_t channels, int64_t count, float* to) {
  const int64_t whole = channels / kRows * kRows;
  const __mmask8 mask = __mmask8(maskOf(channels - whole));
  for (int64_t k = 0; k < count; k++, grad += channels) {
    for (int64_t o = 0; o < whole; o += kRows) _mm256_storeu_ps(to + o * count + k * kRows, _mm256_loadu_ps(grad + o));
    if (whole < channels) _mm256_storeu_ps(to + whole * count + k * kRows, _mm256_maskz_loadu_ps(mask, grad + whole));
  }
}

void packPixels(const Sampling& sampling, const float* x, int64_t tap, int64_t channel, int64_t columns, int64_t panel, int64_t first, int64_t count, float* to) {
  const int64_t size = sampling.outHeight * sampling.outWidth;
  int64_t picture = first / size, down = first % size / sampling.outWidth, across = first % sampling.outWidth;
  for (int64_t k = 0; k < count; k++) {
    const int64_t row = down * sampling.stride - sampling.padding + tap / sampling.kernel, column = across * sampling.stride - sampling.padding + tap % sampling.kernel;
    const bool inside = row >= 0 && row < sampling.height && column >= 0 && column < sampling.width;
    const float* at = inside ? x + ((picture * sampling.height + row) * sampling.width + column) * sampling.channels + channel : x;
    for (int64_t start = 0; start < columns; start += panel) {
      const int64_t wide = std::min(panel, columns - start);
      float* into = to + start * count + k * lanes(wide);
      int64_t c = 0;
      if (inside)
        for (; c + kLane <= wide; c += kLane) _mm512_storeu_ps(into + c, _mm512_loadu_ps(at + start + c));
      for (; c < wide; c += kLane) _mm512_storeu_ps(into + c, _mm512_maskz_loadu_ps(inside ? maskOf(wide - c) : __mmask16(0), at + start + c));
    }
    if (++across < sampling.outWidth) continue;
    across = 0;
    if (++down < sampling.outHeight) continue;
    down = 0;
    picture++;
  }
}

}  // namespace rescaled
#pragma GCC pop_options

#endif
