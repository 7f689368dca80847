// Sums gradients over the ranks of a group while the backward pass goes on: flat buckets of gradients, each sent as soon as its last gradient is
// there and those before it are sent. Not c10d::Reducer, which orders its buckets anew by arrival after the first step (a resumed run would add in
// another order) and has another constructor in each version. Here the layout is a function of the parameters and of the bucket size.
#include "distributed.h"

#ifdef RESCALED_C10D

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/accumulate_grad.h>
#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/csrc/autograd/variable.h>

namespace rescaled {
namespace {

struct Bucket {
  at::Tensor flat;
  std::vector<size_t> members;
  size_t missing = 0;
  Pending work;
};

class Reducer {
 public:
  // Parameters go into buckets in reverse order, as their gradients come. `tail`, of their dtype, closes the last bucket: whatever rides along.
  Reducer(std::shared_ptr<Group> group, std::vector<at::Tensor> parameters, at::Tensor tail, int64_t bucketBytes, int64_t firstBytes)
      : group_(std::move(group)), parameters_(std::move(parameters)), tail_(std::move(tail)), views_(parameters_.size()), bucketOf_(parameters_.size()), seen_(parameters_.size()) {
    std::vector<std::vector<size_t>> plan(1);
    int64_t bytes = 0;
    for (size_t i = parameters_.size(); i-- > 0;) {
      TORCH_CHECK(parameters_[i].scalar_type() == tail_.scalar_type() && parameters_[i].is_non_overlapping_and_dense(), "Expected dense parameters of ", tail_.scalar_type(), ", the tail's, but number ", i, " is not.");
      int64_t limit = plan.size() == 1 ? firstBytes : bucketBytes;
      if (bytes > 0 && bytes + int64_t(parameters_[i].nbytes()) > limit) {
        plan.emplace_back();
        bytes = 0;
      }
      plan.back().push_back(i);
      bytes += parameters_[i].nbytes();
    }
    for (size_t b = 0; b < plan.size(); b++) {
      bool last = b + 1 == plan.size();
      int64_t length = last ? tail_.numel() : 0;
      for (size_t i : plan[b]) length += parameters_[i].numel();
      Bucket bucket;
      bucket.flat = at::zeros({length}, tail_.options());
      int64_t at = 0;
      for (size_t i : plan[b]) {
        // With the parameter's strides: a channels_last gradient is copied as it lies.
        views_[i] = bucket.flat.narrow(0, at, parameters_[i].numel()).as_strided(parameters_[i].sizes(), parameters_[i].strides(), at);
        bucketOf_[i] = b;
        at += parameters_[i].numel();
      }
      if (last) tailView_ = bucket.flat.narrow(0, at, tail_.numel());
      bucket.members = std::move(plan[b]);
      buckets_.push_back(std::move(bucket));
    }
    for (size_t i = 0; i < parameters_.size(); i++) {
      auto accumulator = torch::autograd::impl::grad_accumulator(parameters_[i]);
      hooks_.push_back(accumulator->add_post_hook(std::make_unique<torch::autograd::utils::LambdaPostHook>(
          [this, i](const torch::autograd::variable_list& outputs, const torch::autograd::variable_list&) {
            if (armed_) take(i);
            return outputs;
          })));
      accumulators_.push_back(std::move(accumulator));  // the parameter itself keeps a weak reference
    }
  }
  ~Reducer() {
    for (size_t i = 0; i < hooks_.size(); i++) accumulators_[i]->del_post_hook(hooks_[i]);
  }

  // The next backward pass is the step's last: gradients that come are final. Without a group there is nothing to send.
  void arm() {
    armed_ = true;
    next_ = 0;
    std::fill(seen_.begin(), seen_.end(), false);
    for (auto& bucket : buckets_) bucket.missing = bucket.members.size();
  }

  // Sends what is left: parameters without a gradient count as zeros.
  std::vector<Pending> close() {
    TORCH_CHECK(armed_, "finishReducer was called but the reducer is not armed.");
    for (size_t i = 0; i < parameters_.size(); i++)
      if (!seen_[i]) take(i);
    armed_ = false;
    {
      at::NoGradGuard noGrad;
      tailView_.copy_(tail_);
    }
    send(buckets_.size() - 1);
    std::vector<Pending> all;
    for (auto& bucket : buckets_) all.push_back(std::move(bucket.work));
    return all;
  }

