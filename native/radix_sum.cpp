// The end of split attention on the CPU while training: rescaled::radix_sum(x, gate, radix), x [N, R*C, H, W] in channels_last, gate [N, R*C, 1, 1], both
// float32 or float64, gives [N, C, H, W]:
//   out = sum over r of gate_r * x_r, where x_r are the C channels from r*C on
// in one pass over x. Backward: d x_r = grad * gate_r;  d gate_r = sum over positions of grad * x_r, again one pass.
#include "wide.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace rescaled {
namespace {

template <typename T>
RESCALED_INLINE void forwardOf(const T* __restrict x, const T* __restrict gate, T* __restrict out, int64_t channels, int64_t radix) {
  for (int64_t c = 0; c < channels; c++) out[c] = x[c] * gate[c];
  for (int64_t r = 1; r < radix; r++) {
    x += channels;
    gate += channels;
    for (int64_t c = 0; c < channels; c++) out[c] += x[c] * gate[c];
  }
}

template <typename T>
RESCALED_INLINE void backwardOf(const T* __restrict grad, const T* __restrict x, const T* __restrict gate, T* __restrict gradX, T* __restrict gradGate, int64_t channels, int64_t radix) {
  for (int64_t r = 0; r < radix; r++, x += channels, gate += channels, gradX += channels, gradGate += channels) {
    for (int64_t c = 0; c < channels; c++) {
      gradX[c] = grad[c] * gate[c];
      gradGate[c] += grad[c] * x[c];
    }
  }
}

RESCALED_WIDE void forwardRow(const float* x, const float* gate, float* out, int64_t channels, int64_t radix) { forwardOf(x, gate, out, channels, radix); }
RESCALED_WIDE void forwardRow(const double* x, const double* gate, double* out, int64_t channels, int64_t radix) { forwardOf(x, gate, out, channels, radix); }
RESCALED_WIDE void backwardRow(const float* grad, const float* x, const float* gate, float* gradX, float* gradGate, int64_t channels, int64_t radix) {
  backwardOf(grad, x, gate, gradX, gradGate, channels, radix);
}
RESCALED_WIDE void backwardRow(const double* grad, const double* x, const double* gate, double* gradX, double* gradGate, int64_t channels, int64_t radix) {
  backwardOf(grad, x, gate, gradX, gradGate, channels, radix);
}

void check(const at::Tensor& x, const at::Tensor& gate, int64_t radix) {
  TORCH_CHECK(x.dim() == 4 && radix >= 1 && x.size(1) % radix == 0, "expected x [N, ", radix, " * C, H, W] but received ", x.sizes());
  TORCH_CHECK(gate.dim() == 4 && gate.size(0) == x.size(0) && gate.size(1) == x.size(1) && positions(gate) == 1, "expected a gate of shape [N, ", x.size(1), ", 1, 1] for x of ", x.sizes(),
              " but received ", gate.sizes());
  TORCH_CHECK(x.scalar_type() == gate.scalar_type(), "expected x and gate of one dtype but received ", x.scalar_type(), " and ", gate.scalar_type());
}

at::Tensor forward(const at::Tensor& xGiven, const at::Tensor& gateGiven, int64_t radix) {
  check(xGiven, gateGiven, radix);
  auto x = channelsLast(xGiven), gate = gateGiven.contiguous();
  const int64_t channels = x.size(1) / radix, area = positions(x);
  auto out = at::empty({x.size(0), channels, x.size(2), x.size(3)}, x.options(), at::MemoryFormat::ChannelsLast);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "radix_sum", [&] {
    auto *px = x.data_ptr<scalar_t>(), *pg = gate.data_ptr<scalar_t>(), *po = out.data_ptr<scalar_t>();
    at::parallel_for(0, x.size(0) * area, std::max<int64_t>(1, 16384 / (channels * radix)), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row++) forwardRow(px + row * channels * radix, pg + row / area * channels * radix, po + row * channels, channels, radix);
    });
  });
  return out;
}

std::tuple<at::Tensor, at::Tensor> backward(const at::Tensor& gradGiven, const at::Tensor& x, const at::Tensor& gate, int64_t radix) {
  auto grad = channelsLast(gradGiven);
  auto gradX = at::empty_like(x), gradGate = at::zeros_like(gate);
  const int64_t channels = x.size(1) / radix, area = positions(x);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "radix_sum_backward", [&] {
    auto *pd = grad.data_ptr<scalar_t>(), *px = x.data_ptr<scalar_t>(), *pg = gate.data_ptr<scalar_t>(), *pdx = gradX.data_ptr<scalar_t>(), *pdg = gradGate.data_ptr<scalar_t>();
    // A sample is summed by one thread in one order, so the result does not depend on the number of threads.
    at::parallel_for(0, x.size(0), 1, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; n++) {
        for (int64_t row = n * area; row < (n + 1) * area; row++) {
          const int64_t at = row * channels * radix, of = n * channels * radix;
          backwardRow(pd + row * channels, px + at, pg + of, pdx + at, pdg + of, channels, radix);
        }
      }
    });
  });
  return {gradX, gradGate};
}

class RadixSum : public torch::autograd::Function<RadixSum> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& xGiven, const at::Tensor& gateGiven, int64_t radix) {
    at::AutoDispatchBelowADInplaceOrView guard;
    auto x = channelsLast(xGiven), gate = gateGiven.contiguous();
    auto out = rescaled::forward(x, gate, radix);
    context->save_for_backward({x, gate});
    context->saved_data["radix"] = radix;
    return out;
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context, torch::autograd::tensor_list grads) {
    refuseDoubleBackward("rescaled::radix_sum");
    auto saved = context->get_saved_variables();
    auto [gradX, gradGate] = rescaled::backward(grads[0], saved[0], saved[1], context->saved_data["radix"].toInt());
    return {gradX, gradGate, at::Tensor()};
  }
};

at::Tensor withAutograd(const at::Tensor& x, const at::Tensor& gate, int64_t radix) { return RadixSum::apply(x, gate, radix); }

}  // namespace

TORCH_LIBRARY_FRAGMENT(rescaled, library) { library.def("radix_sum(Tensor x, Tensor gate, int radix) -> Tensor"); }
TORCH_LIBRARY_IMPL(rescaled, CPU, library) { library.impl("radix_sum", forward); }
TORCH_LIBRARY_IMPL(rescaled, AutogradCPU, library) { library.impl("radix_sum", withAutograd); }

}  // namespace rescaled
