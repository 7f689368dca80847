// Loops of the augmentations, on bytes [height, width, 3]: src/augment/policies/ has the same in TypeScript, which gives the same bytes and says what
// is computed. Single precision is rounded after each operation, so no multiplication may be fused with an addition.
#include "bridge.h"

#include <algorithm>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define RESCALED_EXACT __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), optimize("O3", "fp-contract=off")))
#elif defined(__GNUC__) && !defined(__clang__)
#define RESCALED_EXACT __attribute__((optimize("O3", "fp-contract=off")))
#else
#pragma STDC FP_CONTRACT OFF
#define RESCALED_EXACT
#endif

namespace rescaled {
namespace {

/** d + f (v - d), clipped to a byte and truncated. */
RESCALED_EXACT void blendRow(const uint8_t* __restrict d, const uint8_t* __restrict v, uint8_t* __restrict out, float f, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    float difference = f * float(int(v[i]) - int(d[i]));
    float sum = float(d[i]) + difference;
    sum = sum < 0.0f ? 0.0f : sum;
    sum = sum > 255.0f ? 255.0f : sum;
    out[i] = uint8_t(int(sum));
  }
}

/** TensorFlow's grey of n pixels, three bytes each. */
RESCALED_EXACT void greyRow(const uint8_t* __restrict from, uint8_t* __restrict out, const float* __restrict parts, int64_t n) {
  for (int64_t i = 0; i < 3 * n; i += 3) {
    float sum = parts[from[i]] + parts[256 + from[i + 1]];
    sum = sum + parts[512 + from[i + 2]];
    uint8_t grey = uint8_t(int(sum * 255.5f));
    out[i] = out[i + 1] = out[i + 2] = grey;
  }
}

/** Pillow's. */
RESCALED_EXACT void pillowGreyRow(const uint8_t* __restrict from, uint8_t* __restrict out, int64_t n) {
  for (int64_t i = 0; i < 3 * n; i += 3) {
    uint8_t grey = uint8_t((from[i] * 19595 + from[i + 1] * 38470 + from[i + 2] * 7471 + 0x8000) >> 16);
    out[i] = out[i + 1] = out[i + 2] = grey;
  }
}

/** TensorFlow's smoothed values: nine products in single precision, added in reading order, cut off. */
RESCALED_EXACT void smoothRow(const uint8_t* __restrict above, const uint8_t* __restrict row, const uint8_t* __restrict below, uint8_t* __restrict out, int64_t n) {
  const float one = float(1.0 / 13), five = float(5.0 / 13);
  for (int64_t i = 0; i < n; i++) {
    float sum = one * float(above[i - 3]) + one * float(above[i]);
    sum = sum + one * float(above[i + 3]);
    sum = sum + one * float(row[i - 3]);
    sum = sum + five * float(row[i]);
    sum = sum + one * float(row[i + 3]);
    sum = sum + one * float(below[i - 3]);
    sum = sum + one * float(below[i]);
    sum = sum + one * float(below[i + 3]);
    out[i] = uint8_t(int(sum > 255.0f ? 255.0f : sum));
  }
}

/** Pillow's: the sum of whole numbers divided by 13, rounded. */
RESCALED_EXACT void pillowSmoothRow(const uint8_t* __restrict above, const uint8_t* __restrict row, const uint8_t* __restrict below, uint8_t* __restrict out, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    uint32_t sum = above[i - 3] + above[i] + above[i + 3] + row[i - 3] + 5u * row[i] + row[i + 3] + below[i - 3] + below[i] + below[i + 3];
    out[i] = uint8_t((2 * sum + 13) / 26);
  }
}

