// rescaled::batch_norm_act(x, ..., shortcut, activation) = activation(batch_norm(x) + shortcut) with the batch's statistics: training on the CPU.
//
// x and shortcut are [N, C, H, W] or [N, C, T, H, W] in channels_last, the rest [C], all float32 or all float64, or maps of bfloat16 beside the others in float32.
// PyTorch runs a pass over memory for each of
// statistics, normalisation, addition and activation and keeps what lies between; here it is one pass of statistics and one that writes the
// result, and only x is kept (with relu after an addition also the result); who keeps the result keeps this node (recompute.h). Backward, with m = grad * activation'(batch_norm(x) + shortcut):
//   d bias = sum m;  d weight = sum m * xhat;  d shortcut = m;  d x = weight / sigma * (m - mean(m) - xhat * mean(m * xhat))
// is again one pass of sums and one that writes. Rows are cut into blocks whose size depends on the shape alone and the blocks' sums are added in
// order, so the result does not depend on the number of threads.
#include "batch_norm_act.h"
#include "batch_norm_kernels.h"
#include "recompute.h"
#include "wide.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace rescaled {
namespace {

Activation activationFrom(c10::string_view name) {
  if (name == "none") return Activation::none;
  if (name == "relu") return Activation::relu;
  if (name == "leaky_relu") return Activation::leakyRelu;
  TORCH_CHECK(name == "silu", "expected the activation none, relu, leaky_relu or silu but received ", name);
  return Activation::silu;
}

// Rows of C numbers, cut into blocks.
struct Rows {
  int64_t count, channels, perBlock, blocks;
  explicit Rows(const at::Tensor& x) : count(x.size(0) * positions(x)), channels(x.size(1)) {
    perBlock = std::max<int64_t>(32, 8192 / channels);
    blocks = (count + perBlock - 1) / perBlock;
  }
  int64_t in(int64_t block) const { return std::min(perBlock, count - block * perBlock); }
  int64_t start(int64_t block) const { return block * perBlock * channels; }
};

// Calls body(block) on all threads. `backwards` begins with the blocks that the pass before left in the cache.
template <typename Body>
void forBlocks(const Rows& rows, bool backwards, const Body& body) {
  at::parallel_for(0, rows.blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) body(backwards ? begin + end - 1 - i : i);
  });
}

// Mean and sum of squared deviations per channel, [2, C] in double. Chan, Golub and LeVeque 1979: the blocks' moments are merged one by one.
template <typename T>
at::Tensor moments(const T* x, const Rows& rows) {
  using A = Computed<T>;
  const int64_t channels = rows.channels;
  auto options = at::TensorOptions().dtype(c10::CppTypeToScalarType<A>::value);
  auto parts = at::empty({rows.blocks, 3, channels}, options);
  A* part = parts.template data_ptr<A>();
  forBlocks(rows, false, [&](int64_t block) {
    A* at = part + block * 3 * channels;
    blockMoments(x + rows.start(block), rows.in(block), channels, at, at + channels, at + 2 * channels);
  });
  auto merged = at::zeros({2, channels}, at::kDouble);
  double* mean = merged.template data_ptr<double>();
  double* squares = mean + channels;
  double before = 0;
  for (int64_t block = 0; block < rows.blocks; block++) {
    const A *shift = part + block * 3 * channels, *sum = shift + channels, *square = sum + channels;
    const double n = double(rows.in(block)), share = n / (before + n);
    for (int64_t c = 0; c < channels; c++) {
      const double offset = double(sum[c]) / n;
      const double distance = double(shift[c]) + offset - mean[c];
      mean[c] += distance * share;
      squares[c] += std::max(0.0, double(square[c]) - offset * double(sum[c])) + distance * distance * before * share;
    }
    before += n;
  }
  return merged;
}

