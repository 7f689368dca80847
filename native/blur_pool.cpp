// Blur pooling on the CPU while training: rescaled::blur_pool(x), x [N, C, H, W] in channels_last, float32 or float64, H and W at least 2, gives
// [N, C, ceil(H/2), ceil(W/2)]: the sum over i, j in -1, 0, 1 of (2 - |i|) (2 - |j|) / 16 * x at (2 row + i, 2 column + j), the border mirrored without its own
// pixel. One pass over x, and one over the gradient, which needs nothing but x's sides.
#include "wide.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <array>

namespace rescaled {
namespace {

// Places of one position's three taps along a side.
std::array<int64_t, 3> taps(int64_t position, int64_t side) {
  const int64_t at = 2 * position;
  return {at == 0 ? 1 : at - 1, at, at + 1 == side ? side - 2 : at + 1};
}

template <typename T>
using Nine = std::array<T*, 9>;

template <typename T>
RESCALED_INLINE void forwardOf(const Nine<const T>& x, T* __restrict out, int64_t channels) {
  for (int64_t c = 0; c < channels; c++) {
    const T corners = (x[0][c] + x[2][c]) + (x[6][c] + x[8][c]), edges = (x[1][c] + x[3][c]) + (x[5][c] + x[7][c]);
    out[c] = corners * T(1.0 / 16) + edges * T(1.0 / 8) + x[4][c] * T(1.0 / 4);
  }
}

// Two taps may be the same place, so each is added on its own.
template <typename T>
RESCALED_INLINE void backwardOf(const T* __restrict grad, const Nine<T>& gradX, int64_t channels) {
  const T weights[9] = {T(1.0 / 16), T(1.0 / 8), T(1.0 / 16), T(1.0 / 8), T(1.0 / 4), T(1.0 / 8), T(1.0 / 16), T(1.0 / 8), T(1.0 / 16)};
  for (int i = 0; i < 9; i++) {
    T* __restrict to = gradX[i];
    for (int64_t c = 0; c < channels; c++) to[c] += weights[i] * grad[c];
  }
}

RESCALED_WIDE void forwardAt(const Nine<const float>& x, float* out, int64_t channels) { forwardOf(x, out, channels); }
RESCALED_WIDE void forwardAt(const Nine<const double>& x, double* out, int64_t channels) { forwardOf(x, out, channels); }
RESCALED_WIDE void backwardAt(const float* grad, const Nine<float>& gradX, int64_t channels) { backwardOf(grad, gradX, channels); }
RESCALED_WIDE void backwardAt(const double* grad, const Nine<double>& gradX, int64_t channels) { backwardOf(grad, gradX, channels); }

struct Sides {
  int64_t samples, channels, height, width, outHeight, outWidth;
  explicit Sides(at::IntArrayRef x) : samples(x[0]), channels(x[1]), height(x[2]), width(x[3]), outHeight((height + 1) / 2), outWidth((width + 1) / 2) {}
  template <typename T>
  Nine<T> around(T* sample, int64_t row, int64_t column) const {
    const auto rows = taps(row, height), columns = taps(column, width);
    Nine<T> result;
    for (int i = 0; i < 9; i++) result[i] = sample + (rows[i / 3] * width + columns[i % 3]) * channels;
    return result;
  }
};

at::Tensor forward(const at::Tensor& given) {
  TORCH_CHECK(given.dim() == 4 && given.size(2) >= 2 && given.size(3) >= 2, "expected x [N, C, H, W] with sides of 2 or more but received ", given.sizes());
  auto x = channelsLast(given);
  const Sides s(x.sizes());
  auto out = at::empty({s.samples, s.channels, s.outHeight, s.outWidth}, x.options(), at::MemoryFormat::ChannelsLast);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "blur_pool", [&] {
    const scalar_t* px = x.data_ptr<scalar_t>();
    auto* po = out.data_ptr<scalar_t>();
    at::parallel_for(0, s.samples * s.outHeight, 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row++)
        for (int64_t column = 0; column < s.outWidth; column++)
          forwardAt(s.around(px + row / s.outHeight * s.height * s.width * s.channels, row % s.outHeight, column), po + (row * s.outWidth + column) * s.channels, s.channels);
    });
  });
  return out;
}

at::Tensor backward(const at::Tensor& given, at::IntArrayRef sizes) {
  auto grad = channelsLast(given);
  const Sides s(sizes);
  auto gradX = at::empty(sizes, grad.options(), at::MemoryFormat::ChannelsLast).zero_();
  AT_DISPATCH_FLOATING_TYPES(grad.scalar_type(), "blur_pool_backward", [&] {
    auto *pg = grad.data_ptr<scalar_t>(), *px = gradX.data_ptr<scalar_t>();
    // A sample is summed by one thread in one order, so the result does not depend on the number of threads.
    at::parallel_for(0, s.samples, 1, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; n++)
        for (int64_t at = 0; at < s.outHeight * s.outWidth; at++)
          backwardAt(pg + (n * s.outHeight * s.outWidth + at) * s.channels, s.around(px + n * s.height * s.width * s.channels, at / s.outWidth, at % s.outWidth), s.channels);
    });
  });
  return gradX;
}

class BlurPool : public torch::autograd::Function<BlurPool> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x) {
    at::AutoDispatchBelowADInplaceOrView guard;
    context->saved_data["sizes"] = x.sizes().vec();
    return rescaled::forward(x);
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context, torch::autograd::tensor_list grads) {
    refuseDoubleBackward("rescaled::blur_pool");
    return {rescaled::backward(grads[0], context->saved_data["sizes"].toIntVector())};
  }
};

at::Tensor withAutograd(const at::Tensor& x) { return BlurPool::apply(x); }

}  // namespace

TORCH_LIBRARY_FRAGMENT(rescaled, library) { library.def("blur_pool(Tensor x) -> Tensor"); }
TORCH_LIBRARY_IMPL(rescaled, CPU, library) { library.impl("blur_pool", forward); }
TORCH_LIBRARY_IMPL(rescaled, AutogradCPU, library) { library.impl("blur_pool", withAutograd); }

}  // namespace rescaled