/** Where each pixel of a row comes from, in bytes; -1 outside. Rounded half away from zero. */
RESCALED_EXACT void nearestRow(const float* __restrict columnX, const float* __restrict columnY, float by, float ey, float c, float f, int32_t width, int32_t height, int32_t* __restrict from) {
  const float right = float(width) - 0.5f, bottom = float(height) - 0.5f;
  for (int32_t x = 0; x < width; x++) {
    float px = columnX[x] + by, py = columnY[x] + ey;
    px = px + c;
    py = py + f;
    bool inside = (px > -0.5f) & (px < right) & (py > -0.5f) & (py < bottom);
    px = inside ? px : 0.0f;
    py = inside ? py : 0.0f;
    int32_t ix = int32_t(px), iy = int32_t(py);
    ix += px - float(ix) >= 0.5f;
    iy += py - float(iy) >= 0.5f;
    from[x] = inside ? 3 * (iy * width + ix) : -1;
  }
}

/** A row read between pixels, from the four around each point; beyond the outermost centres the outermost pixels go on. */
RESCALED_EXACT void bilinearRow(const uint8_t* __restrict data, const double* __restrict map, double row, int64_t width, int64_t height, const uint8_t* __restrict fill, uint8_t* __restrict out) {
  for (int64_t column = 0; column < width; column++, out += 3) {
    double x = map[0] * (double(column) + 0.5) + map[1] * (row + 0.5);
    x = x + map[2];
    double y = map[3] * (double(column) + 0.5) + map[4] * (row + 0.5);
    y = y + map[5];
    if (!(x >= 0 && x < double(width) && y >= 0 && y < double(height))) {
      std::memcpy(out, fill, 3);
      continue;
    }
    // x - 0.5 is above -1, so that whole steps of x + 0.5 are those of its floor.
    int64_t left = int64_t(x + 0.5) - 1, top = int64_t(y + 0.5) - 1;
    left -= double(left) > x - 0.5;
    top -= double(top) > y - 0.5;
    double dx = x - 0.5 - double(left), dy = y - 0.5 - double(top);
    int64_t i0 = 3 * std::max<int64_t>(0, left), i1 = 3 * std::min(width - 1, left + 1);
    const uint8_t* above = data + 3 * width * std::max<int64_t>(0, top);
    const uint8_t* below = data + 3 * width * std::min(height - 1, top + 1);
    for (int k = 0; k < 3; k++) {
      double upper = double(above[i0 + k]) + double(above[i1 + k] - above[i0 + k]) * dx;
      double lower = double(below[i0 + k]) + double(below[i1 + k] - below[i0 + k]) * dx;
      out[k] = uint8_t(int(upper + (lower - upper) * dy));
    }
  }
}

void gatherRow(const uint8_t* __restrict data, const int32_t* __restrict from, const uint8_t* __restrict fill, uint8_t* __restrict out, int64_t width) {
  for (int64_t x = 0; x < width; x++, out += 3) {
    const uint8_t* p = from[x] < 0 ? fill : data + from[x];
    out[0] = p[0];
    out[1] = p[1];
    out[2] = p[2];
  }
}

void expect(bool good, const char* what) {
  if (!good) throw std::runtime_error(std::string("expected ") + what);
}

template <typename T>
T* arrayOf(const Napi::Value& value, size_t& length) {
  auto array = value.As<Napi::TypedArrayOf<T>>();
  length = array.ElementLength();
  return array.Data();
}

/** source, out, width, height: the first arguments of those that need them. */
struct Picture {
  const uint8_t* data;
  uint8_t* out;
  int64_t width, height, row;

  explicit Picture(const Napi::CallbackInfo& info) {
    size_t length, room;
    data = arrayOf<uint8_t>(info[0], length);
    out = arrayOf<uint8_t>(info[1], room);
    width = info[2].As<Napi::Number>().Int64Value();
    height = info[3].As<Napi::Number>().Int64Value();
    row = 3 * width;
    expect(width >= 1 && height >= 1 && width < (1 << 20) && height < (1 << 20) && row * height < (int64_t(1) << 31) && int64_t(length) == row * height && int64_t(room) == row * height, "two pictures of that size");
  }
};

