// Mixed precision: PyTorch's autocast, which casts the inputs of chosen operators on their way through the dispatcher.
#include "bridge.h"

#include <ATen/autocast_mode.h>

namespace rescaled {
namespace {

// setAutocast(device, dtype | null): from here on, operators of this kind of device compute in bfloat16 or float16 where PyTorch's lists say so. null
// turns it off and frees the casts of the parameters, which it keeps from their first use on.
Napi::Value setAutocast(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  return guarded(env, "setAutocast", [&]() -> Napi::Value {
    auto type = at::Device(info[0].As<Napi::String>().Utf8Value()).type();
    bool on = info[1].IsString();
    auto name = on ? info[1].As<Napi::String>().Utf8Value() : "bfloat16";
    TORCH_CHECK(name == "bfloat16" || name == "float16", "expected bfloat16 or float16 but received ", name);
    auto dtype = name == "float16" ? at::kHalf : at::kBFloat16;
    TORCH_CHECK(type != at::kCPU || dtype == at::kBFloat16, "expected bfloat16 on the CPU but received float16");
#if RESCALED_TORCH_AT_LEAST(2, 4)
    at::autocast::set_autocast_dtype(type, dtype);
    at::autocast::set_autocast_enabled(type, on);
#else
    if (type == at::kCPU) {
      at::autocast::set_autocast_cpu_dtype(dtype);
      at::autocast::set_cpu_enabled(on);
    } else if (type == at::kCUDA) {
      at::autocast::set_autocast_gpu_dtype(dtype);
      at::autocast::set_enabled(on);
    } else {
      TORCH_CHECK(false, "expected cpu or cuda but received ", type, ": autocast of other devices needs libtorch 2.4 or newer");
    }
#endif
    if (!on) at::autocast::clear_cache();
    return env.Undefined();
  });
}

}  // namespace

void registerAutocast(Napi::Env env, Napi::Object exports) { exports.Set("setAutocast", Napi::Function::New(env, setAutocast)); }

}  // namespace rescaled
