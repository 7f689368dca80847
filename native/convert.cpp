// Values between JavaScript and the dispatcher, led by the operator's schema.
#include "bridge.h"

#include <cmath>

namespace rescaled {
namespace {

std::string describe(Napi::Env env, Napi::Value value) {
  if (value.IsUndefined()) return "undefined";
  if (value.IsNull()) return "null";
  if (isTensor(env, value)) return "a Tensor";
  if (isGenerator(env, value)) return "a Generator";
  if (value.IsArray()) return "an array of " + std::to_string(value.As<Napi::Array>().Length());
  if (value.IsString()) return "the string \"" + value.As<Napi::String>().Utf8Value() + "\"";
  if (value.IsNumber() || value.IsBoolean()) return "the " + std::string(value.IsNumber() ? "number " : "boolean ") + value.ToString().Utf8Value();
  if (value.IsBigInt()) return "a bigint";
  if (value.IsFunction()) return "a function";
  return "an object";
}

[[noreturn]] void fail(Napi::Env env, const ArgumentContext& context, const std::string& expected, Napi::Value value) {
  throw Napi::TypeError::New(env, context.op + ": expected " + expected + " for argument \"" + context.argument.name() + "\" (position " +
                                      std::to_string(context.position) + ") but received " + describe(env, value));
}

int64_t toInteger(Napi::Env env, Napi::Value value, const ArgumentContext& context) {
  if (value.IsBigInt()) {
    bool lossless = true;
    int64_t result = value.As<Napi::BigInt>().Int64Value(&lossless);
    if (!lossless) fail(env, context, "a 64-bit integer", value);
    return result;
  }
  if (value.IsNumber()) {
    double number = value.As<Napi::Number>().DoubleValue();
    if (std::isfinite(number) && std::floor(number) == number && std::fabs(number) <= 9007199254740992.0) return int64_t(number);
  }
  fail(env, context, "an integer", value);
}

double toDouble(Napi::Env env, Napi::Value value, const ArgumentContext& context) {
  if (!value.IsNumber()) fail(env, context, "a number", value);
  return value.As<Napi::Number>().DoubleValue();
}

at::Scalar toScalar(Napi::Env env, Napi::Value value, const ArgumentContext& context) {
  if (value.IsBoolean()) return at::Scalar(value.As<Napi::Boolean>().Value());
  if (value.IsBigInt()) return at::Scalar(toInteger(env, value, context));
  if (!value.IsNumber()) fail(env, context, "a number", value);
  double number = value.As<Napi::Number>().DoubleValue();
  // JavaScript has one number type: a whole number is an integer scalar, which keeps integer tensors integer.
  if (std::floor(number) == number && std::fabs(number) <= 9007199254740992.0) return at::Scalar(int64_t(number));
  return at::Scalar(number);
}

int64_t toNamedInteger(Napi::Env env, Napi::Value value, c10::TypeKind real, const ArgumentContext& context) {
  auto name = value.As<Napi::String>().Utf8Value();
  const bool any = real == c10::TypeKind::IntType;
  if (any || real == c10::TypeKind::ScalarTypeType)
    if (auto type = dtypeFromName(name)) return int64_t(*type);
  if (any || real == c10::TypeKind::MemoryFormatType) {
    if (name == "contiguous") return int64_t(at::MemoryFormat::Contiguous);
    if (name == "preserve") return int64_t(at::MemoryFormat::Preserve);
    if (name == "channels_last") return int64_t(at::MemoryFormat::ChannelsLast);
    if (name == "channels_last_3d") return int64_t(at::MemoryFormat::ChannelsLast3d);
  }
  if (any || real == c10::TypeKind::LayoutType) {
    if (name == "strided") return int64_t(at::Layout::Strided);
    if (name == "sparse_coo") return int64_t(at::Layout::Sparse);
  }
  const char* expected = real == c10::TypeKind::ScalarTypeType    ? "a dtype name such as \"float32\""
                         : real == c10::TypeKind::MemoryFormatType ? "a memory format (contiguous, preserve, channels_last, channels_last_3d)"
                         : real == c10::TypeKind::LayoutType       ? "a layout (strided, sparse_coo)"
                                                                   : "an integer";
  fail(env, context, expected, value);
}

c10::IValue convert(Napi::Env env, Napi::Value value, const c10::TypePtr& type, const c10::TypePtr& real, optional<int32_t> broadcast,
                    const ArgumentContext& context);

template <typename T, typename F>
c10::IValue convertList(Napi::Env env, Napi::Value value, optional<int32_t> broadcast, const char* expected, const ArgumentContext& context, F element) {
  c10::List<T> list;
  if (value.IsArray()) {
    auto array = value.As<Napi::Array>();
    uint32_t length = array.Length();
    list.reserve(length);
    for (uint32_t i = 0; i < length; i++) list.push_back(element(array.Get(i)));
  } else if (value.IsTypedArray()) {
    auto array = value.As<Napi::Object>();
    uint32_t length = uint32_t(value.As<Napi::TypedArray>().ElementLength());
    for (uint32_t i = 0; i < length; i++) list.push_back(element(array.Get(i)));
  } else if (broadcast && *broadcast > 0 && (value.IsNumber() || value.IsBoolean() || value.IsBigInt())) {
    // PyTorch's `int[2] stride` takes a single number for all.
    auto one = element(value);
    for (int32_t i = 0; i < *broadcast; i++) list.push_back(one);
  } else {
    fail(env, context, expected, value);
  }
  return c10::IValue(std::move(list));
}

c10::IValue convertListOf(Napi::Env env, Napi::Value value, const c10::TypePtr& element, optional<int32_t> broadcast, const ArgumentContext& context) {
  auto kind = element->kind();
  if (kind == c10::TypeKind::TensorType) {
    return convertList<at::Tensor>(env, value, broadcast, "an array of Tensors", context, [&](Napi::Value item) {
      if (!isTensor(env, item)) fail(env, context, "an array of Tensors", item);
      return unwrapTensor(env, item, context.op.c_str());
    });
  }
  if (kind == c10::TypeKind::OptionalType) {
    auto inner = element->castRaw<c10::OptionalType>()->getElementType();
    if (inner->kind() == c10::TypeKind::TensorType) {
      return convertList<optional<at::Tensor>>(env, value, broadcast, "an array of Tensors or nulls", context, [&](Napi::Value item) -> optional<at::Tensor> {
        if (item.IsNull() || item.IsUndefined()) return {};
        if (!isTensor(env, item)) fail(env, context, "a Tensor or null", item);
        return unwrapTensor(env, item, context.op.c_str());
      });
    }
  }
  if (isIntegerKind(kind))
    return convertList<int64_t>(env, value, broadcast, "an array of integers", context, [&](Napi::Value item) { return toInteger(env, item, context); });
  if (kind == c10::TypeKind::FloatType)
    return convertList<double>(env, value, broadcast, "an array of numbers", context, [&](Napi::Value item) { return toDouble(env, item, context); });
  if (kind == c10::TypeKind::NumberType)
    return convertList<at::Scalar>(env, value, broadcast, "an array of numbers", context, [&](Napi::Value item) { return toScalar(env, item, context); });
  if (isBoolKind(kind))
    return convertList<bool>(env, value, broadcast, "an array of booleans", context, [&](Napi::Value item) {
      if (!item.IsBoolean()) fail(env, context, "a boolean", item);
      return item.As<Napi::Boolean>().Value();
    });
  if (kind == c10::TypeKind::StringType)
    return convertList<std::string>(env, value, broadcast, "an array of strings", context, [&](Napi::Value item) {
      if (!item.IsString()) fail(env, context, "a string", item);
      return item.As<Napi::String>().Utf8Value();
    });
  fail(env, context, "a list of a type that this bridge does not convert (" + element->str() + ")", value);
}

c10::IValue convert(Napi::Env env, Napi::Value value, const c10::TypePtr& type, const c10::TypePtr& real, optional<int32_t> broadcast,
                    const ArgumentContext& context) {
  auto kind = type->kind();
  if (kind == c10::TypeKind::OptionalType) {
    if (value.IsNull() || value.IsUndefined()) return c10::IValue();
    auto inner = type->castRaw<c10::OptionalType>()->getElementType();
    auto innerReal = real->kind() == c10::TypeKind::OptionalType ? real->castRaw<c10::OptionalType>()->getElementType() : inner;
    return convert(env, value, inner, innerReal, broadcast, context);
  }
  switch (kind) {
    case c10::TypeKind::TensorType:
      if (!isTensor(env, value)) fail(env, context, "a Tensor", value);
      return c10::IValue(unwrapTensor(env, value, context.op.c_str()));
    case c10::TypeKind::ListType:
      return convertListOf(env, value, type->castRaw<c10::ListType>()->getElementType(), broadcast, context);
    case c10::TypeKind::FloatType:
      return c10::IValue(toDouble(env, value, context));
    case c10::TypeKind::NumberType:
      return c10::IValue(toScalar(env, value, context));
    case c10::TypeKind::StringType:
      if (!value.IsString()) fail(env, context, "a string", value);
      return c10::IValue(value.As<Napi::String>().Utf8Value());
    case c10::TypeKind::DeviceObjType:
      if (!value.IsString()) fail(env, context, "a device name such as \"cpu\" or \"cuda:0\"", value);
      return c10::IValue(at::Device(value.As<Napi::String>().Utf8Value()));
    case c10::TypeKind::GeneratorType:
      if (!isGenerator(env, value)) fail(env, context, "a Generator", value);
      return c10::IValue(unwrapGenerator(env, value));
    default:
      break;
  }
  if (isBoolKind(kind)) {
    if (!value.IsBoolean()) fail(env, context, "a boolean", value);
    return c10::IValue(value.As<Napi::Boolean>().Value());
  }
  const bool named = kind == c10::TypeKind::ScalarTypeType || kind == c10::TypeKind::LayoutType || kind == c10::TypeKind::MemoryFormatType;
  if (named || isIntegerKind(kind)) {
    if (value.IsString()) return c10::IValue(toNamedInteger(env, value, real->kind(), context));
    return c10::IValue(toInteger(env, value, context));
  }
  fail(env, context, "a value of type " + type->str() + ", which this bridge does not convert,", value);
}

}  // namespace

c10::IValue toIValue(Napi::Env env, Napi::Value value, const c10::Argument& argument, const ArgumentContext& context) {
  return convert(env, value, argument.type(), argument.real_type(), argument.N(), context);
}

Napi::Value fromIValue(Napi::Env env, const c10::IValue& value, const c10::TypePtr& realType) {
  if (value.isNone()) return env.Null();
  if (value.isTensor()) {
    const auto& tensor = value.toTensor();
    if (!tensor.defined()) return env.Null();
    return wrapTensor(env, tensor);
  }
  if (value.isBool()) return Napi::Boolean::New(env, value.toBool());
  if (value.isInt()) {
    auto kind = realType->kind();
    if (kind == c10::TypeKind::ScalarTypeType) return Napi::String::New(env, dtypeName(at::ScalarType(value.toInt())));
    int64_t number = value.toInt();
    if (number > 9007199254740992LL || number < -9007199254740992LL) return Napi::BigInt::New(env, number);
    return Napi::Number::New(env, double(number));
  }
  if (value.isDouble()) return Napi::Number::New(env, value.toDouble());
  if (value.isScalar()) {
    auto scalar = value.toScalar();
    if (scalar.isBoolean()) return Napi::Boolean::New(env, scalar.toBool());
    return Napi::Number::New(env, scalar.isFloatingPoint() ? scalar.toDouble() : double(scalar.toLong()));
  }
  if (value.isString()) return Napi::String::New(env, value.toStringRef());
  if (value.isDevice()) return Napi::String::New(env, value.toDevice().str());
  if (value.isList()) {
    auto list = value.toList();
    auto array = Napi::Array::New(env, list.size());
    for (size_t i = 0; i < list.size(); i++) array.Set(uint32_t(i), fromIValue(env, list.get(i), list.elementType()));
    return array;
  }
  throw std::runtime_error("a result of type " + realType->str() + " cannot be given to JavaScript");
}

}  // namespace rescaled
