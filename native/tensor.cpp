// Tensor handles: wrapping, reading, writing, disposal.
#include "bridge.h"

namespace rescaled {
namespace {

constexpr napi_type_tag kTensorTag = {0x7e5ca1ed00000001ULL, 0x7e4504d5f00dULL};
constexpr napi_type_tag kGeneratorTag = {0x7e5ca1ed00000002ULL, 0x6e4e7a7045f00dULL};

struct DtypeRow {
  at::ScalarType type;
  const char* name;
};
constexpr DtypeRow kDtypes[] = {
    {at::kFloat, "float32"}, {at::kDouble, "float64"}, {at::kHalf, "float16"}, {at::kBFloat16, "bfloat16"},
    {at::kLong, "int64"},    {at::kInt, "int32"},      {at::kShort, "int16"},  {at::kChar, "int8"},
    {at::kByte, "uint8"},    {at::kBool, "bool"},
};

// float16 and bfloat16 have no JavaScript array: they travel as float32.
at::ScalarType hostType(at::ScalarType type) {
  return type == at::kHalf || type == at::kBFloat16 ? at::kFloat : type;
}

napi_typedarray_type arrayType(at::ScalarType type) {
  switch (hostType(type)) {
    case at::kFloat: return napi_float32_array;
    case at::kDouble: return napi_float64_array;
    case at::kLong: return napi_bigint64_array;
    case at::kInt: return napi_int32_array;
    case at::kShort: return napi_int16_array;
    case at::kChar: return napi_int8_array;
    case at::kByte:
    case at::kBool: return napi_uint8_array;
    default: throw std::runtime_error(std::string("no JavaScript array holds dtype ") + dtypeName(type));
  }
}

optional<at::ScalarType> typeOfArray(napi_typedarray_type type) {
  switch (type) {
    case napi_float32_array: return at::kFloat;
    case napi_float64_array: return at::kDouble;
    case napi_bigint64_array: return at::kLong;
    case napi_int32_array: return at::kInt;
    case napi_int16_array: return at::kShort;
    case napi_int8_array: return at::kChar;
    case napi_uint8_array:
    case napi_uint8_clamped_array: return at::kByte;
    default: return {};
  }
}

TensorBox* boxOf(Napi::Env env, Napi::Value value) {
  if (!value.IsObject()) return nullptr;
  bool tagged = false;
  if (napi_check_object_type_tag(env, value, &kTensorTag, &tagged) != napi_ok || !tagged) return nullptr;
  void* pointer = nullptr;
  return napi_unwrap(env, value, &pointer) == napi_ok ? static_cast<TensorBox*>(pointer) : nullptr;
}

void report(Napi::Env env, TensorBox& box, int64_t bytes) {
  if (bytes == box.reportedBytes) return;
  Napi::MemoryManagement::AdjustExternalMemory(env, bytes - box.reportedBytes);
  box.reportedBytes = bytes;
}

void release(Napi::Env env, TensorBox& box) {
  if (box.disposed) return;
  box.disposed = true;
  box.tensor.reset();
  if (auto* data = env.GetInstanceData<EnvironmentData>()) data->liveTensors--;
  report(env, box, 0);
}

int64_t ownBytes(const at::Tensor& tensor) {
  return tensor.defined() && tensor.has_storage() && tensor.storage().use_count() <= 2 ? int64_t(tensor.nbytes()) : 0;
}

std::vector<int64_t> shapeFrom(const Napi::Value& value) {
  std::vector<int64_t> shape;
  auto array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) shape.push_back(array.Get(i).As<Napi::Number>().Int64Value());
  return shape;
}

// fromTypedArray(array, shape, dtype, device): copies.
Napi::Value fromTypedArray(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  return guarded(env, "fromTypedArray", [&]() -> Napi::Value {
    auto array = info[0].As<Napi::TypedArray>();
    napi_typedarray_type type;
    size_t length;
    void* pointer;
    if (napi_get_typedarray_info(env, array, &type, &length, &pointer, nullptr, nullptr) != napi_ok)
      throw std::runtime_error("expected a typed array");
    auto source = typeOfArray(type);
    if (!source) throw std::runtime_error("this kind of typed array is not supported");
    auto shape = shapeFrom(info[1]);
    int64_t count = 1;
    for (auto size : shape) count *= size;
    if (count != int64_t(length))
      throw std::runtime_error("the shape holds " + std::to_string(count) + " elements, but the array has " + std::to_string(length));
    auto wanted = dtypeFromName(info[2].As<Napi::String>().Utf8Value());
    if (!wanted) throw std::runtime_error("unknown dtype " + info[2].As<Napi::String>().Utf8Value());
    // ours before the copy: from_blob needs a non-null pointer even for no elements
    auto view = count == 0 ? at::empty(shape, at::TensorOptions(*source)) : at::from_blob(pointer, shape, at::TensorOptions(*source));
    auto device = at::Device(info[3].As<Napi::String>().Utf8Value());
    return wrapTensor(env, view.to(device, *wanted, /*non_blocking=*/false, /*copy=*/true));
  });
}

Napi::Value makeArray(Napi::Env env, const at::Tensor& tensor, void** pointer) {
  auto type = arrayType(tensor.scalar_type());
  size_t count = size_t(tensor.numel());
  auto buffer = Napi::ArrayBuffer::New(env, count * at::elementSize(hostType(tensor.scalar_type())));
  *pointer = buffer.Data();
  napi_value array;
  if (napi_create_typedarray(env, type, count, buffer, 0, &array) != napi_ok) throw std::runtime_error("could not make a typed array");
  return Napi::Value(env, array);
}

void copyOut(const at::Tensor& tensor, void* pointer) {
  at::NoGradGuard noGrad;
  auto host = tensor.detach().to(at::kCPU, hostType(tensor.scalar_type())).contiguous();
  if (host.numel() > 0) std::memcpy(pointer, host.data_ptr(), host.nbytes());
}

Napi::Value toTypedArray(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  return guarded(env, "data", [&]() -> Napi::Value {
    auto& tensor = unwrapTensor(env, info[0], "data");
    void* pointer = nullptr;
    auto array = makeArray(env, tensor, &pointer);
    copyOut(tensor, pointer);
    return array;
  });
}

class BackgroundWorker : public Napi::AsyncWorker {
 public:
  BackgroundWorker(Napi::Env env, std::function<void()> work, std::function<Napi::Value(Napi::Env)> after)
      : Napi::AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)), work_(std::move(work)), after_(std::move(after)) {}
  Napi::Promise promise() const { return deferred_.Promise(); }
  void Execute() override {
    if (auto error = errorOf(work_)) SetError(*error);
    work_ = {};
  }
  void OnOK() override { deferred_.Resolve(after_ ? after_(Env()) : Env().Undefined()); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred_;
  std::function<void()> work_;
  std::function<Napi::Value(Napi::Env)> after_;
};

