// A part of a photograph out of its JPEG file: outside the part nothing is transformed, upsampled or converted; only the entropy code is read
// to its end, so that damage is found wherever it lies. src/data/decoding/jpeg.ts says which files come here. libjpeg-turbo is opened while the
// program runs, so that an engine works without it too.
#include "bridge.h"

#if defined(__linux__) && __has_include(<jpeglib.h>)
#include <cstdio>

#include <jpeglib.h>
#endif

#if defined(LIBJPEG_TURBO_VERSION_NUMBER) && LIBJPEG_TURBO_VERSION_NUMBER >= 2001000
#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstring>

namespace rescaled {
namespace {

/** libjpeg-turbo's functions that are used here. */
struct Library {
  decltype(&jpeg_std_error) stdError;
  decltype(&jpeg_CreateDecompress) create;
  decltype(&jpeg_destroy_decompress) destroy;
  decltype(&jpeg_mem_src) memorySource;
  decltype(&jpeg_save_markers) saveMarkers;
  decltype(&jpeg_read_header) readHeader;
  decltype(&jpeg_start_decompress) start;
  decltype(&jpeg_crop_scanline) crop;
  decltype(&jpeg_skip_scanlines) skip;
  decltype(&jpeg_read_scanlines) read;
  decltype(&jpeg_finish_decompress) finish;
  bool whole = true;

