// Loops over the pixels of pictures: the two passes of a resize and the blur, for threads that make views. src/augment/resample.ts and
// policies/blur.ts are the same in TypeScript, and give the same bytes; they say what is computed.
#include "bridge.h"
#include "wide.h"

namespace rescaled {
namespace {

constexpr int kBits = 22;
constexpr int32_t kHalf = 1 << (kBits - 1);
/** Rows that share the loads of their weights. */
constexpr int kRows = 4;
/** Bytes of a row that are summed at a time, without going through memory for each tap. */
constexpr int kBlock = 64;

RESCALED_INLINE uint8_t clip8(int32_t sum) {
  int32_t value = sum >> kBits;
  return uint8_t(value < 0 ? 0 : value > 255 ? 255 : value);
}

/** One axis of a resampling, as `prepare` made it. */
struct Axis {
  const int32_t* first;
  const int32_t* taps;
  const int32_t* weights;
  int64_t stride;
};

RESCALED_WIDE void widen(const uint8_t* __restrict from, int32_t* __restrict to, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] = from[i];
}

typedef int32_t Ints4 __attribute__((vector_size(16)));
RESCALED_INLINE Ints4 fourAt(const int32_t* p) {
  Ints4 value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

/** kRows rows of widened pixels, `pitch` integers apart, each to `width` pixels. The fourth lane is the next pixel's red, and left out. */
RESCALED_WIDE void rowsOf(const int32_t* __restrict source, int64_t pitch, Axis axis, uint8_t* __restrict out, int64_t width) {
  for (int64_t x = 0; x < width; x++) {
    const int32_t* p = source + 3 * int64_t(axis.first[x]);
    const int32_t* weights = axis.weights + x * axis.stride;
    Ints4 a = Ints4{} + kHalf, b = a, c = a, d = a;
    for (int32_t t = 0; t < axis.taps[x]; t++, p += 3) {
      Ints4 weight = Ints4{} + weights[t];
      a += weight * fourAt(p);
      b += weight * fourAt(p + pitch);
      c += weight * fourAt(p + 2 * pitch);
      d += weight * fourAt(p + 3 * pitch);
    }
    uint8_t* to = out + 3 * x;
    for (int k = 0; k < 3; k++) {
      to[k] = clip8(a[k]);
      to[k + 3 * width] = clip8(b[k]);
      to[k + 6 * width] = clip8(c[k]);
      to[k + 9 * width] = clip8(d[k]);
    }
  }
}

/** One row of the second pass: `bytes` sums over `taps` rows, `pitch` bytes apart. */
RESCALED_WIDE void columnsOf(const uint8_t* __restrict source, int64_t pitch, const int32_t* __restrict weights, int32_t taps, uint8_t* __restrict out, int64_t bytes) {
  int64_t i = 0;
  for (; i + kBlock <= bytes; i += kBlock) {
    int32_t sums[kBlock];
    for (int k = 0; k < kBlock; k++) sums[k] = kHalf;
    const uint8_t* p = source + i;
    for (int32_t t = 0; t < taps; t++, p += pitch) {
      int32_t weight = weights[t];
      for (int k = 0; k < kBlock; k++) sums[k] += p[k] * weight;
    }
    for (int k = 0; k < kBlock; k++) out[i + k] = clip8(sums[k]);
  }
  for (; i < bytes; i++) {
    int32_t sum = kHalf;
    for (int32_t t = 0; t < taps; t++) sum += source[i + t * pitch] * weights[t];
    out[i] = clip8(sum);
  }
}

/**
 * out[i] = sum over t of kernel[t] * source[i + t * step], summed in float64: there a product of two float32 is exact, so that fused and separate
 * operations agree.
 */
RESCALED_WIDE void convolve(const float* __restrict source, int64_t step, const float* __restrict kernel, int64_t taps, float* __restrict out, int64_t n) {
  constexpr int block = kBlock / 2;
  int64_t i = 0;
  for (; i + block <= n; i += block) {
    double sums[block];
    for (int k = 0; k < block; k++) sums[k] = 0;
    const float* p = source + i;
    for (int64_t t = 0; t < taps; t++, p += step) {
      double weight = kernel[t];
      for (int k = 0; k < block; k++) sums[k] += weight * p[k];
    }
    for (int k = 0; k < block; k++) out[i + k] = float(sums[k]);
  }
  for (; i < n; i++) {
    double sum = 0;
    for (int64_t t = 0; t < taps; t++) sum += double(kernel[t]) * source[i + t * step];
    out[i] = float(sum);
  }
}

template <typename T>
T* dataOfArray(const Napi::Value& value, size_t& length) {
  auto array = value.As<Napi::TypedArrayOf<T>>();
  length = array.ElementLength();
  return array.Data();
}

void expect(bool good, const char* what) {
  if (!good) throw std::runtime_error(std::string("expected ") + what);
}

/** first, taps, weights, stride from argument `at` on, checked against what they will read: `inputs` places. */
Axis axisFrom(const Napi::CallbackInfo& info, size_t at, int64_t outputs, int64_t inputs) {
  size_t firsts, counts, weights;
  Axis axis;
  axis.first = dataOfArray<int32_t>(info[at], firsts);
  axis.taps = dataOfArray<int32_t>(info[at + 1], counts);
  axis.weights = dataOfArray<int32_t>(info[at + 2], weights);
  axis.stride = info[at + 3].As<Napi::Number>().Int64Value();
  expect(outputs >= 0 && int64_t(firsts) >= outputs && int64_t(counts) >= outputs && int64_t(weights) >= outputs * axis.stride, "an axis of that many outputs");
  for (int64_t i = 0; i < outputs; i++)
    expect(axis.first[i] >= 0 && axis.taps[i] >= 0 && axis.taps[i] <= axis.stride && int64_t(axis.first[i]) + axis.taps[i] <= inputs, "an axis within the picture");
  return axis;
}

int64_t whole(const Napi::CallbackInfo& info, size_t at) { return info[at].As<Napi::Number>().Int64Value(); }

// resampleRows(source, offset, pitch, pixels, rows, target, width, first, taps, weights, stride): rows of `pixels` pixels, `pitch` bytes
// apart from `offset` on, each to `width` pixels of `target`.
Napi::Value resampleRows(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), "resampleRows", [&]() -> Napi::Value {
    size_t length, room;
    const uint8_t* source = dataOfArray<uint8_t>(info[0], length);
    int64_t offset = whole(info, 1), pitch = whole(info, 2), pixels = whole(info, 3), rows = whole(info, 4), width = whole(info, 6);
    uint8_t* target = dataOfArray<uint8_t>(info[5], room);
    expect(offset >= 0 && rows >= 1 && pixels >= 1 && pitch >= 3 * pixels && offset + (rows - 1) * pitch + 3 * pixels <= int64_t(length), "rows within the source");
    expect(width >= 1 && rows * width * 3 <= int64_t(room), "a target of that size");
    Axis axis = axisFrom(info, 7, width, pixels);
    // Kept between calls. One integer more than the pixels have, for the fourth lane.
    static thread_local std::vector<int32_t> wide;
    static thread_local std::vector<uint8_t> spare;
    int64_t wideRow = 3 * pixels + 1;
    wide.resize(size_t(kRows * wideRow));
    for (int64_t y = 0; y < rows; y += kRows) {
      int64_t n = std::min<int64_t>(kRows, rows - y);
      for (int64_t r = 0; r < n; r++) widen(source + offset + (y + r) * pitch, wide.data() + r * wideRow, 3 * pixels);
      if (n == kRows) {
        rowsOf(wide.data(), wideRow, axis, target + y * width * 3, width);
        continue;
      }
      spare.resize(size_t(kRows * width * 3));
      rowsOf(wide.data(), wideRow, axis, spare.data(), width);
      std::memcpy(target + y * width * 3, spare.data(), size_t(n * width * 3));
    }
    return info.Env().Undefined();
  });
}

