// Tensors that are computed again in the backward pass instead of being kept for it.
//
// A convolution needs its input for its weight gradient. Where that is what a node of ours made of something that is kept anyway (batch norm with its
// activation, of the convolution before), it keeps the node in place of the tensor, and the node computes the same bytes again: a pass over memory more for a
// tensor less. Rota Bulo, Porzi and Kontschieder 2018, arXiv 1712.02616; Chen et al. 2016, arXiv 1604.06174.
#pragma once

#include "compat.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

#include <typeindex>
#include <typeinfo>
#include <utility>

namespace rescaled {

using torch::autograd::AutogradContext;
using torch::autograd::Node;
// A shared pointer, which is std's in libtorch 1.13 and c10's in 2.13.
using NodePtr = std::decay_t<decltype(std::declval<const at::Tensor&>().grad_fn())>;

// What is computed again, each with what stands before it: nothing; norm: batch norm with none, relu or leaky relu behind it, one cheap pass over memory
// each; block: all that takes passes over memory alone, with silu, scales of channels and every second end of a block; stage: convolutions too, so that of a
// stage little more stays than every second block's input.
enum class Recompute : int { none, norm, block, stage };

// Of this process; what is recorded from here on follows it.
Recompute recomputing();

// What the node of an autograd function F can do. F::depth(context): in how many steps its output is computed again of what is kept, 0 where it is not;
// F::again(context): the output.
struct Again {
  int (*depth)(Node&);
  at::Tensor (*output)(Node&);
};

// By the type of the node. Filled while the addon loads.
std::unordered_map<std::type_index, Again>& againByType();

// One static object of it makes F's nodes known.
template <typename F>
struct Recomputable {
  Recomputable() {
    using Own = torch::autograd::CppNode<F>;
    againByType()[typeid(Own)] = {[](Node& node) { return F::depth(static_cast<Own&>(node).ctx_); },
                                  [](Node& node) { return F::again(static_cast<Own&>(node).ctx_); }};
  }
};

// F's context where x is what a node of F made, unchanged since; else nullptr.
template <typename F>
AutogradContext* madeBy(const NodePtr& node) {
  auto* own = dynamic_cast<torch::autograd::CppNode<F>*>(node.get());
  return own == nullptr ? nullptr : &own->ctx_;
}

// The node that made x, which nothing has changed since; else nullptr.
inline NodePtr makerOf(const at::Tensor& x) { return x.defined() && x._version() == 0 && !x.is_view() ? x.grad_fn() : NodePtr(); }

// In how many steps x is computed again, 0 where it is not.
int depthOf(const at::Tensor& x);

// For save_for_backward, in F::forward: x, or no tensor where its node computes it again, which `context` remembers by `name`.
at::Tensor keep(AutogradContext* context, const char* name, const at::Tensor& x);

// In F::backward: what `keep` was given.
at::Tensor kept(AutogradContext* context, const char* name, const at::Tensor& saved);

// For F::again: what `make` makes, kept until `forgetOutput`, since the backward passes of several nodes ask for it.
at::Tensor outputOnce(AutogradContext& context, const std::function<at::Tensor()>& make);
// In F::backward, behind which nobody asks.
void forgetOutput(AutogradContext* context);

// Remembers a node.
void remember(AutogradContext* context, const char* name, NodePtr node);
// The node remembered, else nullptr.
NodePtr remembered(AutogradContext* context, const char* name);

}  // namespace rescaled
