// What the files of the bridge share: the tensor handle, the state of one JavaScript environment, and the value conversions.
#pragma once

#include "compat.h"

#include <napi.h>

#include <atomic>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

namespace rescaled {

// A JavaScript Tensor wraps one of these. `tensor` is undefined once disposed.
struct TensorBox {
  at::Tensor tensor;
  bool disposed = false;
  int64_t reportedBytes = 0;  // what V8 was told about
};

struct GeneratorBox {
  at::Generator generator;
};

struct Operator {
  c10::OperatorHandle handle;
  std::string name;
};

// One per JavaScript environment (main thread or worker).
struct EnvironmentData {
  Napi::FunctionReference tensorClass;
  Napi::FunctionReference generatorClass;
  Napi::FunctionReference disposedError;
  std::vector<Operator> operators;
  std::unordered_map<std::string, uint32_t> operatorIds;
  std::vector<std::unique_ptr<c10::InferenceMode>> inferenceModes;
  int64_t liveTensors = 0;
  bool scoped = false;  // inside a scope temporaries are released soon, so V8 is not told about them
};

inline EnvironmentData& dataOf(Napi::Env env) { return *env.GetInstanceData<EnvironmentData>(); }

// Runs `body` and turns libtorch's exceptions into JavaScript errors without a C++ back trace.
Napi::Value guarded(Napi::Env env, const char* what, const std::function<Napi::Value()>& body);

// What went wrong in `work`, without libtorch's back trace; nothing where all went well.
optional<std::string> errorOf(const std::function<void()>& work);

// Runs `work` on a thread of Node's pool, so that the event loop goes on, and `after` on the JavaScript thread; its result is the promise's.
Napi::Value inBackground(Napi::Env env, std::function<void()> work, std::function<Napi::Value(Napi::Env)> after = {});

// tensor.cpp
Napi::Object wrapTensor(Napi::Env env, at::Tensor tensor);
bool isTensor(Napi::Env env, Napi::Value value);
at::Tensor& unwrapTensor(Napi::Env env, Napi::Value value, const char* what);
bool isGenerator(Napi::Env env, Napi::Value value);
at::Generator& unwrapGenerator(Napi::Env env, Napi::Value value);
const char* dtypeName(at::ScalarType type);
optional<at::ScalarType> dtypeFromName(const std::string& name);
void registerTensor(Napi::Env env, Napi::Object exports);

// convert.cpp
struct ArgumentContext {
  const std::string& op;
  const c10::Argument& argument;
  size_t position;
};
c10::IValue toIValue(Napi::Env env, Napi::Value value, const c10::Argument& argument, const ArgumentContext& context);
Napi::Value fromIValue(Napi::Env env, const c10::IValue& value, const c10::TypePtr& realType);

// one registrar per file
void registerDispatch(Napi::Env env, Napi::Object exports);
void registerAutograd(Napi::Env env, Napi::Object exports);
void registerAutocast(Napi::Env env, Napi::Object exports);
void registerRecompute(Napi::Env env, Napi::Object exports);
void registerMapFile(Napi::Env env, Napi::Object exports);
void registerDistributed(Napi::Env env, Napi::Object exports);
void registerRuntime(Napi::Env env, Napi::Object exports);

}  // namespace rescaled
