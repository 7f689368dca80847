// Squeeze-excite on the CPU while training: rescaled::scale_add_relu(x, gate, shortcut) = relu(x * gate + shortcut), the end of a residual block in one
// pass, and rescaled::scale(x, gate) = x * gate, whose two gradients come from one pass.
//
// x and shortcut are [N, C, H, W] in channels_last, gate is [N, C, 1, 1], all of one dtype, float32, float64 or bfloat16 (computed and summed in
// float32), on the CPU; clips have a T before H. Eager PyTorch reads and writes
// the activations 7 times forward and 9 times backward for the same; here it is 3 and 5.
//   m = grad where out > 0;  d shortcut = m;  d x = m * gate;  d gate = sum over positions of m * x
// For scale, m = grad: 3 passes backward instead of 6.
// Where x = batch_norm(before), whose input is kept anyway, scale_add_relu keeps its node in place of x, and computes x again by row: the same numbers
// for one tensor less. Whatever else is computed again is kept as recompute.h says.
#include "batch_norm_act.h"
#include "recompute.h"
#include "wide.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace rescaled {
namespace {

template <typename T>
RESCALED_INLINE void forwardOf(const T* __restrict x, const T* __restrict gate, const T* __restrict shortcut, T* __restrict out, int64_t channels) {
  using A = Computed<T>;
  for (int64_t c = 0; c < channels; c++) {
    const A value = widened(x[c]) * widened(gate[c]) + widened(shortcut[c]);
    store(out[c], value < 0 ? A(0) : value);  // a NaN stays one
  }
}

// `other` is out, or the shortcut, of which out's sign is computed again.
template <bool shortcut, typename T, typename A = Computed<T>>
RESCALED_INLINE void backwardOf(const T* __restrict grad, const T* __restrict other, const T* __restrict x, const T* __restrict gate, T* __restrict masked, T* __restrict gradX,
                                A* __restrict gradGate, int64_t channels) {
  for (int64_t c = 0; c < channels; c++) {
    const A out = shortcut ? widened(x[c]) * widened(gate[c]) + widened(other[c]) : widened(other[c]);
    const A m = out <= 0 ? A(0) : widened(grad[c]);
    store(masked[c], m);
    store(gradX[c], m * widened(gate[c]));
    gradGate[c] += m * widened(x[c]);
  }
}

// Of x's row: out = (before - mean) * scale + bias, rounded as batch_norm_act rounds it.
template <typename T, typename A = Computed<T>>
RESCALED_INLINE void normalisedOf(const T* __restrict before, const A* __restrict mean, const A* __restrict scale, const A* __restrict bias, T* __restrict out, int64_t channels) {
  for (int64_t c = 0; c < channels; c++) store(out[c], (widened(before[c]) - mean[c]) * scale[c] + bias[c]);
}

template <typename T, typename A = Computed<T>>
RESCALED_INLINE void scaleBackwardOf(const T* __restrict grad, const T* __restrict x, const T* __restrict gate, T* __restrict gradX, A* __restrict gradGate, int64_t rows, int64_t channels) {
  for (int64_t row = 0; row < rows; row++, grad += channels, x += channels, gradX += channels) {
    for (int64_t c = 0; c < channels; c++) {
      const A g = widened(grad[c]);
      store(gradX[c], g * widened(gate[c]));
      gradGate[c] += g * widened(x[c]);
    }
  }
}

#define RESCALED_ROWS(T, A)                                                                                                                                     \
  RESCALED_WIDE void forwardRow(const T* x, const T* gate, const T* shortcut, T* out, int64_t channels) { forwardOf(x, gate, shortcut, out, channels); }        \
  RESCALED_WIDE void backwardRow(bool shortcut, const T* grad, const T* other, const T* x, const T* gate, T* masked, T* gradX, A* gradGate, int64_t channels) { \
    if (shortcut) backwardOf<true>(grad, other, x, gate, masked, gradX, gradGate, channels);                                                                    \
    else backwardOf<false>(grad, other, x, gate, masked, gradX, gradGate, channels);                                                                            \
  }                                                                                                                                                             \
  RESCALED_WIDE void normalisedRow(const T* before, const A* mean, const A* scale, const A* bias, T* out, int64_t channels) {                                   \
    normalisedOf(before, mean, scale, bias, out, channels);                                                                                                     \
  }                                                                                                                                                             \
  RESCALED_WIDE void scaleBackwardRows(const T* grad, const T* x, const T* gate, T* gradX, A* gradGate, int64_t rows, int64_t channels) {                       \
    scaleBackwardOf(grad, x, gate, gradX, gradGate, rows, channels);                                                                                            \
  }
RESCALED_ROWS(float, float)
RESCALED_ROWS(double, double)
RESCALED_ROWS(at::BFloat16, float)
#undef RESCALED_ROWS

void checkGate(const at::Tensor& x, const at::Tensor& gate) {
  TORCH_CHECK(isMaps(x) && gate.dim() == x.dim() && gate.size(0) == x.size(0) && gate.size(1) == x.size(1) && positions(gate) == 1,
              "expected a gate of shape [N, C, 1, 1] (or [N, C, 1, 1, 1]) for x of ", x.sizes(), " but received ", gate.sizes());
  TORCH_CHECK(x.scalar_type() == gate.scalar_type(), "expected x and gate of one dtype but received ", x.scalar_type(), " and ", gate.scalar_type());
}

// x's rows as they lie, or computed of what batch norm made them of.
template <typename T>
class RowsOfX {
 public:
  RowsOfX(const at::Tensor& x, const Norm& norm) : channels(norm.before.defined() ? norm.before.size(1) : x.size(1)), again(norm.before.defined()), from((again ? norm.before : x).template data_ptr<T>()) {
    if (!again) return;
    const A *ps = norm.statistics.template data_ptr<A>(), *pw = norm.weight.template data_ptr<A>(), *pb = norm.bias.template data_ptr<A>();
    mean.assign(ps, ps + channels);
    bias.assign(pb, pb + channels);
    for (int64_t c = 0; c < channels; c++) scale.push_back(ps[channels + c] * pw[c]);
  }
  // Row i; `space` takes it where it is computed.
  const T* row(int64_t i, std::vector<T>& space) const {
    const T* at = from + i * channels;
    if (!again) return at;
    space.resize(channels);
    normalisedRow(at, mean.data(), scale.data(), bias.data(), space.data(), channels);
    return space.data();
  }