void checkInputs(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& runningMean, const at::Tensor& runningVar, const at::Tensor& shortcut) {
  TORCH_CHECK(isMaps(x), "expected x of shape [N, C, H, W] or [N, C, T, H, W] but received ", x.sizes());
  TORCH_CHECK(x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble || x.scalar_type() == at::kBFloat16, "expected float32, float64 or bfloat16 but received ", x.scalar_type());
  const auto own = computedType(x);
  for (const auto& [name, tensor] : {std::pair<const char*, const at::Tensor&>{"weight", weight}, {"bias", bias}, {"running_mean", runningMean}, {"running_var", runningVar}}) {
    TORCH_CHECK(tensor.dim() == 1 && tensor.size(0) == x.size(1), "expected ", name, " of shape [", x.size(1), "] for x of ", x.sizes(), " but received ", tensor.sizes());
    TORCH_CHECK(tensor.scalar_type() == own, "expected ", name, " in ", own, " for x in ", x.scalar_type(), " but received ", tensor.scalar_type());
  }
  TORCH_CHECK(runningMean.is_contiguous() && runningVar.is_contiguous(), "expected contiguous running_mean and running_var");
  if (!shortcut.defined()) return;
  TORCH_CHECK(shortcut.sizes() == x.sizes(), "expected a shortcut of x's shape ", x.sizes(), " but received ", shortcut.sizes());
  TORCH_CHECK(shortcut.scalar_type() == x.scalar_type(), "expected a shortcut of x's dtype ", x.scalar_type(), " but received ", shortcut.scalar_type());
}

// activation((x - mean) * weight / sigma + bias + shortcut) into `out`. The blocks go backwards: the pass of statistics left the last ones in the cache.
template <typename T, typename A = Computed<T>>
void normalise(const at::Tensor& x, const at::Tensor& statistics, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& shortcut, Activation activation, double leak, at::Tensor& out) {
  const Rows rows(x);
  const A *mean = statistics.data_ptr<A>(), *inverse = mean + rows.channels, *pw = weight.data_ptr<A>(), *pb = bias.data_ptr<A>();
  std::vector<A> scale(rows.channels);
  for (int64_t c = 0; c < rows.channels; c++) scale[c] = inverse[c] * pw[c];
  const T *px = x.data_ptr<T>(), *ps = shortcut.defined() ? shortcut.data_ptr<T>() : nullptr;
  T* po = out.data_ptr<T>();
  forBlocks(rows, true, [&](int64_t block) {
    const int64_t at = rows.start(block);
    blockForward(activation, A(leak), px + at, ps == nullptr ? nullptr : ps + at, po + at, mean, scale.data(), pb, rows.in(block), rows.channels);
  });
}

struct Forward {
  at::Tensor out, x, shortcut, statistics;  // statistics: mean and 1/sigma, [2, C] in the weight's dtype
};

Forward forward(const at::Tensor& xGiven, const at::Tensor& weightGiven, const at::Tensor& biasGiven, const at::Tensor& runningMean, const at::Tensor& runningVar,
                const at::Tensor& shortcutGiven, Activation activation, double momentum, double eps, double leak) {
  checkInputs(xGiven, weightGiven, biasGiven, runningMean, runningVar, shortcutGiven);
  auto x = channelsLast(xGiven), weight = weightGiven.contiguous(), bias = biasGiven.contiguous();
  auto shortcut = shortcutGiven.defined() ? channelsLast(shortcutGiven) : at::Tensor();
  const Rows rows(x);
  TORCH_CHECK(rows.count > 1, "Expected more than 1 value per channel when training, got input size ", x.sizes());
  auto out = at::empty_like(x), statistics = at::empty({2, rows.channels}, weight.options());
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, x.scalar_type(), "batch_norm_act", [&] {
    using A = Computed<scalar_t>;
    auto* px = x.data_ptr<scalar_t>();
    auto merged = moments(px, rows);
    const double *mean = merged.template data_ptr<double>(), *squares = mean + rows.channels;
    auto *savedMean = statistics.data_ptr<A>(), *inverse = savedMean + rows.channels;
    auto *keptMean = runningMean.data_ptr<A>(), *keptVar = runningVar.data_ptr<A>();
    for (int64_t c = 0; c < rows.channels; c++) {
      savedMean[c] = A(mean[c]);
      inverse[c] = A(1 / std::sqrt(squares[c] / double(rows.count) + eps));
      // PyTorch's rule: the variance that is kept is the unbiased one.
      keptMean[c] = A(momentum * mean[c] + (1 - momentum) * double(keptMean[c]));
      keptVar[c] = A(momentum * (squares[c] / double(rows.count - 1)) + (1 - momentum) * double(keptVar[c]));
    }
    normalise<scalar_t>(x, statistics, weight, bias, shortcut, activation, leak, out);
  });
  // Written behind autograd's back: whoever saved them for a backward pass is told.
  runningMean.unsafeGetTensorImpl()->bump_version();
  runningVar.unsafeGetTensorImpl()->bump_version();
  return {out, x, shortcut, statistics};
}