  Library() {
    // Of the binary interface that the header describes. The IJG's own library lacks the functions that cut.
    void* file = dlopen(JPEG_LIB_VERSION >= 80 ? "libjpeg.so.8" : "libjpeg.so.62", RTLD_NOW | RTLD_LOCAL);
    auto find = [&](auto& function, const char* name) {
      void* symbol = file == nullptr ? nullptr : dlsym(file, name);
      whole = whole && symbol != nullptr;
      std::memcpy(&function, &symbol, sizeof symbol);
    };
    find(stdError, "jpeg_std_error");
    find(create, "jpeg_CreateDecompress");
    find(destroy, "jpeg_destroy_decompress");
    find(memorySource, "jpeg_mem_src");
    find(saveMarkers, "jpeg_save_markers");
    find(readHeader, "jpeg_read_header");
    find(start, "jpeg_start_decompress");
    find(crop, "jpeg_crop_scanline");
    find(skip, "jpeg_skip_scanlines");
    find(read, "jpeg_read_scanlines");
    find(finish, "jpeg_finish_decompress");
  }
};

const Library& library() {
  static const Library one;
  return one;
}

struct Errors {
  jpeg_error_mgr manager;
  std::jmp_buf back;
};

[[noreturn]] void leave(j_common_ptr decoder) { std::longjmp(reinterpret_cast<Errors*>(decoder->err)->back, 1); }

/** A warning is about damage: such a file is for the decoder that says what is wrong. */
void onMessage(j_common_ptr decoder, int level) {
  if (level < 0) leave(decoder);
}

uint32_t number(const uint8_t* at, int bytes, bool little) {
  uint32_t value = 0;
  for (int i = 0; i < bytes; i++) value |= uint32_t(at[i]) << 8 * (little ? i : bytes - 1 - i);
  return value;
}

/** Whether EXIF data says, or may say, that a picture is not upright: any orientation but 1, or data that is not as it should be. */
bool turned(const uint8_t* data, uint32_t length) {
  if (length < 14) return true;
  const uint8_t* tiff = data + 6;
  uint32_t size = length - 6;
  bool little = tiff[0] == 'I';
  if (tiff[0] != tiff[1] || (!little && tiff[0] != 'M') || number(tiff + 2, 2, little) != 42) return true;
  uint32_t at = number(tiff + 4, 4, little);
  if (at > size || size - at < 2) return true;
  uint32_t entries = number(tiff + at, 2, little);
  if (entries > (size - at - 2) / 12) return true;
  for (uint32_t i = 0; i < entries; i++) {
    const uint8_t* entry = tiff + at + 2 + 12 * i;
    if (number(entry, 2, little) != 0x0112) continue;
    if (number(entry + 2, 2, little) != 3 || number(entry + 4, 4, little) != 1 || number(entry + 8, 2, little) != 1) return true;
  }
  return false;
}

bool startsWith(const jpeg_marker_struct& marker, const char* text, uint32_t bytes) { return marker.data_length >= bytes && std::memcmp(marker.data, text, bytes) == 0; }

/** Whether every decoder gives the same bytes, and nothing has to be done to them: upright, grey or YCbCr of the usual samplings, no colour profile. */
bool isPlain(const jpeg_decompress_struct& decoder) {
  if (decoder.data_precision != 8 || decoder.arith_code) return false;
  const jpeg_component_info* parts = decoder.comp_info;
  if (decoder.num_components == 3) {
    if (decoder.jpeg_color_space != JCS_YCbCr || parts[0].h_samp_factor > 2 || parts[0].v_samp_factor > parts[0].h_samp_factor) return false;
    for (int i = 1; i < 3; i++)
      if (parts[i].h_samp_factor != 1 || parts[i].v_samp_factor != 1) return false;
  } else if (decoder.num_components != 1 || decoder.jpeg_color_space != JCS_GRAYSCALE) {
    return false;
  }
  int exifs = 0;
  for (const jpeg_marker_struct* marker = decoder.marker_list; marker != nullptr; marker = marker->next) {
    if (marker->marker == JPEG_APP0 + 2 && startsWith(*marker, "ICC_PROFILE", 11)) return false;
    if (marker->marker == JPEG_APP0 + 1 && startsWith(*marker, "Exif", 4) && (exifs++ > 0 || turned(marker->data, marker->data_length))) return false;
  }
  return true;
}

/** A picture that comes in several scans is only then the same everywhere when all of it has come: what is missing is guessed. */
bool isComplete(const jpeg_decompress_struct& decoder) {
  if (decoder.coef_bits == nullptr) return true;
  for (int i = 0; i < decoder.num_components; i++)
    for (int k = 0; k < DCTSIZE2; k++)
      if (decoder.coef_bits[i][k] != 0) return false;
  return true;
}

/** In whole pixels of the picture. */
struct Part {
  JDIMENSION x, y, width, height;
};

// In the two functions below nothing has a destructor: an error jumps out of them.

void attach(jpeg_decompress_struct& decoder, Errors& errors) {
  decoder.err = library().stdError(&errors.manager);
  errors.manager.error_exit = leave;
  errors.manager.emit_message = onMessage;
}

bool header(jpeg_decompress_struct& decoder, const uint8_t* bytes, size_t length) {
  const Library& jpeg = library();
  jpeg.create(&decoder, JPEG_LIB_VERSION, sizeof decoder);
  jpeg.memorySource(&decoder, const_cast<uint8_t*>(bytes), length);
  jpeg.saveMarkers(&decoder, JPEG_APP0 + 1, 0xffff);
  jpeg.saveMarkers(&decoder, JPEG_APP0 + 2, 0xffff);
  return jpeg.readHeader(&decoder, TRUE) == JPEG_HEADER_OK && isPlain(decoder);
}

/** Rows of the part, cut out of wider ones: next to where it is cut, upsampling would lack a neighbour. */
bool decode(jpeg_decompress_struct& decoder, Part part, uint8_t* line, uint8_t* out) {
  const Library& jpeg = library();
  decoder.out_color_space = JCS_RGB;
  if (!jpeg.start(&decoder) || !isComplete(decoder)) return false;
  JDIMENSION step = 8 * JDIMENSION(decoder.max_h_samp_factor);
  JDIMENSION left = part.x > step ? part.x - step : 0;
  JDIMENSION width = std::min(decoder.output_width, part.x + part.width + step) - left;
  if (left > 0 || width < decoder.output_width) jpeg.crop(&decoder, &left, &width);
  if (part.y > 0) jpeg.skip(&decoder, part.y);
  JSAMPROW row = line;
  for (JDIMENSION y = 0; y < part.height; y++) {
    if (jpeg.read(&decoder, &row, 1) != 1) return false;
    std::memcpy(out + size_t(y) * 3 * part.width, line + 3 * (part.x - left), size_t(3) * part.width);
  }
  // To the last row: skipping it too would leave the rest of the file unread.
  if (JDIMENSION left = decoder.output_height - decoder.output_scanline) {
    if (left > 1) jpeg.skip(&decoder, left - 1);
    if (jpeg.read(&decoder, &row, 1) != 1) return false;
  }
  return jpeg.finish(&decoder);
}

enum class Made { good, damaged, outside };

/** A part of a file into `out`; without a part all of it. */
Made make(const uint8_t* bytes, size_t length, const Part* wanted, uint8_t* out) {
  static thread_local std::vector<uint8_t> line;
  line.resize(3 * (JPEG_MAX_DIMENSION + 1));
  jpeg_decompress_struct decoder = {};
  Errors errors;
  attach(decoder, errors);
  volatile Made made = Made::damaged;
  if (setjmp(errors.back) == 0 && header(decoder, bytes, length)) {
    Part part = wanted != nullptr ? *wanted : Part{0, 0, decoder.image_width, decoder.image_height};
    if (part.x + part.width > decoder.image_width || part.y + part.height > decoder.image_height) made = Made::outside;
    else if (decode(decoder, part, line.data(), out)) made = Made::good;
  }
  library().destroy(&decoder);
  return made;
}

const uint8_t* bytesOf(const Napi::Value& value, size_t& length) {
  auto array = value.As<Napi::Uint8Array>();
  length = array.ByteLength();
  return array.Data();
}

/** Width and height of a file of the plain kind; 0 of any other. */
std::pair<JDIMENSION, JDIMENSION> sidesOf(const uint8_t* bytes, size_t length) {
  jpeg_decompress_struct decoder = {};
  Errors errors;
  attach(decoder, errors);
  volatile bool good = false;
  if (setjmp(errors.back) == 0) good = header(decoder, bytes, length);
  std::pair<JDIMENSION, JDIMENSION> sides = {decoder.image_width, decoder.image_height};
  library().destroy(&decoder);
  if (!good) sides = {0, 0};
  return sides;
}

// jpegSides(bytes): [width, height], or undefined for a file that is not of the plain kind.
Napi::Value jpegSides(const Napi::CallbackInfo& info) {
  size_t length;
  const uint8_t* bytes = bytesOf(info[0], length);
  auto [width, height] = sidesOf(bytes, length);
  if (width == 0) return info.Env().Undefined();
  Napi::Array array = Napi::Array::New(info.Env(), 2);
  array.Set(0u, double(width));
  array.Set(1u, double(height));
  return array;
}

// jpegPart(bytes, x, y, width, height, target): the pixels of a part, [height, width, 3], into target; false where the file is not of the
// plain kind or damaged anywhere.
Napi::Value jpegPart(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), "jpegPart", [&]() -> Napi::Value {
    size_t length;
    const uint8_t* bytes = bytesOf(info[0], length);
    int64_t numbers[4];
    for (size_t i = 0; i < 4; i++) numbers[i] = info[1 + i].As<Napi::Number>().Int64Value();
    const auto [x, y, width, height] = numbers;
    auto target = info[5].As<Napi::Uint8Array>();
    if (x < 0 || y < 0 || width < 1 || height < 1 || std::max({x, y, width, height}) > JPEG_MAX_DIMENSION || 3 * width * height > int64_t(target.ByteLength()))
      throw std::runtime_error("expected a part of a picture and room for it");
    Part part = {JDIMENSION(x), JDIMENSION(y), JDIMENSION(width), JDIMENSION(height)};
    Made made = make(bytes, length, &part, target.Data());
    if (made == Made::outside) throw std::runtime_error("expected a part within the picture");
    return Napi::Boolean::New(info.Env(), made == Made::good);
  });
}