// resampleColumns(source, offset, pitch, bytes, rows, target, height, first, taps, weights, stride): `rows` rows of `bytes` bytes to `height`.
Napi::Value resampleColumns(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), "resampleColumns", [&]() -> Napi::Value {
    size_t length, room;
    const uint8_t* source = dataOfArray<uint8_t>(info[0], length);
    int64_t offset = whole(info, 1), pitch = whole(info, 2), bytes = whole(info, 3), rows = whole(info, 4), height = whole(info, 6);
    uint8_t* target = dataOfArray<uint8_t>(info[5], room);
    expect(offset >= 0 && rows >= 1 && bytes >= 1 && pitch >= bytes && offset + (rows - 1) * pitch + bytes <= int64_t(length), "rows within the source");
    expect(height >= 1 && height * bytes <= int64_t(room), "a target of that size");
    Axis axis = axisFrom(info, 7, height, rows);
    for (int64_t y = 0; y < height; y++)
      columnsOf(source + offset + axis.first[y] * pitch, pitch, axis.weights + y * axis.stride, axis.taps[y], target + y * bytes, bytes);
    return info.Env().Undefined();
  });
}

// blur(values, width, height, kernel): [height, width, 3] in place, along the rows, then along the columns, zeros outside.
Napi::Value blur(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), "blur", [&]() -> Napi::Value {
    size_t length, taps;
    float* values = dataOfArray<float>(info[0], length);
    int64_t row = 3 * whole(info, 1), height = whole(info, 2);
    const float* kernel = dataOfArray<float>(info[3], taps);
    expect(row >= 3 && height >= 1 && int64_t(length) == row * height && taps % 2 == 1, "a picture of that size and an odd kernel");
    int64_t radius = int64_t(taps) / 2;
    static thread_local std::vector<float> line, rows;
    line.assign(size_t(row + 6 * radius), 0);
    // Rows of zeros above and below. A sum that begins with 0 * weight is the sum without it.
    rows.assign(size_t(row * (height + 2 * radius)), 0);
    for (int64_t y = 0; y < height; y++) {
      std::memcpy(line.data() + 3 * radius, values + y * row, size_t(row) * sizeof(float));
      convolve(line.data(), 3, kernel, int64_t(taps), rows.data() + (y + radius) * row, row);
    }
    for (int64_t y = 0; y < height; y++) convolve(rows.data() + y * row, row, kernel, int64_t(taps), values + y * row, row);
    for (size_t i = 0; i < length; i++) values[i] = values[i] > 1 ? 1 : values[i];
    return info.Env().Undefined();
  });
}

}  // namespace

void registerPictures(Napi::Env env, Napi::Object exports) {
  exports.Set("resampleRows", Napi::Function::New(env, resampleRows));
  exports.Set("resampleColumns", Napi::Function::New(env, resampleColumns));
  exports.Set("blur", Napi::Function::New(env, blur));
}

}  // namespace rescaled