 private:
  using A = Computed<T>;
  int64_t channels;
  bool again;
  const T* from;
  std::vector<A> mean, scale, bias;
};

// x or, if `norm` is given, what it was computed of.
at::Tensor forwardOfRows(const at::Tensor& x, const Norm& norm, const at::Tensor& gate, const at::Tensor& shortcut) {
  auto out = at::empty_like(shortcut);
  const int64_t channels = out.size(1), area = positions(out);
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, out.scalar_type(), "scale_add_relu", [&] {
    const RowsOfX<scalar_t> rows(x, norm);
    auto *pg = gate.data_ptr<scalar_t>(), *ps = shortcut.data_ptr<scalar_t>(), *po = out.data_ptr<scalar_t>();
    at::parallel_for(0, out.size(0) * area, std::max<int64_t>(1, 16384 / channels), [&](int64_t begin, int64_t end) {
      std::vector<scalar_t> space;
      for (int64_t row = begin; row < end; row++) forwardRow(rows.row(row, space), pg + row / area * channels, ps + row * channels, po + row * channels, channels);
    });
  });
  return out;
}

at::Tensor forward(const at::Tensor& x, const at::Tensor& gate, const at::Tensor& shortcut) {
  TORCH_CHECK(x.sizes() == shortcut.sizes(), "expected x and shortcut of one shape but received ", x.sizes(), " and ", shortcut.sizes());
  checkGate(x, gate);
  TORCH_CHECK(x.scalar_type() == shortcut.scalar_type(), "expected one dtype for x, gate and shortcut");
  return forwardOfRows(channelsLast(x), {}, gate.contiguous(), channelsLast(shortcut));
}

// `other` is out or, if `byShortcut`, the shortcut.
std::tuple<at::Tensor, at::Tensor, at::Tensor> backward(const at::Tensor& gradGiven, bool byShortcut, const at::Tensor& other, const at::Tensor& gate, const at::Tensor& x, const Norm& norm) {
  auto grad = channelsLast(gradGiven);
  auto masked = at::empty_like(other), gradX = at::empty_like(other), gradGate = at::zeros_like(gate, computedType(gate));
  const int64_t channels = other.size(1), area = positions(other);
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, other.scalar_type(), "scale_add_relu_backward", [&] {
    const RowsOfX<scalar_t> rows(x, norm);
    auto *pd = grad.data_ptr<scalar_t>(), *po = other.data_ptr<scalar_t>(), *pg = gate.data_ptr<scalar_t>(), *pm = masked.data_ptr<scalar_t>(), *pdx = gradX.data_ptr<scalar_t>();
    auto* pdg = gradGate.data_ptr<Computed<scalar_t>>();
    // A sample is summed by one thread in one order, so the result does not depend on the number of threads.
    at::parallel_for(0, other.size(0), 1, [&](int64_t begin, int64_t end) {
      std::vector<scalar_t> space;
      for (int64_t n = begin; n < end; n++) {
        for (int64_t i = n * area; i < (n + 1) * area; i++) {
          int64_t at = i * channels;
          backwardRow(byShortcut, pd + at, po + at, rows.row(i, space), pg + n * channels, pm + at, pdx + at, pdg + n * channels, channels);
        }
      }
    });
  });
  return {gradX, gradGate.to(gate.scalar_type()), masked};
}

