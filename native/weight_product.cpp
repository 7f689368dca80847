// rescaled::conv_weight_product(x, weight, stride, padding): a convolution in float32 whose weight gradient is a matrix product of our own.
//
// x is [N, C, H, W], weight [O, C, k, k]. In channels_last the gradient is a matrix [P, O] of P = N*OH*OW positions, and what they see under one tap of the kernel
// a matrix [P, C]:  d weight[:, :, tap] = grad^T pixels.
// Positions are taken in chunks, copied so that the product reads memory in order, and the chunks' sums are added: a fixed order for any number of threads.
// Forward and d x are PyTorch's convolution, as is the rest where the CPU has no AVX-512.
#include "conv.h"
#include "recompute.h"
#include "wide.h"
#include "winograd_kernels.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <vector>

namespace rescaled {
namespace {

void check(const at::Tensor& x, const at::Tensor& weight, const SquareConv& conv) {
  checkSides(x, weight, conv);
  TORCH_CHECK(x.scalar_type() == at::kFloat && weight.scalar_type() == at::kFloat, "expected x and a weight in float32 but received ", x.scalar_type(), " and ", weight.scalar_type());
}

at::Tensor forward(const at::Tensor& x, const at::Tensor& weight, int64_t stride, int64_t padding) {
  check(x, weight, {stride, padding});
  return convolved(x, weight, {stride, padding});
}

#ifdef RESCALED_WINOGRAD
constexpr int64_t kChunk = 256;  // positions of a product, for each thread

// [O, C, k, k] in channels_last.
at::Tensor weightGradient(const at::Tensor& grad, const at::Tensor& x, const at::Tensor& weight, const SquareConv& conv) {
  const int64_t outs = weight.size(0), ins = weight.size(1), kernel = weight.size(2), taps = kernel * kernel, count = grad.numel() / outs;
  const Sampling sampling{x.size(2), x.size(3), ins, kernel, conv.stride, conv.padding, grad.size(2), grad.size(3)};
  const int64_t panel = panelOf(ins), panels = (ins + panel - 1) / panel, group = kChunk * at::get_num_threads(), rows = (outs + 7) / 8 * 8;
  auto packed = at::empty({group * rows}, grad.options());
  auto result = at::empty(weight.sizes(), weight.options(), at::MemoryFormat::ChannelsLast);
  auto *left = packed.data_ptr<float>(), *to = result.data_ptr<float>();
  for (int64_t origin = 0; origin < count; origin += group) {
    const int64_t end = std::min(count, origin + group), chunks = (end - origin + kChunk - 1) / kChunk;
    const auto length = [&](int64_t chunk) { return std::min(kChunk, end - origin - chunk * kChunk); };
    at::parallel_for(0, chunks, 1, [&](int64_t first, int64_t last) {
      for (int64_t chunk = first; chunk < last; chunk++) packRows(grad.data_ptr<float>() + (origin + chunk * kChunk) * outs, outs, length(chunk), left + chunk * kChunk * rows);
    });
    at::parallel_for(0, taps * panels, 1, [&](int64_t first, int64_t last) {
      // All panels of a tap that are this thread's at once: memory is read in order.
      for (int64_t next, i = first; i < last; i = next) {
        const int64_t tap = i / panels, channel = i % panels * panel;
        next = std::min(last, (tap + 1) * panels);
        const int64_t columns = std::min((next - i) * panel, ins - channel);
        std::vector<float> pixels(kChunk * (next - i) * panel);
        for (int64_t chunk = 0; chunk < chunks; chunk++) {
          const int64_t inner = length(chunk);
          packPixels(sampling, x.data_ptr<float>(), tap, channel, columns, panel, origin + chunk * kChunk, inner, pixels.data());
          for (int64_t start = 0; start < columns; start += panel) {
            const int64_t wide = std::min(panel, columns - start);
            for (int64_t out = 0; out < outs; out += 8)
              multiply({left + chunk * kChunk * rows + out * inner, std::min<int64_t>(8, outs - out), 1, 8}, inner, pixels.data() + start * inner, lanes(wide), wide,
                       to + (out * taps + tap) * ins + channel + start, taps * ins, origin + chunk > 0);
          }
        }
      }
    });
  }
  return result;
}

class ConvWeightProduct : public torch::autograd::Function<ConvWeightProduct> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& xGiven, const at::Tensor& weightGiven, int64_t stride, int64_t padding) {
    at::AutoDispatchBelowADInplaceOrView guard;
    auto x = channelsLast(xGiven), weight = channelsLast(weightGiven);
    context->save_for_backward({keep(context, "x", x), weight});
    context->saved_data["stride"] = stride;
    context->saved_data["padding"] = padding;
    context->saved_data["format"] = weightGiven.suggest_memory_format();
    return convolved(x, weight, {stride, padding});
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context, torch::autograd::tensor_list grads) {
    refuseDoubleBackward("rescaled::conv_weight_product");
    auto saved = context->get_saved_variables();
    const auto& weight = saved[1];
    const auto x = kept(context, "x", saved[0]);
    forgetOutput(context);
    const SquareConv conv{context->saved_data["stride"].toInt(), context->saved_data["padding"].toInt()};
    auto grad = channelsLast(grads[0]);
    at::Tensor gradX, gradWeight;
    if (context->needs_input_grad(0))
      gradX = std::get<0>(at::convolution_backward(grad, x, weight, at::OptionalIntArrayRef(), {conv.stride, conv.stride}, {conv.padding, conv.padding}, {1, 1}, false, {0, 0}, 1,
                                                   {true, false, false}));
    if (context->needs_input_grad(1)) gradWeight = weightGradient(grad, x, weight, conv).contiguous(context->saved_data["format"].toMemoryFormat());
    return {gradX, gradWeight, at::Tensor(), at::Tensor()};
  }
  static int depth(torch::autograd::AutogradContext&) { return recomputing() >= Recompute::stage; }
  static at::Tensor again(torch::autograd::AutogradContext& context) {
    return outputOnce(context, [&] {
      auto saved = context.get_saved_variables();
      return convolved(kept(&context, "x", saved[0]), saved[1], {context.saved_data["stride"].toInt(), context.saved_data["padding"].toInt()});
    });
  }
};

const Recomputable<ConvWeightProduct> recomputable;
#endif

at::Tensor withAutograd(const at::Tensor& x, const at::Tensor& weight, int64_t stride, int64_t padding) {
  check(x, weight, {stride, padding});
#ifdef RESCALED_WINOGRAD
  if (winogradRuns() && x.numel() > 0 && !autocasts()) return ConvWeightProduct::apply(x, weight, stride, padding);
#endif
  return recordedConv(x, weight, stride, padding);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(rescaled, library) { library.def("conv_weight_product(Tensor x, Tensor weight, int stride, int padding) -> Tensor"); }
TORCH_LIBRARY_IMPL(rescaled, CPU, library) { library.impl("conv_weight_product", forward); }
TORCH_LIBRARY_IMPL(rescaled, AutogradCPU, library) { library.impl("conv_weight_product", withAutograd); }

}  // namespace rescaled
