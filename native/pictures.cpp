// Loops over the pixels of pictures: the two passes of a resize and the blur, for threads that make views. src/augment/resample.ts and
// policies/blur.ts are the same in TypeScript, and give the same bytes; they say what is computed.
#include "bridge.h"
#include "wide.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <cstdlib>

namespace rescaled {
namespace {

constexpr int kBits = 22;
constexpr int32_t kHalf = 1 << (kBits - 1);
/** Rows that are resampled at a time, a lane each. */
constexpr int kRows = 16;
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

typedef uint8_t Bytes16 __attribute__((vector_size(16)));

#if defined(__clang__)
#define RESCALED_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define RESCALED_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, Bytes16{__VA_ARGS__})
#endif

/** [16, 16] bytes the other way round: four times the rows of both halves are shuffled into each other. */
RESCALED_INLINE void transpose16(Bytes16* rows) {
  for (int stage = 0; stage < 4; stage++) {
    Bytes16 next[kRows];
    for (int i = 0; i < 8; i++) {
      next[2 * i] = RESCALED_SHUFFLE(rows[i], rows[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      next[2 * i + 1] = RESCALED_SHUFFLE(rows[i], rows[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    for (int i = 0; i < kRows; i++) rows[i] = next[i];
  }
}

/** 16 rows of n bytes, at any addresses, as n columns of 16. */
RESCALED_WIDE void toColumns(const uint8_t* const* __restrict rows, uint8_t* __restrict out, int64_t n) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    Bytes16 block[kRows];
    for (int r = 0; r < kRows; r++) std::memcpy(&block[r], rows[r] + i, 16);
    transpose16(block);
    std::memcpy(out + kRows * i, block, sizeof block);
  }
  for (; i < n; i++)
    for (int r = 0; r < kRows; r++) out[kRows * i + r] = rows[r][i];
}

/** And back: the first `count` of the rows. */
RESCALED_WIDE void toRows(const uint8_t* __restrict columns, uint8_t* __restrict out, int64_t n, int64_t count) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    Bytes16 block[kRows];
    std::memcpy(block, columns + kRows * i, sizeof block);
    transpose16(block);
    for (int64_t r = 0; r < count; r++) std::memcpy(out + r * n + i, &block[r], 16);
  }
  for (; i < n; i++)
    for (int64_t r = 0; r < count; r++) out[r * n + i] = columns[kRows * i + r];
}

typedef int32_t Ints8 __attribute__((vector_size(32)));
typedef int32_t Ints16 __attribute__((vector_size(64)));

// One lane, for every other machine.
#define RESCALED_VECTOR int32_t
#define RESCALED_LANES 1
#define RESCALED_WIDEN(from) int32_t(*(from))
#define RESCALED_CLIP(sum, to) *(to) = clip8(sum)
namespace plain {
#include "resample_loops.h"
}

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#undef RESCALED_VECTOR
#undef RESCALED_LANES
#undef RESCALED_WIDEN
#undef RESCALED_CLIP
#define RESCALED_VECTOR Ints8
#define RESCALED_LANES 8
#define RESCALED_WIDEN(from) Ints8(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))))
#define RESCALED_CLIP(sums, to)                                                                                                        \
  do {                                                                                                                                 \
    __m256i whole = _mm256_srai_epi32(__m256i(sums), kBits);                                                                           \
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));                                \
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packus_epi16(words, words));                                                  \
  } while (0)
#pragma GCC push_options
#pragma GCC target("avx2")
namespace avx2 {
#include "resample_loops.h"
}
#pragma GCC pop_options

#undef RESCALED_VECTOR
#undef RESCALED_LANES
#undef RESCALED_WIDEN
#undef RESCALED_CLIP
#define RESCALED_VECTOR Ints16
#define RESCALED_LANES 16
#define RESCALED_WIDEN(from) Ints16(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))))
#define RESCALED_CLIP(sums, to)                                                                         \
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtusepi32_epi8(_mm512_max_epi32(_mm512_srai_epi32(__m512i(sums), kBits), _mm512_setzero_si512())))
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl")
// GCC 12 warns of its own header.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
namespace avx512 {
#include "resample_loops.h"
}
#pragma GCC diagnostic pop
#pragma GCC pop_options

/** As libtorch's own kernels, these can be held to fewer instructions. */
bool mayUse(const char* limit) {
  const char* said = std::getenv("ATEN_CPU_CAPABILITY");
  return said == nullptr || (std::strcmp(said, "default") != 0 && std::strcmp(said, limit) != 0);
}
const bool hasAvx512 = mayUse("avx2") && (__builtin_cpu_init(), __builtin_cpu_supports("avx512bw"));
const bool hasAvx2 = mayUse("default") && (__builtin_cpu_init(), __builtin_cpu_supports("avx2"));
#define RESCALED_WIDEST(function) (hasAvx512 ? avx512::function : hasAvx2 ? avx2::function : plain::function)
#else
#define RESCALED_WIDEST(function) plain::function
#endif

const auto rowsOf = RESCALED_WIDEST(rowsOf);
const auto columnsOf = RESCALED_WIDEST(columnsOf);

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
    // Kept between calls.
    static thread_local std::vector<uint8_t> given, made;
    given.resize(size_t(kRows * 3 * pixels));
    made.resize(size_t(kRows * 3 * width));
    for (int64_t y = 0; y < rows; y += kRows) {
      const uint8_t* lines[kRows];
      for (int64_t r = 0; r < kRows; r++) lines[r] = source + offset + std::min(y + r, rows - 1) * pitch;
      toColumns(lines, given.data(), 3 * pixels);
      rowsOf(given.data(), axis, made.data(), width);
      toRows(made.data(), target + y * width * 3, 3 * width, std::min<int64_t>(kRows, rows - y));
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
