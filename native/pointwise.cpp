// rescaled::pointwise_conv(x, weight): a 1x1 convolution of stride 1 in bfloat16 whose weight gradient is a matrix product.
//
// x is [N, C, H, W] in bfloat16, weight [O, C, 1, 1] in float32, rounded to bfloat16 for the products. In channels_last both maps are matrices as they lie,
// P = N*H*W rows, and
//   d weight = grad^T x   [O, P] [P, C]
// for which oneDNN's matrix product is 1.0 to 3 times as fast as its convolution, most with many channels and few positions. It is written with the larger
// of O and C along its rows: that way it has wide vectors. Everything else (forward, d x) is PyTorch's convolution.
#include "wide.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace rescaled {
namespace {

void check(const at::Tensor& x, const at::Tensor& weight) {
  TORCH_CHECK(x.dim() == 4 && weight.dim() == 4 && weight.size(1) == x.size(1) && weight.size(2) == 1 && weight.size(3) == 1, "expected x [N, C, H, W] and a weight [O, C, 1, 1] but received ",
              x.sizes(), " and ", weight.sizes());
  TORCH_CHECK(x.scalar_type() == at::kBFloat16 && weight.scalar_type() == at::kFloat, "expected x in bfloat16 and a weight in float32 but received ", x.scalar_type(), " and ", weight.scalar_type());
}

at::Tensor forward(const at::Tensor& x, const at::Tensor& weight) {
  check(x, weight);
  return at::conv2d(channelsLast(x), weight.to(at::kBFloat16));
}

// [N, C, H, W] in channels_last as [N*H*W, C].
at::Tensor rowsOf(const at::Tensor& x) { return channelsLast(x).permute({0, 2, 3, 1}).reshape({-1, x.size(1)}); }

class PointwiseConv : public torch::autograd::Function<PointwiseConv> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& xGiven, const at::Tensor& weight) {
    at::AutoDispatchBelowADInplaceOrView guard;
    check(xGiven, weight);
    auto x = channelsLast(xGiven), half = weight.to(at::kBFloat16);
    context->save_for_backward({x, half, weight});
    return at::conv2d(x, half);
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context, torch::autograd::tensor_list grads) {
    refuseDoubleBackward("rescaled::pointwise_conv");
    auto saved = context->get_saved_variables();
    const auto &x = saved[0], &half = saved[1], &weight = saved[2];
    auto grad = channelsLast(grads[0]);
    at::Tensor gradX, gradWeight;
    if (context->needs_input_grad(0))
      gradX = std::get<0>(at::convolution_backward(grad, x, half, at::OptionalIntArrayRef(), {1, 1}, {0, 0}, {1, 1}, false, {0, 0}, 1, {true, false, false}));
    if (context->needs_input_grad(1)) {
      auto g = rowsOf(grad), rows = rowsOf(x);
      auto product = g.size(1) > rows.size(1) ? at::mm(rows.t(), g).t() : at::mm(g.t(), rows);
      gradWeight = at::empty_like(weight).copy_(product.view({weight.size(0), weight.size(1), 1, 1}));
    }
    return {gradX, gradWeight};
  }
};

at::Tensor withAutograd(const at::Tensor& x, const at::Tensor& weight) { return PointwiseConv::apply(x, weight); }

}  // namespace

TORCH_LIBRARY_FRAGMENT(rescaled, library) { library.def("pointwise_conv(Tensor x, Tensor weight) -> Tensor"); }
TORCH_LIBRARY_IMPL(rescaled, CPU, library) { library.impl("pointwise_conv", forward); }
TORCH_LIBRARY_IMPL(rescaled, AutogradCPU, library) { library.impl("pointwise_conv", withAutograd); }

}  // namespace rescaled