  // The sums become the gradients.
  void give() {
    at::NoGradGuard noGrad;
    tail_.copy_(tailView_);
    for (size_t i = 0; i < parameters_.size(); i++) parameters_[i].mutable_grad() = views_[i];
  }

  int64_t buckets() const { return int64_t(buckets_.size()); }

 private:
  void take(size_t i) {
    at::NoGradGuard noGrad;
    const auto& gradient = parameters_[i].grad();
    if (!gradient.defined()) views_[i].zero_();
    else if (!gradient.is_alias_of(views_[i])) views_[i].copy_(gradient);
    seen_[i] = true;
    // In their order, whatever came first: all ranks must send alike. The last one waits for its tail.
    if (--buckets_[bucketOf_[i]].missing > 0) return;
    while (next_ + 1 < buckets_.size() && buckets_[next_].missing == 0) send(next_++);
  }
  void send(size_t b) { buckets_[b].work = startAllReduce(group_->of(buckets_[b].flat), buckets_[b].flat, c10d::ReduceOp::SUM); }

  std::shared_ptr<Group> group_;
  std::vector<at::Tensor> parameters_;
  at::Tensor tail_, tailView_;
  std::vector<at::Tensor> views_;
  std::vector<size_t> bucketOf_;
  std::vector<bool> seen_;
  std::vector<Bucket> buckets_;
  std::vector<decltype(torch::autograd::impl::grad_accumulator(std::declval<at::Tensor>()))> accumulators_;
  std::vector<uintptr_t> hooks_;
  bool armed_ = false;
  size_t next_ = 0;
};

std::shared_ptr<Reducer> reducerOf(Napi::Env env, Napi::Value value) {
  if (!value.IsExternal()) throw Napi::TypeError::New(env, "Expected what createReducer gives.");
  return *value.As<Napi::External<std::shared_ptr<Reducer>>>().Data();
}

// createReducer(group, parameters, tail, bucketBytes, firstBytes) -> reducer
Napi::Value createReducer(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  return guarded(env, "createReducer", [&]() -> Napi::Value {
    std::vector<at::Tensor> parameters;
    auto array = info[1].As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); i++) parameters.push_back(unwrapTensor(env, array.Get(i), "createReducer"));
    auto reducer = std::make_shared<Reducer>(groupOf(env, info[0]), parameters, unwrapTensor(env, info[2], "createReducer"), info[3].As<Napi::Number>().Int64Value(),
                                             info[4].As<Napi::Number>().Int64Value());
    return Napi::External<std::shared_ptr<Reducer>>::New(env, new std::shared_ptr<Reducer>(reducer), [](Napi::Env, std::shared_ptr<Reducer>* held) { delete held; });
  });
}

Napi::Value armReducer(const Napi::CallbackInfo& info) {
  reducerOf(info.Env(), info[0])->arm();
  return info.Env().Undefined();
}

// finishReducer(reducer) -> Promise<void>: then `.grad` of each parameter is the sum over the ranks, and so is the tail
Napi::Value finishReducer(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  return guarded(env, "finishReducer", [&]() -> Napi::Value {
    auto reducer = reducerOf(env, info[0]);
    auto all = reducer->close();
    return onOwnThread(
        env,
        [all]() {
          for (auto& work : all) work->wait();
        },
        [reducer](Napi::Env env) -> Napi::Value {
          reducer->give();
          return env.Undefined();
        });
  });
}

}  // namespace

void registerReducer(Napi::Env env, Napi::Object exports) {
  exports.Set("createReducer", Napi::Function::New(env, createReducer));
  exports.Set("armReducer", Napi::Function::New(env, armReducer));
  exports.Set("finishReducer", Napi::Function::New(env, finishReducer));
  exports.Set("reducerBuckets", Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value { return Napi::Number::New(info.Env(), double(reducerOf(info.Env(), info[0])->buckets())); }));
}

}  // namespace rescaled

#endif
