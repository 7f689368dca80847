#include "recompute.h"

#include "bridge.h"

#include <atomic>

namespace rescaled {
namespace {

std::atomic<int> level{int(Recompute::norm)};

struct Held : torch::CustomClassHolder {
  NodePtr node;
  explicit Held(NodePtr given) : node(std::move(given)) {}
};

constexpr const char* NAMES[] = {"none", "norm", "block", "stage"};

// setRecompute(name) -> what it was
Napi::Value setRecompute(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  return guarded(env, "setRecompute", [&]() -> Napi::Value {
    const auto name = info[0].As<Napi::String>().Utf8Value();
    for (int i = 0; i < 4; i++)
      if (name == NAMES[i]) return Napi::String::New(env, NAMES[level.exchange(i)]);
    TORCH_CHECK(false, "expected none, norm, block or stage but received ", name);
  });
}

}  // namespace

Recompute recomputing() { return Recompute(level.load()); }

std::unordered_map<std::type_index, Again>& againByType() {
  static std::unordered_map<std::type_index, Again> known;
  return known;
}

void remember(AutogradContext* context, const char* name, NodePtr node) {
  context->saved_data[name] = c10::IValue::make_capsule(c10::make_intrusive<Held>(std::move(node)));
}

NodePtr remembered(AutogradContext* context, const char* name) {
  const auto found = context->saved_data.find(name);
  return found == context->saved_data.end() ? nullptr : c10::static_intrusive_pointer_cast<Held>(found->second.toCapsule())->node;
}

int depthOf(const at::Tensor& x) {
  if (recomputing() == Recompute::none) return 0;
  const auto node = makerOf(x);
  if (node == nullptr) return 0;
  Node& made = *node;
  const auto again = againByType().find(typeid(made));
  return again == againByType().end() ? 0 : again->second.depth(made);
}

at::Tensor keep(AutogradContext* context, const char* name, const at::Tensor& x) {
  if (depthOf(x) == 0) return x;
  remember(context, name, makerOf(x));
  return at::Tensor();
}

at::Tensor kept(AutogradContext* context, const char* name, const at::Tensor& saved) {
  if (saved.defined()) return saved;
  const auto node = remembered(context, name);
  Node& made = *node;
  return againByType().at(typeid(made)).output(made);
}

at::Tensor outputOnce(AutogradContext& context, const std::function<at::Tensor()>& make) {
  auto& output = context.saved_data["output"];
  if (output.isNone()) output = make();
  return output.toTensor();
}

void forgetOutput(AutogradContext* context) { context->saved_data.erase("output"); }

void registerRecompute(Napi::Env env, Napi::Object exports) { exports.Set("setRecompute", Napi::Function::New(env, setRecompute)); }

}  // namespace rescaled
