// What the kernels of convolutions share.
#pragma once

#include "compat.h"

namespace rescaled {

// The same on all sides, without a bias, all channels by all.
struct SquareConv {
  int64_t stride, padding;
};

inline void checkSides(const at::Tensor& x, const at::Tensor& weight, const SquareConv& conv) {
  TORCH_CHECK(x.dim() == 4 && weight.dim() == 4 && weight.size(1) == x.size(1) && weight.size(2) == weight.size(3), "expected x [N, C, H, W] and a weight [O, C, k, k] but received ", x.sizes(),
              " and ", weight.sizes());
  TORCH_CHECK(conv.stride > 0 && conv.padding >= 0, "expected a stride above 0 and a padding of at least 0 but received ", conv.stride, " and ", conv.padding);
}

inline at::Tensor convolved(const at::Tensor& x, const at::Tensor& weight, const SquareConv& conv) {
  return at::conv2d(x, weight, {}, {conv.stride, conv.stride}, {conv.padding, conv.padding});
}

// PyTorch's convolution as rescaled::conv2d records it (conv.cpp).
at::Tensor recordedConv(const at::Tensor& x, const at::Tensor& weight, int64_t stride, int64_t padding);

}  // namespace rescaled
