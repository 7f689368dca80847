// What others may know of batch norm's nodes.
#pragma once

#include "recompute.h"

namespace rescaled {

// What batch norm's result is computed again of: its input, mean and 1/sigma [2, C], weight and bias [C].
struct Norm {
  at::Tensor before, statistics, weight, bias;
};

// The node of batch norm, without a shortcut and an activation, that made x; else nullptr.
NodePtr normThatMade(const at::Tensor& x);

Norm normOf(const NodePtr& node);

}  // namespace rescaled