// mapBytes(source, out, tables): out[i] = tables[256 * (i % 3) + source[i]].
Napi::Value mapBytes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), "mapBytes", [&]() -> Napi::Value {
    size_t length, room, entries;
    const uint8_t* data = arrayOf<uint8_t>(info[0], length);
    uint8_t* out = arrayOf<uint8_t>(info[1], room);
    const uint8_t* given = arrayOf<uint8_t>(info[2], entries);
    expect(length % 3 == 0 && room == length && entries == 768, "pixels, as much room and three tables");
    uint8_t tables[768];  // known to be apart from what is written
    std::memcpy(tables, given, sizeof tables);
    for (size_t i = 0; i < length; i += 3) {
      uint8_t r = tables[data[i]], g = tables[256 + data[i + 1]], b = tables[512 + data[i + 2]];
      out[i] = r;
      out[i + 1] = g;
      out[i + 2] = b;
    }
    return info.Env().Undefined();
  });
}

// countBytes(source, counts): counts[256 c + v] is how often channel c is v. Neighbours are alike: counted in turns, so that none waits for the last.
Napi::Value countBytes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), "countBytes", [&]() -> Napi::Value {
    size_t length, entries;
    const uint8_t* data = arrayOf<uint8_t>(info[0], length);
    int32_t* counts = arrayOf<int32_t>(info[1], entries);
    expect(length % 3 == 0 && entries == 768, "pixels and three tables");
    int32_t turns[4][768] = {};
    size_t i = 0;
    for (; i + 12 <= length; i += 12)
      for (size_t k = 0; k < 4; k++)
        for (size_t c = 0; c < 3; c++) turns[k][256 * c + data[i + 3 * k + c]]++;
    for (; i < length; i++) turns[0][256 * (i % 3) + data[i]]++;
    for (size_t k = 0; k < 768; k++) counts[k] = turns[0][k] + turns[1][k] + turns[2][k] + turns[3][k];
    return info.Env().Undefined();
  });
}

// color(source, out, width, height, factor, parts): blend with the picture's own grey; parts [3, 256] are TensorFlow's, none Pillow's.
Napi::Value color(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), "color", [&]() -> Napi::Value {
    Picture picture(info);
    float factor = info[4].As<Napi::Number>().FloatValue();
    const float* parts = nullptr;
    if (info[5].IsTypedArray()) {
      size_t entries;
      parts = arrayOf<float>(info[5], entries);
      expect(entries == 768, "three tables");
    }
    std::vector<uint8_t> grey(size_t(picture.row)), made(size_t(picture.row));
    for (int64_t y = 0; y < picture.height; y++) {
      const uint8_t* from = picture.data + y * picture.row;
      if (parts != nullptr) greyRow(from, grey.data(), parts, picture.width);
      else pillowGreyRow(from, grey.data(), picture.width);
      blendRow(grey.data(), from, made.data(), factor, picture.row);
      std::memcpy(picture.out + y * picture.row, made.data(), size_t(picture.row));
    }
    return info.Env().Undefined();
  });
}

// sharpness(source, out, width, height, factor, pillow): blend with the smoothed picture, but for the pixels on the border.
Napi::Value sharpness(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), "sharpness", [&]() -> Napi::Value {
    Picture picture(info);
    float factor = info[4].As<Napi::Number>().FloatValue();
    bool pillow = info[5].As<Napi::Boolean>().Value();
    expect(picture.out != picture.data, "other memory for the result");
    std::memcpy(picture.out, picture.data, size_t(picture.row * picture.height));
    int64_t n = picture.row - 6;
    if (n <= 0) return info.Env().Undefined();
    std::vector<uint8_t> smooth{};
    smooth.resize(size_t(n));
    for (int64_t y = 1; y < picture.height - 1; y++) {
      const uint8_t* row = picture.data + y * picture.row + 3;
      (pillow ? pillowSmoothRow : smoothRow)(row - picture.row, row, row + picture.row, smooth.data(), n);
      blendRow(smooth.data(), row, picture.out + y * picture.row + 3, factor, n);
    }
    return info.Env().Undefined();
  });
}