Napi::Value readAsync(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  return guarded(env, "read", [&]() -> Napi::Value {
    auto& tensor = unwrapTensor(env, info[0], "read");
    void* pointer = nullptr;
    auto array = makeArray(env, tensor, &pointer);
    // The array lives while it is written.
    auto held = std::make_shared<Napi::ObjectReference>(Napi::Persistent(array.As<Napi::Object>()));
    return inBackground(
        env, [tensor, pointer]() { copyOut(tensor, pointer); }, [held](Napi::Env) -> Napi::Value { return held->Value(); });
  });
}

Napi::Value dispose(const Napi::CallbackInfo& info) {
  if (auto* box = boxOf(info.Env(), info[0])) release(info.Env(), *box);
  return info.Env().Undefined();
}

Napi::Value isDisposed(const Napi::CallbackInfo& info) {
  auto* box = boxOf(info.Env(), info[0]);
  return Napi::Boolean::New(info.Env(), box == nullptr || box->disposed);
}

Napi::Value reportExternal(const Napi::CallbackInfo& info) {
  if (auto* box = boxOf(info.Env(), info[0]))
    if (!box->disposed) report(info.Env(), *box, ownBytes(box->tensor));
  return info.Env().Undefined();
}

Napi::Value shape(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  auto& tensor = unwrapTensor(env, info[0], "shape");
  auto array = Napi::Array::New(env, tensor.dim());
  for (int64_t i = 0; i < tensor.dim(); i++) array.Set(uint32_t(i), Napi::Number::New(env, double(tensor.size(i))));
  return array;
}

Napi::Value dtype(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), dtypeName(unwrapTensor(info.Env(), info[0], "dtype").scalar_type()));
}

Napi::Value device(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), unwrapTensor(info.Env(), info[0], "device").device().str());
}

Napi::Value isContiguous(const Napi::CallbackInfo& info) {
  auto& tensor = unwrapTensor(info.Env(), info[0], "isContiguous");
  auto last = tensor.dim() == 5 ? at::MemoryFormat::ChannelsLast3d : at::MemoryFormat::ChannelsLast;
  return Napi::Boolean::New(info.Env(), tensor.is_contiguous(info[1].ToBoolean() ? last : at::MemoryFormat::Contiguous));
}

Napi::Value item(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  return guarded(env, "item", [&]() -> Napi::Value {
    auto& tensor = unwrapTensor(env, info[0], "item");
    auto scalar = tensor.item();
    if (scalar.isBoolean()) return Napi::Boolean::New(env, scalar.toBool());
    return Napi::Number::New(env, scalar.isFloatingPoint() ? scalar.toDouble() : double(scalar.toLong()));
  });
}