struct Gradients {
  at::Tensor x, weight, bias, shortcut;
};

// `extra` is what `known` says of an addition, if there was one that matters.
Gradients backward(const at::Tensor& gradGiven, const at::Tensor& x, Added known, const at::Tensor& extra, const at::Tensor& weightGiven, const at::Tensor& biasGiven, const at::Tensor& statistics,
                   Activation activation, double leak, bool needX, bool needShortcut) {
  auto grad = channelsLast(gradGiven), weight = weightGiven.contiguous(), bias = biasGiven.contiguous();
  const Rows rows(x);
  const int64_t channels = rows.channels;
  auto gradWeight = at::empty_like(weight), gradBias = at::empty_like(weight), gradX = needX || activation == Activation::silu ? at::empty_like(x) : at::Tensor();
  // With a shortcut its gradient is m, written by the first pass and read by the second; else silu's m goes where the second overwrites it.
  const bool added = known != Added::nothing;
  auto masked = added ? at::empty_like(x) : activation == Activation::silu ? gradX : at::Tensor();
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, x.scalar_type(), "batch_norm_act_backward", [&] {
    using A = Computed<scalar_t>;
    auto *px = x.data_ptr<scalar_t>(), *pg = grad.data_ptr<scalar_t>(), *pe = added ? extra.data_ptr<scalar_t>() : nullptr, *pm = masked.defined() ? masked.data_ptr<scalar_t>() : nullptr;
    auto *mean = statistics.data_ptr<A>(), *inverse = mean + channels, *pw = weight.data_ptr<A>(), *pb = bias.data_ptr<A>();
    std::vector<A> scale(channels), level(channels), slope(channels);
    for (int64_t c = 0; c < channels; c++) scale[c] = inverse[c] * pw[c];

    auto parts = at::empty({rows.blocks, 2, channels}, weight.options());
    auto* part = parts.data_ptr<A>();
    forBlocks(rows, false, [&](int64_t block) {
      const int64_t at = rows.start(block);
      auto* sums = part + block * 2 * channels;
      blockSums(activation, known, A(leak), px + at, pg + at, added ? pe + at : nullptr, pm == nullptr ? nullptr : pm + at, mean, scale.data(), pb, sums, sums + channels, rows.in(block), channels);
    });
    std::vector<double> sum(channels), product(channels);
    for (int64_t block = 0; block < rows.blocks; block++) {
      const auto* sums = part + block * 2 * channels;
      for (int64_t c = 0; c < channels; c++) {
        sum[c] += double(sums[c]);
        product[c] += double(sums[channels + c]);
      }
    }
    auto *pgw = gradWeight.data_ptr<A>(), *pgb = gradBias.data_ptr<A>();
    for (int64_t c = 0; c < channels; c++) {
      const double inverseSigma = double(inverse[c]);
      pgw[c] = A(product[c] * inverseSigma);
      pgb[c] = A(sum[c]);
      level[c] = A(sum[c] / double(rows.count));
      slope[c] = A(product[c] * inverseSigma * inverseSigma / double(rows.count));
    }
    if (!needX) return;
    auto* pdx = gradX.data_ptr<scalar_t>();
    forBlocks(rows, true, [&](int64_t block) {
      const int64_t at = rows.start(block);
      blockBackward(added ? Activation::none : activation, A(leak), px + at, (added ? pm : pg) + at, pdx + at, mean, scale.data(), pb, level.data(), slope.data(), rows.in(block), channels);
    });
  });
  // Without an activation m is the gradient itself.
  return {gradX, gradWeight, gradBias, added ? masked : needShortcut ? grad : at::Tensor()};
}

at::Tensor orUndefined(const optional<at::Tensor>& tensor) { return tensor.has_value() ? *tensor : at::Tensor(); }

