// A file as memory. What several processes and threads read of it is held once, by the kernel.
#include "bridge.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
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

}  // namespace

void registerMapFile(Napi::Env env, Napi::Object exports) { exports.Set("mapFile", Napi::Function::New(env, mapFile)); }

}  // namespace rescaled
