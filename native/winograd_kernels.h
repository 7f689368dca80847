// The loops of native/winograd.cpp, compiled for AVX-512 alone: winogradRuns() says whether this CPU has it. What they compute is described in winograd.cpp.
#pragma once

#include <cstdint>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define RESCALED_WINOGRAD

namespace rescaled {

bool winogradRuns();

// Channels come in vectors of 16; what is missing of the last one is zero.
constexpr int64_t kLane = 16;
inline int64_t lanes(int64_t channels) { return (channels + kLane - 1) / kLane * kLane; }

// Pictures [N, H, W, channels], cut into tiles of m*m positions, t = m + 2.
struct Tiling {
  int64_t pictures, height, width, m;
  int64_t down() const { return (height + m - 1) / m; }
  int64_t across() const { return (width + m - 1) / m; }
  int64_t tiles() const { return pictures * down() * across(); }
  int64_t frequencies() const { return (m + 2) * (m + 2); }
};

// Maps [N, H, W, channels] and as many zeros as they have channels, for what lies beside a picture.
struct Maps {
  const float* at;
  const float* zeros;
  int64_t channels;
};

// Rows of a product: `rows` x `inner` numbers at a[row * rowStep + k * innerStep].
struct Rows {
  const float* at;
  int64_t count, rowStep, innerStep;
};

// B^T d B of the tiles [first, last), with the border of one position around each: into to[frequency * step + (tile - origin) * lanes(channels) + channel].
void tilesIn(const Tiling& tiling, const Maps& x, float* to, int64_t step, int64_t origin, int64_t first, int64_t last);
// A g A^T of the tiles, without a border.
void tilesUp(const Tiling& tiling, const Maps& grad, float* to, int64_t step, int64_t origin, int64_t first, int64_t last);
// A^T m A, into y.
void tilesOut(const Tiling& tiling, const float* from, int64_t step, int64_t origin, int64_t channels, float* y, int64_t first, int64_t last);

// The columns of a packed weight lie in panels of 32 or 48: for each frequency and panel [inner, panel].
int64_t panelOf(int64_t channels);
int64_t packedColumns(int64_t channels);
// G g G^T of a weight [O, 3, 3, C] as the right side of x's product, [frequency, panel of O, C, panel], for the channels [first, last) of C in steps of 16.
void packForward(int64_t m, const float* weight, int64_t out, int64_t in, float* to, int64_t first, int64_t last);
// The same turned by half a turn as the right side of the gradient's product, [frequency, panel of C, O, panel], for the rows [first, last) of O.
void packBackward(int64_t m, const float* weight, int64_t out, int64_t in, float* to, int64_t first, int64_t last);
// G^T s G of [frequency, O, lanes(C)] as [O, 3, 3, C], rows [first, last).
void unpackGradient(int64_t m, const float* from, int64_t out, int64_t in, float* to, int64_t first, int64_t last);

// to[row, columns] = (add ? to : 0) + (a * b), b a panel: b[k * step + column].
void multiply(const Rows& a, int64_t inner, const float* b, int64_t step, int64_t columns, float* to, int64_t toStep, bool add);

// A convolution of pictures [N, height, width, channels] by a kernel of kernel x kernel.
struct Sampling {
  int64_t height, width, channels, kernel, stride, padding, outHeight, outWidth;
};
// `count` rows of [P, channels] in blocks of 8 channels: [block, count, 8].
void packRows(const float* grad, int64_t channels, int64_t count, float* to);
// What `count` positions of the result, from `first` on, see under one tap of the kernel, channels [channel, channel + columns), in panels:
// [panel, count, lanes of the panel].
void packPixels(const Sampling& sampling, const float* x, int64_t tap, int64_t channel, int64_t columns, int64_t panel, int64_t first, int64_t count, float* to);

}  // namespace rescaled

#endif