// jpegWhole(bytes, target) -> Promise<boolean>: all of it in the background, as jpegPart. Both arrays are held meanwhile.
Napi::Value jpegWhole(const Napi::CallbackInfo& info) {
  size_t length;
  const uint8_t* bytes = bytesOf(info[0], length);
  auto target = info[1].As<Napi::Uint8Array>();
  auto held = std::make_shared<std::array<Napi::ObjectReference, 2>>();
  for (size_t i = 0; i < 2; i++) (*held)[i] = Napi::Persistent(info[i].As<Napi::Object>());
  auto good = std::make_shared<bool>(false);
  uint8_t* out = target.Data();
  size_t room = target.ByteLength();
  return inBackground(
      info.Env(),
      [=]() {
        auto [width, height] = sidesOf(bytes, length);
        *good = width > 0 && size_t(3) * width * height == room && make(bytes, length, nullptr, out) == Made::good;
      },
      [good, held](Napi::Env env) -> Napi::Value { return Napi::Boolean::New(env, *good); });
}

}  // namespace

void registerJpeg(Napi::Env env, Napi::Object exports) {
  if (!library().whole) return;
  exports.Set("jpegSides", Napi::Function::New(env, jpegSides));
  exports.Set("jpegPart", Napi::Function::New(env, jpegPart));
  exports.Set("jpegWhole", Napi::Function::New(env, jpegWhole));
}

}  // namespace rescaled

#else

namespace rescaled {

void registerJpeg(Napi::Env, Napi::Object) {}

}  // namespace rescaled

#endif
