// Files as memory: one that is mapped, which the kernel holds once for all that read it; and many small ones, read together.
#include "bridge.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace rescaled {
namespace {

// mapFile(descriptor, bytes) -> ArrayBuffer. Private: a write to the buffer stays in this process and never reaches the file. The file must
// have exactly that size, since reading behind the end of a mapped file ends the process. The descriptor may be closed afterwards.
Napi::Value mapFile(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  return guarded(env, "mapFile", [&]() -> Napi::Value {
    int file = info[0].As<Napi::Number>().Int32Value();
    auto bytes = size_t(info[1].As<Napi::Number>().Int64Value());
    struct stat facts;
    if (fstat(file, &facts) != 0) throw std::runtime_error(std::strerror(errno));
    if (size_t(facts.st_size) != bytes)
      throw std::runtime_error("expected a file of " + std::to_string(bytes) + " bytes but it has " + std::to_string(facts.st_size));
    void* start = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file, 0);
    if (start == MAP_FAILED) throw std::runtime_error(std::strerror(errno));
    return Napi::ArrayBuffer::New(env, start, bytes, [bytes](Napi::Env, void* data) { munmap(data, bytes); });
  });
}

/** The content of some files, one after the other. */
struct Contents {
  uint8_t* bytes = nullptr;
  size_t length = 0, room = 0;
  ~Contents() { std::free(bytes); }

  /** Adds a file of 1 to `most` bytes. Returns its length; 0 where it cannot be read, or is no such file. */
  size_t add(const char* path, size_t most) {
    int file = ::open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    struct stat facts;
    size_t size = 0, done = 0;
    if (fstat(file, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_size > 0 && size_t(facts.st_size) <= most) size = size_t(facts.st_size);
    if (size > 0 && length + size > room) {
      size_t wanted = std::max(length + size, 2 * room);
      void* grown = std::realloc(bytes, wanted);
      if (grown == nullptr) {
        size = 0;
      } else {
        bytes = static_cast<uint8_t*>(grown);
        room = wanted;
      }
    }
    while (done < size) {
      ssize_t got = ::read(file, bytes + length + done, size - done);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      done += size_t(got);
    }
    ::close(file);
    if (done < size) return 0;
    length += size;
    return size;
  }
};

// readFiles(paths, most) -> Promise<(Uint8Array | null)[]>, read on one thread of Node's pool; null for what is empty, has more than `most`
// bytes, is no file or cannot be read: who asked finds out why. The arrays lie in the same memory.
Napi::Value readFiles(const Napi::CallbackInfo& info) {
  auto list = info[0].As<Napi::Array>();
  auto paths = std::make_shared<std::vector<std::string>>();
  for (uint32_t i = 0; i < list.Length(); i++) paths->push_back(list.Get(i).As<Napi::String>().Utf8Value());
  auto most = size_t(info[1].As<Napi::Number>().Int64Value());
  auto contents = std::make_shared<Contents>();
  auto lengths = std::make_shared<std::vector<size_t>>();
  return inBackground(
      info.Env(),
      [=]() {
        for (const std::string& path : *paths) lengths->push_back(contents->add(path.c_str(), most));
      },
      [=](Napi::Env env) -> Napi::Value {
        auto memory = Napi::ArrayBuffer::New(env, contents->bytes, contents->length, [](Napi::Env, void* data) { std::free(data); });
        contents->bytes = nullptr;
        auto found = Napi::Array::New(env, lengths->size());
        size_t at = 0;
        for (uint32_t i = 0; i < lengths->size(); at += (*lengths)[i++])
          found.Set(i, (*lengths)[i] > 0 ? Napi::Value(Napi::Uint8Array::New(env, (*lengths)[i], memory, at)) : env.Null());
        return found;
      });
}

}  // namespace

void registerMapFile(Napi::Env env, Napi::Object exports) {
  exports.Set("mapFile", Napi::Function::New(env, mapFile));
  exports.Set("readFiles", Napi::Function::New(env, readFiles));
}

}  // namespace rescaled
