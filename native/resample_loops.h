// The inner loops of a resize, for the vectors of RESCALED_VECTOR, RESCALED_LANES, RESCALED_WIDEN and RESCALED_CLIP: pictures.cpp includes this once
// for each set of instructions, in a namespace of its own.

/** 16 rows, given and made as columns of 16 bytes, each to `width` pixels. */
void rowsOf(const uint8_t* __restrict columns, Axis axis, uint8_t* __restrict out, int64_t width) {
  constexpr int bytes = 3 * kRows, vectors = bytes / RESCALED_LANES;
  for (int64_t x = 0; x < width; x++, out += bytes) {
    const uint8_t* p = columns + bytes * int64_t(axis.first[x]);
    const int32_t* weights = axis.weights + x * axis.stride;
    int32_t taps = axis.taps[x];
    RESCALED_VECTOR sums[vectors];
#pragma GCC unroll 8
    for (int k = 0; k < vectors; k++) sums[k] = RESCALED_VECTOR{} + kHalf;
    for (int32_t t = 0; t < taps; t++, p += bytes) {
      int32_t weight = weights[t];
#pragma GCC unroll 8
      for (int k = 0; k < vectors; k++) sums[k] += RESCALED_WIDEN(p + RESCALED_LANES * k) * weight;
    }
#pragma GCC unroll 8
    for (int k = 0; k < vectors; k++) RESCALED_CLIP(sums[k], out + RESCALED_LANES * k);
  }
}

/** One row of the second pass: `bytes` sums over `taps` rows, `pitch` bytes apart. */
void columnsOf(const uint8_t* __restrict source, int64_t pitch, const int32_t* __restrict weights, int32_t taps, uint8_t* __restrict out, int64_t bytes) {
  constexpr int block = 64, vectors = block / RESCALED_LANES;
  int64_t i = 0;
  for (; i + block <= bytes; i += block) {
    const uint8_t* p = source + i;
    RESCALED_VECTOR sums[vectors];
#pragma GCC unroll 8
    for (int k = 0; k < vectors; k++) sums[k] = RESCALED_VECTOR{} + kHalf;
    for (int32_t t = 0; t < taps; t++, p += pitch) {
      int32_t weight = weights[t];
#pragma GCC unroll 8
      for (int k = 0; k < vectors; k++) sums[k] += RESCALED_WIDEN(p + RESCALED_LANES * k) * weight;
    }
#pragma GCC unroll 8
    for (int k = 0; k < vectors; k++) RESCALED_CLIP(sums[k], out + i + RESCALED_LANES * k);
  }
  for (; i < bytes; i++) {
    int32_t sum = kHalf;
    for (int32_t t = 0; t < taps; t++) sum += source[i + t * pitch] * weights[t];
    out[i] = clip8(sum);
  }
}