class BatchNormAct : public torch::autograd::Function<BatchNormAct> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const optional<at::Tensor>& shortcutGiven, const at::Tensor& runningMean,
                            const at::Tensor& runningVar, int64_t activation, double momentum, double eps, double leak) {
    at::AutoDispatchBelowADInplaceOrView guard;
    auto shortcut = orUndefined(shortcutGiven);
    auto result = rescaled::forward(x, weight, bias, runningMean, runningVar, shortcut, Activation(activation), momentum, eps, leak);
    // After an addition the other part is kept, where that costs nothing or it is itself made again in one step; else the result, which is enough for relu.
    const bool matters = shortcut.defined() && Activation(activation) != Activation::none, near = recomputing() >= Recompute::block && depthOf(shortcut) < 2;
    const auto known = !matters ? Added::nothing : Activation(activation) == Activation::relu && !near ? Added::result : Added::shortcut;
    const auto extra = known == Added::nothing ? at::Tensor() : known == Added::result ? result.out : near ? keep(context, "shortcut", result.shortcut) : result.shortcut;
    context->save_for_backward({keep(context, "x", result.x), weight.contiguous(), bias.contiguous(), extra, result.statistics});
    context->saved_data["activation"] = activation;
    context->saved_data["leak"] = leak;
    context->saved_data["known"] = int64_t(known);
    context->saved_data["depth"] = int64_t(!shortcut.defined() ? 1 : near && matters ? 2 : 0);
    return result.out;
  }
  static torch::autograd::tensor_list backward(AutogradContext* context, torch::autograd::tensor_list grads) {
    refuseDoubleBackward("rescaled::batch_norm_act");
    const auto s = savedOf(*context);
    auto result = rescaled::backward(grads[0], s.norm.before, s.known, s.extra, s.norm.weight, s.norm.bias, s.norm.statistics, s.activation, s.leak, context->needs_input_grad(0),
                                     context->needs_input_grad(3));
    return {result.x, result.weight, result.bias, result.shortcut, at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
  static int depth(AutogradContext& context) {
    const bool cheap = Activation(context.saved_data["activation"].toInt()) != Activation::silu;
    return recomputing() >= (cheap ? Recompute::norm : Recompute::block) ? int(context.saved_data["depth"].toInt()) : 0;
  }
  static at::Tensor again(AutogradContext& context) {
    const auto s = savedOf(context);
    auto out = at::empty_like(s.norm.before);
    AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, out.scalar_type(), "batch_norm_act_again", [&] {
      normalise<scalar_t>(s.norm.before, s.norm.statistics, s.norm.weight, s.norm.bias, s.extra, s.activation, s.leak, out);
    });
    return out;
  }

  struct Saved {
    Norm norm;
    at::Tensor extra;
    Added known;
    Activation activation;
    double leak;
  };
  static Saved savedOf(AutogradContext& context) {
    auto saved = context.get_saved_variables();
    const auto known = Added(context.saved_data["known"].toInt());
    return {{kept(&context, "x", saved[0]), saved[4], saved[1], saved[2]},
            known == Added::nothing ? at::Tensor() : kept(&context, "shortcut", saved[3]),
            known,
            Activation(context.saved_data["activation"].toInt()),
            context.saved_data["leak"].toDouble()};
  }
};

const Recomputable<BatchNormAct> recomputable;

at::Tensor plain(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& runningMean, const at::Tensor& runningVar, const optional<at::Tensor>& shortcut,
                 c10::string_view activation, double momentum, double eps, double leak) {
  return forward(x, weight, bias, runningMean, runningVar, orUndefined(shortcut), activationFrom(activation), momentum, eps, leak).out;
}

at::Tensor withAutograd(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& runningMean, const at::Tensor& runningVar, const optional<at::Tensor>& shortcut,
                        c10::string_view activation, double momentum, double eps, double leak) {
  return BatchNormAct::apply(x, weight, bias, shortcut, runningMean, runningVar, int64_t(activationFrom(activation)), momentum, eps, leak);
}

}  // namespace

NodePtr normThatMade(const at::Tensor& x) {
  auto node = makerOf(x);
  auto* context = madeBy<BatchNormAct>(node);
  return context != nullptr && context->saved_data["depth"].toInt() == 1 && Activation(context->saved_data["activation"].toInt()) == Activation::none ? node : nullptr;
}

Norm normOf(const NodePtr& node) { return BatchNormAct::savedOf(*madeBy<BatchNormAct>(node)).norm; }

TORCH_LIBRARY_FRAGMENT(rescaled, library) {
  library.def("batch_norm_act(Tensor x, Tensor weight, Tensor bias, Tensor(a!) running_mean, Tensor(b!) running_var, Tensor? shortcut, str activation, float momentum, float eps, float leak=0.01) -> Tensor");
}
TORCH_LIBRARY_IMPL(rescaled, CPU, library) { library.impl("batch_norm_act", plain); }
TORCH_LIBRARY_IMPL(rescaled, AutogradCPU, library) { library.impl("batch_norm_act", withAutograd); }

}  // namespace rescaled
