// Operators over the tensors of all ranks within a forward and a backward pass: a sum, and batch norm by the statistics of the whole batch. All ranks
// call them in the same order; autograd's order is a function of the graph, which is the same on all. They wait where they stand, on whatever thread.
#include "distributed.h"

#ifdef RESCALED_C10D

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace rescaled {
namespace {

// Set by shareOperators: schemas have no groups. JavaScript keeps it.
std::weak_ptr<Group> shared;

// In place. The words tell a lost rank from what may be wrong with the tensors.
at::Tensor summed(at::Tensor own) {
  auto group = shared.lock();
  TORCH_CHECK(group && group->communicator, "Expected a group of ranks, which shareOperators sets, but there is none.");
  try {
    startAllReduce(group->of(own), own, c10d::ReduceOp::SUM)->wait();
  } catch (const std::exception& error) {
    TORCH_CHECK(false, "between ranks: ", error.what());
  }
  return own;
}

at::Tensor ownCopy(const at::Tensor& x) { return x.detach().clone(at::MemoryFormat::Contiguous); }

// y = sum over the ranks of x. The loss is the sum of the ranks' losses: the gradient of x is the sum of their gradients of y.
class RanksSum : public torch::autograd::Function<RanksSum> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext*, const at::Tensor& x) {
    at::AutoDispatchBelowADInplaceOrView guard;
    return summed(ownCopy(x));
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext*, torch::autograd::tensor_list grads) { return {summed(ownCopy(grads[0]))}; }
};

std::vector<int64_t> allButChannels(const at::Tensor& x) {
  std::vector<int64_t> dims;
  for (int64_t d = 0; d < x.dim(); d++)
    if (d != 1) dims.push_back(d);
  return dims;
}

// [C] beside x.
at::Tensor beside(const at::Tensor& x, const at::Tensor& channel) {
  std::vector<int64_t> shape(size_t(x.dim()), 1);
  shape[1] = -1;
  return channel.view(shape);
}

at::Tensor widened(const at::Tensor& x) { return x.scalar_type() == at::kHalf || x.scalar_type() == at::kBFloat16 ? x.to(at::kFloat) : x; }

// Mean, 1/sigma [2, C] and count of the values of all ranks, in x's dtype, float32 at least; moves the running statistics.
std::pair<at::Tensor, at::Tensor> statisticsOf(const at::Tensor& x, const at::Tensor& runningMean, const at::Tensor& runningVar, double momentum, double eps) {
  const int64_t channels = x.size(1);
  const double own = double(x.numel()) / double(channels);
  // Sum, sum of squares and count: in float64 nothing is lost by subtracting.
  auto sums = at::zeros({2 * channels + 1}, x.options().dtype(at::kDouble));
  if (own > 0) {
    auto moments = at::var_mean(x, allButChannels(x), false);
    auto mean = std::get<1>(moments).to(at::kDouble), variance = std::get<0>(moments).to(at::kDouble);
    sums.narrow(0, 0, channels).copy_(mean * own);
    sums.narrow(0, channels, channels).copy_((variance + mean * mean) * own);
    sums.narrow(0, 2 * channels, 1).fill_(own);
  }
  summed(sums);
  auto count = sums.narrow(0, 2 * channels, 1);
  auto mean = sums.narrow(0, 0, channels) / count;
  auto variance = (sums.narrow(0, channels, channels) / count - mean * mean).clamp_min(0);
  runningMean.mul_(1 - momentum).add_((mean * momentum).to(runningMean.scalar_type()));
  runningVar.mul_(1 - momentum).add_((variance * (count / (count - 1)) * momentum).to(runningVar.scalar_type()));
  return {at::stack({mean, (variance + eps).rsqrt()}).to(x.scalar_type()), count};
}

class RanksBatchNorm : public torch::autograd::Function<RanksBatchNorm> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& given, const at::Tensor& weight, const optional<at::Tensor>& bias, const at::Tensor& runningMean,
                            const at::Tensor& runningVar, double momentum, double eps) {
    at::AutoDispatchBelowADInplaceOrView guard;
    auto x = widened(given);
    auto [statistics, count] = statisticsOf(x, runningMean, runningVar, momentum, eps);
    auto slope = statistics[1] * weight;
    auto y = (x - beside(x, statistics[0])).mul_(beside(x, slope));
    if (bias.has_value()) y.add_(beside(x, *bias));
    context->save_for_backward({given, weight, statistics, count});
    context->saved_data["shift"] = bias.has_value();
    return y.to(given.scalar_type());
  }
  // dx = w/sigma (dy - mean of dy - x^ mean of dy x^), the means over all ranks; those of weight and bias are this rank's, which the reducer sums.
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context, torch::autograd::tensor_list grads) {
    auto saved = context->get_saved_variables();
    auto x = widened(saved[0]), dy = widened(grads[0]), statistics = saved[2];
    const int64_t channels = x.size(1);
    auto normal = (x - beside(x, statistics[0])).mul_(beside(x, statistics[1]));
    auto own = at::cat({dy.sum(allButChannels(x)), (dy * normal).sum(allButChannels(x))});
    auto means = (summed(own.to(at::kDouble)) / saved[3]).to(x.scalar_type());
    auto dx = (dy - beside(x, means.narrow(0, 0, channels))).sub_(normal.mul_(beside(x, means.narrow(0, channels, channels)))).mul_(beside(x, statistics[1] * saved[1]));
    auto shift = context->saved_data["shift"].toBool() ? own.narrow(0, 0, channels) : at::Tensor();
    return {dx.to(saved[0].scalar_type()), own.narrow(0, channels, channels), shift, at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

at::Tensor sum(const at::Tensor& x) { return RanksSum::apply(x); }

at::Tensor batchNorm(const at::Tensor& x, const at::Tensor& weight, const optional<at::Tensor>& bias, const at::Tensor& runningMean, const at::Tensor& runningVar, double momentum, double eps) {
  TORCH_CHECK(x.dim() >= 2, "expected [N, C, ...] but received ", x.dim(), " dimensions");
  return RanksBatchNorm::apply(x, weight, bias, runningMean, runningVar, momentum, eps);
}

// shareOperators(group): whose ranks the operators are over
Napi::Value shareOperators(const Napi::CallbackInfo& info) {
  shared = groupOf(info.Env(), info[0]);
  return info.Env().Undefined();
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(rescaled, library) {
  library.def("ranks_sum(Tensor x) -> Tensor");
  library.def("ranks_batch_norm(Tensor x, Tensor weight, Tensor? bias, Tensor(a!) running_mean, Tensor(b!) running_var, float momentum, float eps) -> Tensor");
}
TORCH_LIBRARY_IMPL(rescaled, Autograd, library) {
  library.impl("ranks_sum", sum);
  library.impl("ranks_batch_norm", batchNorm);
}

void registerRanksOperators(Napi::Env env, Napi::Object exports) { exports.Set("shareOperators", Napi::Function::New(env, shareOperators)); }

}  // namespace rescaled

#endif