// nearest(source, out, width, height, map, fill): the picture through the affine map [6] in float32, fill [3] outside.
Napi::Value nearest(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), "nearest", [&]() -> Napi::Value {
    Picture picture(info);
    size_t six, three;
    const float* map = arrayOf<float>(info[4], six);
    const uint8_t* fill = arrayOf<uint8_t>(info[5], three);
    expect(six == 6 && three == 3 && picture.out != picture.data, "a map of six numbers, a colour and other memory for the result");
    std::vector<float> columns(size_t(2 * picture.width));
    std::vector<int32_t> from(size_t(picture.width));
    for (int64_t x = 0; x < picture.width; x++) {
      columns[size_t(x)] = map[0] * float(x);
      columns[size_t(picture.width + x)] = map[3] * float(x);
    }
    for (int64_t y = 0; y < picture.height; y++) {
      float by = map[1] * float(y), ey = map[4] * float(y);
      nearestRow(columns.data(), columns.data() + picture.width, by, ey, map[2], map[5], int32_t(picture.width), int32_t(picture.height), from.data());
      gatherRow(picture.data, from.data(), fill, picture.out + y * picture.row, picture.width);
    }
    return info.Env().Undefined();
  });
}

// nearestFixed(source, out, width, height, map, fill): the same in steps of 1/65536: map holds a, b, x, d, e, y of the first pixel.
Napi::Value nearestFixed(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), "nearestFixed", [&]() -> Napi::Value {
    Picture picture(info);
    size_t six, three;
    const int32_t* map = arrayOf<int32_t>(info[4], six);
    const uint8_t* fill = arrayOf<uint8_t>(info[5], three);
    expect(six == 6 && three == 3 && picture.out != picture.data, "a map of six numbers, a colour and other memory for the result");
    std::vector<int32_t> from(size_t(picture.width));
    int64_t rowX = map[2], rowY = map[5];
    for (int64_t y = 0; y < picture.height; y++, rowX += map[1], rowY += map[4]) {
      int64_t px = rowX, py = rowY;
      for (int64_t x = 0; x < picture.width; x++, px += map[0], py += map[3]) {
        // As a 32-bit integer, whatever it has become.
        int32_t ix = int32_t(uint32_t(px)) >> 16, iy = int32_t(uint32_t(py)) >> 16;
        bool inside = ix >= 0 && ix < picture.width && iy >= 0 && iy < picture.height;
        from[size_t(x)] = inside ? int32_t(3 * (iy * picture.width + ix)) : -1;
      }
      gatherRow(picture.data, from.data(), fill, picture.out + y * picture.row, picture.width);
    }
    return info.Env().Undefined();
  });
}

// bilinear(source, out, width, height, map, fill): the picture through the affine map [6] in float64, fill [3] outside.
Napi::Value bilinear(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), "bilinear", [&]() -> Napi::Value {
    Picture picture(info);
    size_t six, three;
    const double* map = arrayOf<double>(info[4], six);
    const uint8_t* fill = arrayOf<uint8_t>(info[5], three);
    expect(six == 6 && three == 3 && picture.out != picture.data, "a map of six numbers, a colour and other memory for the result");
    for (int64_t y = 0; y < picture.height; y++) bilinearRow(picture.data, map, double(y), picture.width, picture.height, fill, picture.out + y * picture.row);
    return info.Env().Undefined();
  });
}

}  // namespace

void registerAugment(Napi::Env env, Napi::Object exports) {
  exports.Set("mapBytes", Napi::Function::New(env, mapBytes));
  exports.Set("countBytes", Napi::Function::New(env, countBytes));
  exports.Set("color", Napi::Function::New(env, color));
  exports.Set("sharpness", Napi::Function::New(env, sharpness));
  exports.Set("nearest", Napi::Function::New(env, nearest));
  exports.Set("bilinear", Napi::Function::New(env, bilinear));
  exports.Set("nearestFixed", Napi::Function::New(env, nearestFixed));
}

}  // namespace rescaled
