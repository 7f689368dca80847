// rescaled::conv2d(x, weight, bias, stride, padding, dilation, groups): PyTorch's convolution, which in training keeps what its input is computed again of
// in place of the input, where there is such a thing (recompute.h).
//
// x is [N, C, H, W] on the CPU, weight [O, C/groups, kh, kw] of x's dtype, or of float32 for x in bfloat16, bias [O] or none. Same numbers, forward and
// backward, as aten::conv2d, under autocast too.
#include "conv.h"
#include "recompute.h"
#include "wide.h"

#include <torch/library.h>

namespace rescaled {
namespace {

at::Tensor forward(const at::Tensor& x, const at::Tensor& weight, const optional<at::Tensor>& bias, at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation, int64_t groups) {
  return at::conv2d(x, weight.to(x.scalar_type()), bias.has_value() && bias->defined() ? bias->to(x.scalar_type()) : at::Tensor(), stride, padding, dilation, groups);
}

class Conv : public torch::autograd::Function<Conv> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, const optional<at::Tensor>& bias, at::IntArrayRef stride, at::IntArrayRef padding,
                            at::IntArrayRef dilation, int64_t groups) {
    at::AutoDispatchBelowADInplaceOrView guard;
    auto own = weight.to(x.scalar_type());
    context->save_for_backward({keep(context, "x", x), own});
    context->saved_data["stride"] = stride.vec();
    context->saved_data["padding"] = padding.vec();
    context->saved_data["dilation"] = dilation.vec();
    context->saved_data["groups"] = groups;
    context->saved_data["bias"] = bias.has_value() && bias->defined();
    context->saved_data["dtype"] = weight.scalar_type();
    return rescaled::forward(x, own, bias, stride, padding, dilation, groups);
  }
  static torch::autograd::tensor_list backward(AutogradContext* context, torch::autograd::tensor_list grads) {
    refuseDoubleBackward("rescaled::conv2d");
    auto saved = context->get_saved_variables();
    const auto list = [&](const char* name) { return context->saved_data[name].toIntVector(); };
    const auto &own = saved[1];
    const bool hasBias = context->saved_data["bias"].toBool();
    const bool needX = context->needs_input_grad(0), needWeight = context->needs_input_grad(1), needBias = hasBias && context->needs_input_grad(2);
    auto x = kept(context, "x", saved[0]);
    forgetOutput(context);
    auto [gradX, gradWeight, gradBias] =
        at::convolution_backward(grads[0], x, own, hasBias ? at::OptionalIntArrayRef(own.sizes().slice(0, 1)) : at::OptionalIntArrayRef(), list("stride"), list("padding"), list("dilation"), false,
                                 {0, 0}, context->saved_data["groups"].toInt(), {needX, needWeight, needBias});
    const auto dtype = context->saved_data["dtype"].toScalarType();
    const auto as = [&](const at::Tensor& gradient) { return gradient.defined() ? gradient.to(dtype) : gradient; };
    return {gradX, as(gradWeight), as(gradBias), at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
  // A bias is not kept; in front of batch norm there is none.
  static int depth(AutogradContext& context) { return recomputing() >= Recompute::stage && !context.saved_data["bias"].toBool(); }
  static at::Tensor again(AutogradContext& context) {
    return outputOnce(context, [&] {
      auto saved = context.get_saved_variables();
      const auto list = [&](const char* name) { return context.saved_data[name].toIntVector(); };
      return rescaled::forward(kept(&context, "x", saved[0]), saved[1], {}, list("stride"), list("padding"), list("dilation"), context.saved_data["groups"].toInt());
    });
  }
};

const Recomputable<Conv> recomputable;

at::Tensor withAutograd(const at::Tensor& x, const at::Tensor& weight, const optional<at::Tensor>& bias, at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation, int64_t groups) {
  const bool casts = autocasts() && x.scalar_type() != at::kBFloat16, keeps = depthOf(x) > 0 || recomputing() == Recompute::stage;
  if (!at::GradMode::is_enabled() || casts || !keeps) return at::conv2d(x, weight, bias, stride, padding, dilation, groups);
  return Conv::apply(x, weight, bias, stride, padding, dilation, groups);
}

}  // namespace

at::Tensor recordedConv(const at::Tensor& x, const at::Tensor& weight, int64_t stride, int64_t padding) {
  return withAutograd(x, weight, {}, {stride, stride}, {padding, padding}, {1, 1}, 1);
}

TORCH_LIBRARY_FRAGMENT(rescaled, library) {
  library.def("conv2d(Tensor x, Tensor weight, Tensor? bias, int[2] stride=1, int[2] padding=0, int[2] dilation=1, int groups=1) -> Tensor");
}
TORCH_LIBRARY_IMPL(rescaled, CPU, library) { library.impl("conv2d", forward); }
TORCH_LIBRARY_IMPL(rescaled, AutogradCPU, library) { library.impl("conv2d", withAutograd); }

}  // namespace rescaled
