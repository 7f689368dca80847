// Threads, devices, seeds, memory.
#include "bridge.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/cuda.h>

#include <climits>
#include <cstdlib>

#if defined(__linux__)
#include <dlfcn.h>
#endif

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace rescaled {

void registerPictures(Napi::Env env, Napi::Object exports);  // pictures.cpp
void registerJpeg(Napi::Env env, Napi::Object exports);      // jpeg.cpp
void registerAugment(Napi::Env env, Napi::Object exports);   // augment.cpp
void registerHeap(Napi::Env env, Napi::Object exports);      // heap.cpp
bool openHeap();

namespace {

bool mallocTuned = false, ownHeap = false;

// A training step frees and takes gigabytes of activations. glibc gives such blocks back to the kernel at every free and faults them
// in again at the next step; kept, the same step is about 1.4 times faster. Large tensors go to a heap of ours, what is left (work space of oneDNN, say) to a
// malloc that is told to keep it. RESCALED_MALLOC=default leaves both as they were.
void tuneMalloc() {
  static bool done = false;
  if (done) return;
  done = true;
  const char* wish = std::getenv("RESCALED_MALLOC");
  if (wish != nullptr && std::string(wish) == "default") return;
  ownHeap = openHeap();
#if defined(__GLIBC__)
  mallocTuned = mallopt(M_MMAP_MAX, 0) == 1 && mallopt(M_TRIM_THRESHOLD, INT_MAX) == 1 && mallopt(M_TOP_PAD, 256 << 20) == 1;
#endif
}

// The compute capability of a card, such as 8.0, as the driver says it; empty where it does not. libtorch says it only to who compiles against CUDA.
std::string capabilityOf(int card) {
#if defined(__linux__)
  void* driver = dlopen("libcuda.so.1", RTLD_LAZY);
  if (driver == nullptr) return "";
  auto begin = reinterpret_cast<int (*)(unsigned)>(dlsym(driver, "cuInit"));
  auto device = reinterpret_cast<int (*)(int*, int)>(dlsym(driver, "cuDeviceGet"));
  auto attribute = reinterpret_cast<int (*)(int*, int, int)>(dlsym(driver, "cuDeviceGetAttribute"));
  constexpr int MAJOR = 75, MINOR = 76;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
  int handle = 0, major = 0, minor = 0;
  if (begin == nullptr || device == nullptr || attribute == nullptr || begin(0) != 0 || device(&handle, card) != 0) return "";
  if (attribute(&major, MAJOR, handle) != 0 || attribute(&minor, MINOR, handle) != 0) return "";
  return std::to_string(major) + "." + std::to_string(minor);
#else
  (void)card;
  return "";
#endif
}

Napi::Value engineInfo(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  return guarded(env, "engineInfo", [&]() -> Napi::Value {
    auto result = Napi::Object::New(env);
    result.Set("libtorch", TORCH_VERSION);
    result.Set("cuda", Napi::Boolean::New(env, at::hasCUDA()));
    result.Set("mps", Napi::Boolean::New(env, hasMps()));
    auto devices = Napi::Array::New(env);
    auto capabilities = Napi::Object::New(env);
    uint32_t count = 0;
    devices.Set(count++, "cpu");
    if (at::hasCUDA()) {
      auto cards = torch::cuda::device_count();
      for (size_t i = 0; i < size_t(cards); i++) {
        auto name = "cuda:" + std::to_string(i);
        devices.Set(count++, name);
        auto capability = capabilityOf(int(i));
        if (!capability.empty()) capabilities.Set(name, capability);
      }
    }
    if (hasMps()) devices.Set(count++, "mps");
    result.Set("devices", devices);
    result.Set("capabilities", capabilities);
    result.Set("threads", Napi::Number::New(env, at::get_num_threads()));
    result.Set("parallelInfo", at::get_parallel_info());
    result.Set("mallocTuned", Napi::Boolean::New(env, mallocTuned));
    result.Set("ownHeap", Napi::Boolean::New(env, ownHeap));
    result.Set("configuration", at::show_config());
    return result;
  });
}

Napi::Value setThreads(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  return guarded(env, "setThreads", [&]() -> Napi::Value {
    at::set_num_threads(info[0].As<Napi::Number>().Int32Value());
    return env.Undefined();
  });
}

Napi::Value getThreads(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), at::get_num_threads()); }

Napi::Value manualSeed(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  return guarded(env, "manualSeed", [&]() -> Napi::Value {
    bool lossless;
    at::manual_seed(info[0].As<Napi::BigInt>().Uint64Value(&lossless));
    return env.Undefined();
  });
}

Napi::Value liveTensors(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), double(dataOf(info.Env()).liveTensors)); }

Napi::Value setScoped(const Napi::CallbackInfo& info) {
  dataOf(info.Env()).scoped = info[0].ToBoolean();
  return info.Env().Undefined();
}

Napi::Value synchronize(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  return guarded(env, "synchronize", [&]() -> Napi::Value {
    if (at::hasCUDA()) torch::cuda::synchronize();
    return env.Undefined();
  });
}

// setCudnn(deterministic, benchmark, tf32): whether its kernels give the same bytes each time; whether it tries several for each new shape; whether
// float32 is cut to TF32's ten bits of mantissa in products
Napi::Value setCudnn(const Napi::CallbackInfo& info) {
  at::globalContext().setDeterministicCuDNN(info[0].ToBoolean());
  at::globalContext().setBenchmarkCuDNN(info[1].ToBoolean());
  at::globalContext().setAllowTF32CuDNN(info[2].ToBoolean());
  return info.Env().Undefined();
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  tuneMalloc();
  env.SetInstanceData<EnvironmentData>(new EnvironmentData());
  registerTensor(env, exports);
  registerDispatch(env, exports);
  registerAutograd(env, exports);
  registerAutocast(env, exports);
  registerRecompute(env, exports);
  registerHeap(env, exports);
  registerMapFile(env, exports);
  registerPictures(env, exports);
  registerJpeg(env, exports);
  registerAugment(env, exports);
  registerDistributed(env, exports);
  registerRuntime(env, exports);
  return exports;
}

}  // namespace

void registerRuntime(Napi::Env env, Napi::Object exports) {
  exports.Set("engineInfo", Napi::Function::New(env, engineInfo));
  exports.Set("setThreads", Napi::Function::New(env, setThreads));
  exports.Set("getThreads", Napi::Function::New(env, getThreads));
  exports.Set("manualSeed", Napi::Function::New(env, manualSeed));
  exports.Set("liveTensors", Napi::Function::New(env, liveTensors));
  exports.Set("externalBytes", Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value { return Napi::Number::New(info.Env(), double(Napi::MemoryManagement::AdjustExternalMemory(info.Env(), 0))); }));
  exports.Set("setScoped", Napi::Function::New(env, setScoped));
  exports.Set("setCudnn", Napi::Function::New(env, setCudnn));
  exports.Set("synchronize", Napi::Function::New(env, synchronize));
}

NODE_API_MODULE(rescaled, init)

}  // namespace rescaled
