// PyTorch's convolution as rescaled::conv2d records it (conv.cpp).
#pragma once

#include "compat.h"

namespace rescaled {

at::Tensor recordedConv(const at::Tensor& x, const at::Tensor& weight, int64_t stride, int64_t padding);

}  // namespace rescaled
