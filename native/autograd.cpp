// Entry points to autograd. Recording itself needs no code: the dispatcher routes every operator through it.
#include "bridge.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/grad_mode.h>

namespace rescaled {
namespace {

std::vector<at::Tensor> tensorsFrom(Napi::Env env, Napi::Value value, const char* what) {
  std::vector<at::Tensor> tensors;
  if (!value.IsArray()) return tensors;
  auto array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) {
    Napi::Value item = array.Get(i);
    tensors.push_back(item.IsNull() || item.IsUndefined() ? at::Tensor() : unwrapTensor(env, item, what));
  }
  return tensors;
}

// backward(tensors, gradients | null, retainGraph, createGraph)
Napi::Value backward(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  return guarded(env, "backward", [&]() -> Napi::Value {
    auto roots = tensorsFrom(env, info[0], "backward");
    auto gradients = tensorsFrom(env, info[1], "backward");
    bool create = info[3].ToBoolean();
    torch::autograd::backward(roots, gradients, info[2].ToBoolean() || create, create);
    return env.Undefined();
  });
}

// gradients(outputs, inputs, gradOutputs | null, retainGraph, createGraph, allowUnused) -> (Tensor | null)[]
Napi::Value gradients(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  return guarded(env, "gradients", [&]() -> Napi::Value {
    bool create = info[4].ToBoolean();
    auto results = torch::autograd::grad(tensorsFrom(env, info[0], "gradients"), tensorsFrom(env, info[1], "gradients"),
                                         tensorsFrom(env, info[2], "gradients"), info[3].ToBoolean() || create, create, info[5].ToBoolean());
    auto array = Napi::Array::New(env, results.size());
    for (size_t i = 0; i < results.size(); i++) {
      if (results[i].defined()) array.Set(uint32_t(i), wrapTensor(env, results[i]));
      else array.Set(uint32_t(i), env.Null());
    }
    return array;
  });
}

Napi::Value requiresGrad(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), unwrapTensor(info.Env(), info[0], "requiresGrad").requires_grad());
}

Napi::Value setRequiresGrad(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  return guarded(env, "requiresGrad", [&]() -> Napi::Value {
    unwrapTensor(env, info[0], "requiresGrad").set_requires_grad(info[1].ToBoolean());
    return env.Undefined();
  });
}

Napi::Value getGrad(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  const auto& gradient = unwrapTensor(env, info[0], "grad").grad();
  if (!gradient.defined()) return env.Null();
  return wrapTensor(env, gradient);
}

Napi::Value setGrad(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  return guarded(env, "grad", [&]() -> Napi::Value {
    auto& tensor = unwrapTensor(env, info[0], "grad");
    if (info[1].IsNull() || info[1].IsUndefined()) tensor.mutable_grad().reset();
    else tensor.mutable_grad() = unwrapTensor(env, info[1], "grad");
    return env.Undefined();
  });
}

// setGradEnabled(on) -> what it was
Napi::Value setGradEnabled(const Napi::CallbackInfo& info) {
  bool before = at::GradMode::is_enabled();
  at::GradMode::set_enabled(info[0].ToBoolean());
  return Napi::Boolean::New(info.Env(), before);
}

Napi::Value isGradEnabled(const Napi::CallbackInfo& info) { return Napi::Boolean::New(info.Env(), at::GradMode::is_enabled()); }

Napi::Value pushInferenceMode(const Napi::CallbackInfo& info) {
  dataOf(info.Env()).inferenceModes.push_back(std::make_unique<c10::InferenceMode>(true));
  return info.Env().Undefined();
}

Napi::Value popInferenceMode(const Napi::CallbackInfo& info) {
  auto& modes = dataOf(info.Env()).inferenceModes;
  if (!modes.empty()) modes.pop_back();
  return info.Env().Undefined();
}

}  // namespace

void registerAutograd(Napi::Env env, Napi::Object exports) {
  exports.Set("backward", Napi::Function::New(env, backward));
  exports.Set("gradients", Napi::Function::New(env, gradients));
  exports.Set("requiresGrad", Napi::Function::New(env, requiresGrad));
  exports.Set("setRequiresGrad", Napi::Function::New(env, setRequiresGrad));
  exports.Set("getGrad", Napi::Function::New(env, getGrad));
  exports.Set("setGrad", Napi::Function::New(env, setGrad));
  exports.Set("setGradEnabled", Napi::Function::New(env, setGradEnabled));
  exports.Set("isGradEnabled", Napi::Function::New(env, isGradEnabled));
  exports.Set("pushInferenceMode", Napi::Function::New(env, pushInferenceMode));
  exports.Set("popInferenceMode", Napi::Function::New(env, popInferenceMode));
}

}  // namespace rescaled