std::tuple<at::Tensor, at::Tensor> scaleBackward(const at::Tensor& gradGiven, const at::Tensor& x, const at::Tensor& gate) {
  auto grad = channelsLast(gradGiven);
  auto gradX = at::empty_like(x), gradGate = at::zeros_like(gate, computedType(gate));
  int64_t channels = x.size(1), area = positions(x);
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, x.scalar_type(), "scale_backward", [&] {
    auto *pd = grad.data_ptr<scalar_t>(), *px = x.data_ptr<scalar_t>(), *pg = gate.data_ptr<scalar_t>(), *pdx = gradX.data_ptr<scalar_t>();
    auto* pdg = gradGate.data_ptr<Computed<scalar_t>>();
    at::parallel_for(0, x.size(0), 1, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; n++) {
        int64_t at = n * area * channels;
        scaleBackwardRows(pd + at, px + at, pg + n * channels, pdx + at, pdg + n * channels, area, channels);
      }
    });
  });
  return {gradX, gradGate.to(gate.scalar_type())};
}

class Scale : public torch::autograd::Function<Scale> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& xGiven, const at::Tensor& gateGiven) {
    at::AutoDispatchBelowADInplaceOrView guard;
    checkGate(xGiven, gateGiven);
    auto x = channelsLast(xGiven), gate = gateGiven.contiguous();
    context->save_for_backward({keep(context, "x", x), gate});
    return at::mul(x, gate);
  }
  static torch::autograd::tensor_list backward(AutogradContext* context, torch::autograd::tensor_list grads) {
    refuseDoubleBackward("rescaled::scale");
    auto saved = context->get_saved_variables();
    auto [gradX, gradGate] = scaleBackward(grads[0], kept(context, "x", saved[0]), saved[1]);
    return {gradX, gradGate};
  }
  static int depth(AutogradContext&) { return recomputing() >= Recompute::block; }
  static at::Tensor again(AutogradContext& context) {
    auto saved = context.get_saved_variables();
    return at::mul(kept(&context, "x", saved[0]), saved[1]);
  }
};

const Recomputable<Scale> recomputable;

at::Tensor scalePlain(const at::Tensor& x, const at::Tensor& gate) {
  checkGate(x, gate);
  return at::mul(channelsLast(x), gate);
}

at::Tensor scaleWithAutograd(const at::Tensor& x, const at::Tensor& gate) { return Scale::apply(x, gate); }

class ScaleAddRelu : public torch::autograd::Function<ScaleAddRelu> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& xGiven, const at::Tensor& gateGiven, const at::Tensor& shortcutGiven) {
    at::AutoDispatchBelowADInplaceOrView guard;
    auto x = channelsLast(xGiven), gate = gateGiven.contiguous(), shortcut = channelsLast(shortcutGiven), out = rescaled::forward(x, gate, shortcut);
    auto norm = normThatMade(x);
    // The shortcut is kept where that costs nothing or it is itself made again in one step, else the result, which is enough for the gradients.
    const bool near = recomputing() >= Recompute::block && depthOf(shortcut) < 2;
    context->save_for_backward({near ? keep(context, "shortcut", shortcut) : out, gate, norm == nullptr ? x : at::Tensor()});
    if (norm != nullptr) remember(context, "norm", std::move(norm));
    context->saved_data["near"] = near;
    return out;
  }
  static torch::autograd::tensor_list backward(AutogradContext* context, torch::autograd::tensor_list grads) {
    refuseDoubleBackward("rescaled::scale_add_relu");
    const auto s = savedOf(*context);
    auto [gradX, gradGate, gradShortcut] = rescaled::backward(grads[0], s.near, s.other, s.gate, s.x, s.norm);
    return {gradX, gradGate, gradShortcut};
  }
  static int depth(AutogradContext& context) { return context.saved_data["near"].toBool() ? 2 : 0; }
  static at::Tensor again(AutogradContext& context) {
    const auto s = savedOf(context);
    return forwardOfRows(s.x, s.norm, s.gate, s.other);
  }

 private:
  struct Saved {
    bool near;
    at::Tensor other, gate, x;
    Norm norm;
  };
  static Saved savedOf(AutogradContext& context) {
    auto saved = context.get_saved_variables();
    const bool near = context.saved_data["near"].toBool();
    return {near, near ? kept(&context, "shortcut", saved[0]) : saved[0], saved[1], saved[2], saved[2].defined() ? Norm{} : normOf(remembered(&context, "norm"))};
  }
};

const Recomputable<ScaleAddRelu> recomputableEnd;

at::Tensor withAutograd(const at::Tensor& x, const at::Tensor& gate, const at::Tensor& shortcut) { return ScaleAddRelu::apply(x, gate, shortcut); }

}  // namespace

TORCH_LIBRARY(rescaled, library) {
  library.def("scale_add_relu(Tensor x, Tensor gate, Tensor shortcut) -> Tensor");
  library.def("scale(Tensor x, Tensor gate) -> Tensor");
}
TORCH_LIBRARY_IMPL(rescaled, CPU, library) {
  library.impl("scale_add_relu", forward);
  library.impl("scale", scalePlain);
}
TORCH_LIBRARY_IMPL(rescaled, AutogradCPU, library) {
  library.impl("scale_add_relu", withAutograd);
  library.impl("scale", scaleWithAutograd);
}

}  // namespace rescaled