Napi::Value createGenerator(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  return guarded(env, "generator", [&]() -> Napi::Value {
    bool lossless;
    auto seed = info[0].As<Napi::BigInt>().Uint64Value(&lossless);
    auto device = at::Device(info[1].As<Napi::String>().Utf8Value());
    auto base = at::globalContext().defaultGenerator(device);
    auto generator = base.clone();
    generator.set_current_seed(seed);
    auto object = dataOf(env).generatorClass.New({});
    auto* box = new GeneratorBox{generator};
    napi_wrap(env, object, box, [](napi_env, void* pointer, void*) { delete static_cast<GeneratorBox*>(pointer); }, nullptr, nullptr);
    napi_type_tag_object(env, object, &kGeneratorTag);
    return object;
  });
}

Napi::Value setClasses(const Napi::CallbackInfo& info) {
  auto& data = dataOf(info.Env());
  data.tensorClass = Napi::Persistent(info[0].As<Napi::Function>());
  data.generatorClass = Napi::Persistent(info[1].As<Napi::Function>());
  data.disposedError = Napi::Persistent(info[2].As<Napi::Function>());
  return info.Env().Undefined();
}

}  // namespace

const char* dtypeName(at::ScalarType type) {
  for (const auto& row : kDtypes)
    if (row.type == type) return row.name;
  return at::toString(type);
}

optional<at::ScalarType> dtypeFromName(const std::string& name) {
  for (const auto& row : kDtypes)
    if (name == row.name) return row.type;
  return {};
}

Napi::Object wrapTensor(Napi::Env env, at::Tensor tensor) {
  auto& data = dataOf(env);
  auto object = data.tensorClass.New({});
  auto* box = new TensorBox{std::move(tensor)};
  data.liveTensors++;
  auto finalize = [](napi_env rawEnv, void* pointer, void*) {
    auto* dying = static_cast<TensorBox*>(pointer);
    release(Napi::Env(rawEnv), *dying);
    delete dying;
  };
  if (napi_wrap(env, object, box, finalize, nullptr, nullptr) != napi_ok || napi_type_tag_object(env, object, &kTensorTag) != napi_ok) {
    throw std::runtime_error("could not attach a tensor to its JavaScript object");
  }
  if (!data.scoped) report(env, *box, ownBytes(box->tensor));
  return object;
}

bool isTensor(Napi::Env env, Napi::Value value) { return boxOf(env, value) != nullptr; }

at::Tensor& unwrapTensor(Napi::Env env, Napi::Value value, const char* what) {
  auto* box = boxOf(env, value);
  if (box == nullptr) throw Napi::TypeError::New(env, std::string(what) + ": expected a Tensor");
  if (box->disposed) {
    auto error = dataOf(env).disposedError.New({Napi::String::New(env, what)});
    throw Napi::Error(env, error);
  }
  return box->tensor;
}

bool isGenerator(Napi::Env env, Napi::Value value) {
  bool tagged = false;
  return value.IsObject() && napi_check_object_type_tag(env, value, &kGeneratorTag, &tagged) == napi_ok && tagged;
}

at::Generator& unwrapGenerator(Napi::Env env, Napi::Value value) {
  void* pointer = nullptr;
  if (!isGenerator(env, value) || napi_unwrap(env, value, &pointer) != napi_ok) throw Napi::TypeError::New(env, "expected a Generator");
  return static_cast<GeneratorBox*>(pointer)->generator;
}

optional<std::string> errorOf(const std::function<void()>& work) {
  try {
    work();
  } catch (const c10::Error& error) {
    return std::string(error.what_without_backtrace());
  } catch (const std::exception& error) {
    return std::string(error.what());
  }
  return {};
}

Napi::Value inBackground(Napi::Env env, std::function<void()> work, std::function<Napi::Value(Napi::Env)> after) {
  auto* worker = new BackgroundWorker(env, std::move(work), std::move(after));
  auto promise = worker->promise();
  worker->Queue();
  return promise;
}

void registerTensor(Napi::Env env, Napi::Object exports) {
  exports.Set("setClasses", Napi::Function::New(env, setClasses));
  exports.Set("fromTypedArray", Napi::Function::New(env, fromTypedArray));
  exports.Set("toTypedArray", Napi::Function::New(env, toTypedArray));
  exports.Set("readAsync", Napi::Function::New(env, readAsync));
  exports.Set("dispose", Napi::Function::New(env, dispose));
  exports.Set("isDisposed", Napi::Function::New(env, isDisposed));
  exports.Set("reportExternal", Napi::Function::New(env, reportExternal));
  exports.Set("shape", Napi::Function::New(env, shape));
  exports.Set("dtype", Napi::Function::New(env, dtype));
  exports.Set("device", Napi::Function::New(env, device));
  exports.Set("isContiguous", Napi::Function::New(env, isContiguous));
  exports.Set("item", Napi::Function::New(env, item));
  exports.Set("createGenerator", Napi::Function::New(env, createGenerator));
}

}  // namespace rescaled
