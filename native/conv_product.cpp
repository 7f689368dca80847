// rescaled::conv_product(x, weight, stride, padding): a convolution in bfloat16 whose weight gradient is a matrix product.
//
// x is [N, C, H, W] in bfloat16, weight [O, C, k, k] in float32, rounded to bfloat16 for the products. In channels_last the gradient [N, O, OH, OW] is a matrix
// of P = N*OH*OW rows as it lies. With the pixels that each of its rows saw, [P, k*k*C] (for k = 1 and stride 1 that is x as it lies, else they are copied),
//   d weight = grad^T pixels   [O, P] [P, k*k*C]
// oneDNN has no good kernel for it with many channels and few positions, and for strides: there its matrix product is up to 4 times as fast. With k = 1 the product
// is written with the larger of O and C along its rows: that way it has wide vectors. Everything else (forward, d x) is PyTorch's convolution.
#include "conv.h"
#include "recompute.h"
#include "wide.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace rescaled {
namespace {

void check(const at::Tensor& x, const at::Tensor& weight, const SquareConv& conv) {
  checkSides(x, weight, conv);
  TORCH_CHECK(x.scalar_type() == at::kBFloat16 && weight.scalar_type() == at::kFloat, "expected x in bfloat16 and a weight in float32 but received ", x.scalar_type(), " and ", weight.scalar_type());
}

at::Tensor forward(const at::Tensor& x, const at::Tensor& weight, int64_t stride, int64_t padding) {
  check(x, weight, {stride, padding});
  return convolved(channelsLast(x), weight.to(at::kBFloat16), {stride, padding});
}

// [N, C, H, W] in channels_last as [N*H*W, C].
at::Tensor rowsOf(const at::Tensor& x) { return channelsLast(x).permute({0, 2, 3, 1}).reshape({-1, x.size(1)}); }

// The pixels under the kernel at each position of the result, zeros beside the picture: [N*OH*OW, k*k*C].
at::Tensor pixelsOf(const at::Tensor& x, int64_t kernel, int64_t outHeight, int64_t outWidth, const SquareConv& conv) {
  if (kernel == 1 && conv.stride == 1 && conv.padding == 0) return rowsOf(x);
  const int64_t height = x.size(2), width = x.size(3), channels = x.size(1), rows = x.size(0) * outHeight;
  auto result = at::empty({rows * outWidth, kernel * kernel * channels}, x.options(), at::MemoryFormat::Contiguous);
  const auto* from = x.data_ptr<at::BFloat16>();
  auto* to = result.data_ptr<at::BFloat16>();
  at::parallel_for(0, rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const auto* picture = from + row / outHeight * height * width * channels;
      const int64_t top = row % outHeight * conv.stride - conv.padding;
      for (int64_t ox = 0; ox < outWidth; ox++) {
        auto* at = to + (row * outWidth + ox) * kernel * kernel * channels;
        const int64_t left = ox * conv.stride - conv.padding, first = std::min(kernel, std::max<int64_t>(0, -left)), last = std::max(first, std::min(kernel, width - left));
        for (int64_t y = top; y < top + kernel; y++, at += kernel * channels) {
          const bool inside = y >= 0 && y < height;
          std::fill(at, at + (inside ? first : kernel) * channels, at::BFloat16(0));
          if (!inside) continue;
          std::copy_n(picture + (y * width + left + first) * channels, (last - first) * channels, at + first * channels);
          std::fill(at + last * channels, at + kernel * channels, at::BFloat16(0));
        }
      }
    }
  });
  return result;
}

// [O, C, k, k] in float32 and the weight's order.
at::Tensor weightGradient(const at::Tensor& grad, const at::Tensor& x, const at::Tensor& weight, const SquareConv& conv) {
  const int64_t kernel = weight.size(2);
  auto g = rowsOf(grad), pixels = pixelsOf(x, kernel, grad.size(2), grad.size(3), conv);
  auto product = g.size(1) > pixels.size(1) ? at::mm(pixels.t(), g).t() : at::mm(g.t(), pixels);
  return at::empty_like(weight).copy_(product.reshape({weight.size(0), kernel, kernel, weight.size(1)}).permute({0, 3, 1, 2}));
}

class ConvProduct : public torch::autograd::Function<ConvProduct> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& xGiven, const at::Tensor& weight, int64_t stride, int64_t padding) {
    at::AutoDispatchBelowADInplaceOrView guard;
    check(xGiven, weight, {stride, padding});
    auto x = channelsLast(xGiven), half = weight.to(at::kBFloat16);
    context->save_for_backward({keep(context, "x", x), half, weight});
    context->saved_data["stride"] = stride;
    context->saved_data["padding"] = padding;
    return convolved(x, half, {stride, padding});
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context, torch::autograd::tensor_list grads) {
    refuseDoubleBackward("rescaled::conv_product");
    auto saved = context->get_saved_variables();
    const auto &half = saved[1], &weight = saved[2];
    const auto x = kept(context, "x", saved[0]);
    forgetOutput(context);
    const SquareConv conv{context->saved_data["stride"].toInt(), context->saved_data["padding"].toInt()};
    auto grad = channelsLast(grads[0]);
    at::Tensor gradX;
    if (context->needs_input_grad(0))
      gradX = std::get<0>(at::convolution_backward(grad, x, half, at::OptionalIntArrayRef(), {conv.stride, conv.stride}, {conv.padding, conv.padding}, {1, 1}, false, {0, 0}, 1,
                                                   {true, false, false}));
    return {gradX, context->needs_input_grad(1) ? weightGradient(grad, x, weight, conv) : at::Tensor(), at::Tensor(), at::Tensor()};
  }
  static int depth(AutogradContext&) { return recomputing() >= Recompute::stage; }
  static at::Tensor again(AutogradContext& context) {
    return outputOnce(context, [&] {
      auto saved = context.get_saved_variables();
      return convolved(kept(&context, "x", saved[0]), saved[1], {context.saved_data["stride"].toInt(), context.saved_data["padding"].toInt()});
    });
  }
};

const Recomputable<ConvProduct> recomputable;

at::Tensor withAutograd(const at::Tensor& x, const at::Tensor& weight, int64_t stride, int64_t padding) { return ConvProduct::apply(x, weight, stride, padding); }

}  // namespace

TORCH_LIBRARY_FRAGMENT(rescaled, library) { library.def("conv_product(Tensor x, Tensor weight, int stride, int padding) -> Tensor"); }
TORCH_LIBRARY_IMPL(rescaled, CPU, library) { library.impl("conv_product", forward); }
TORCH_LIBRARY_IMPL(rescaled, AutogradCPU, library) { library.impl("conv_product", withAutograd); }

}  // namespace rescaled
