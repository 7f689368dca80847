// The bridge: any operator registered with PyTorch's dispatcher, called by name and overload.
#include "bridge.h"

#include <sstream>

namespace rescaled {
namespace {

// findOperator(name, overload) -> id, or null when no such operator is registered.
Napi::Value findOperator(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  auto name = info[0].As<Napi::String>().Utf8Value();
  auto overload = info[1].As<Napi::String>().Utf8Value();
  auto& data = dataOf(env);
  auto key = overload.empty() ? name : name + "." + overload;
  auto known = data.operatorIds.find(key);
  if (known != data.operatorIds.end()) return Napi::Number::New(env, known->second);
  auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
  if (!handle) return env.Null();
  uint32_t id = uint32_t(data.operators.size());
  data.operators.push_back({*handle, key});
  data.operatorIds.emplace(key, id);
  return Napi::Number::New(env, id);
}

// operatorSchema(id) -> "aten::relu(Tensor self) -> Tensor"
Napi::Value operatorSchema(const Napi::CallbackInfo& info) {
  std::ostringstream text;
  text << dataOf(info.Env()).operators.at(info[0].As<Napi::Number>().Uint32Value()).handle.schema();
  return Napi::String::New(info.Env(), text.str());
}

// operatorNames() -> every registered "aten::add.Tensor"
Napi::Value operatorNames(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  auto names = c10::Dispatcher::singleton().getAllOpNames();
  auto array = Napi::Array::New(env, names.size());
  uint32_t i = 0;
  for (const auto& name : names) array.Set(i++, name.overload_name.empty() ? name.name : name.name + "." + name.overload_name);
  return array;
}

// call(id, positional, named | undefined) -> undefined, a value, or an array of values
Napi::Value call(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  auto& data = dataOf(env);
  auto& op = data.operators.at(info[0].As<Napi::Number>().Uint32Value());
  return guarded(env, op.name.c_str(), [&]() -> Napi::Value {
    const auto& schema = op.handle.schema();
    const auto& arguments = schema.arguments();
    auto positional = info[1].As<Napi::Array>();
    uint32_t given = positional.Length();
    if (given > arguments.size()) {
      throw Napi::TypeError::New(env, op.name + ": expected at most " + std::to_string(arguments.size()) + " arguments but received " + std::to_string(given));
    }
    const bool hasNamed = info[2].IsObject();
    auto named = hasNamed ? info[2].As<Napi::Object>() : Napi::Object();
    uint32_t usedNamed = 0;

    torch::jit::Stack stack;
    stack.reserve(arguments.size());
    for (size_t i = 0; i < arguments.size(); i++) {
      const auto& argument = arguments[i];
      Napi::Value value = i < given ? Napi::Value(positional.Get(uint32_t(i))) : env.Undefined();
      if (value.IsUndefined() && hasNamed && named.Has(argument.name())) {
        value = named.Get(argument.name());
        usedNamed++;
      }
      if (value.IsUndefined()) {
        if (argument.default_value()) {
          stack.push_back(*argument.default_value());
          continue;
        }
        if (argument.type()->kind() != c10::TypeKind::OptionalType)
          throw Napi::TypeError::New(env, op.name + ": argument \"" + argument.name() + "\" (position " + std::to_string(i) + ", " +
                                              argument.type()->str() + ") is missing");
      }
      stack.push_back(toIValue(env, value, argument, {op.name, argument, i}));
    }
    if (hasNamed && usedNamed < named.GetPropertyNames().Length()) {
      auto keys = named.GetPropertyNames();
      for (uint32_t i = 0; i < keys.Length(); i++) {
        auto key = keys.Get(i).As<Napi::String>().Utf8Value();
        auto index = schema.argumentIndexWithName(key);
        if (!index || size_t(*index) < given) {
          std::ostringstream text;
          text << schema;
          throw Napi::TypeError::New(env, op.name + ": no argument is called \"" + key + "\" or it was given twice. The schema is " + text.str());
        }
      }
    }

    op.handle.callBoxed(&stack);

    const auto& returns = schema.returns();
    if (stack.empty()) return env.Undefined();
    if (stack.size() == 1) return fromIValue(env, stack[0], returns.empty() ? stack[0].type() : returns[0].real_type());
    auto results = Napi::Array::New(env, stack.size());
    for (size_t i = 0; i < stack.size(); i++)
      results.Set(uint32_t(i), fromIValue(env, stack[i], i < returns.size() ? returns[i].real_type() : stack[i].type()));
    return results;
  });
}

}  // namespace

Napi::Value guarded(Napi::Env env, const char* what, const std::function<Napi::Value()>& body) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (const c10::Error& error) {
    throw Napi::Error::New(env, std::string(what) + ": " + error.what_without_backtrace());
  } catch (const std::exception& error) {
    std::string text = error.what();
    throw Napi::Error::New(env, std::string(what) + ": " + text.substr(0, text.find("\nException raised from")));
  }
}

void registerDispatch(Napi::Env env, Napi::Object exports) {
  exports.Set("findOperator", Napi::Function::New(env, findOperator));
  exports.Set("operatorSchema", Napi::Function::New(env, operatorSchema));
  exports.Set("operatorNames", Napi::Function::New(env, operatorNames));
  exports.Set("call", Napi::Function::New(env, call));
}

}  // namespace rescaled
