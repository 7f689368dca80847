// GELU on the CPU while training: rescaled::gelu(x) = x * Phi(x), as aten::gelu. The backward pass of PyTorch 1.13 gives numbers from memory that
// nobody wrote where the gradient lies in another order than x (channels_last beside contiguous); here it is brought into x's order first.
#include "wide.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace rescaled {
namespace {

at::Tensor dense(const at::Tensor& x, at::MemoryFormat format) { return x.contiguous(format); }

at::Tensor forward(const at::Tensor& x) { return at::gelu(dense(x, x.suggest_memory_format())); }

class Gelu : public torch::autograd::Function<Gelu> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& given) {
    at::AutoDispatchBelowADInplaceOrView guard;
    auto x = dense(given, given.suggest_memory_format());
    context->save_for_backward({x});
    return at::gelu(x);
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context, torch::autograd::tensor_list grads) {
    refuseDoubleBackward("rescaled::gelu");
    auto x = context->get_saved_variables()[0];
    return {at::gelu_backward(dense(grads[0], x.suggest_memory_format()), x)};
  }
};

at::Tensor withAutograd(const at::Tensor& x) { return Gelu::apply(x); }

}  // namespace

TORCH_LIBRARY_FRAGMENT(rescaled, library) { library.def("gelu(Tensor x) -> Tensor"); }
TORCH_LIBRARY_IMPL(rescaled, CPU, library) { library.impl("gelu", forward); }
TORCH_LIBRARY_IMPL(rescaled, AutogradCPU, library) { library.impl("gelu", withAutograd); }

}  // namespace rescaled
