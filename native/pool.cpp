// Pooling on the CPU while training, which keeps of its input only what the gradient needs: rescaled::max_pool(x, kernel, stride, padding) the place of each
// maximum in its window, a byte (PyTorch: the input and 8 bytes), rescaled::avg_pool(x, kernel, stride, padding, ceil_mode, count_include_pad) nothing.
//
// x is [N, C, H, W], float32, float64 or bfloat16. Padding counts as minus infinity there, a NaN wins, and of equals the
// first, as in PyTorch; results and gradients have its bytes. Where x is not in channels_last max_pool is PyTorch's.
#include "wide.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace rescaled {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// bfloat16 as its bits, which the compiler can move by masks.
template <typename T>
struct MovedAs {
  using type = T;
};
template <>
struct MovedAs<at::BFloat16> {
  using type = uint16_t;
};
RESCALED_INLINE float numberOf(float x) { return x; }
RESCALED_INLINE double numberOf(double x) { return x; }
RESCALED_INLINE float numberOf(uint16_t bits) { return widened(at::BFloat16(bits, at::BFloat16::from_bits())); }

// One place of the window for all channels of a position.
template <typename T>
RESCALED_INLINE void raiseOf(const T* __restrict x, T* __restrict best, uint8_t* __restrict place, uint8_t here, int64_t channels) {
  for (int64_t c = 0; c < channels; c++) {
    const auto value = numberOf(x[c]);
    const bool more = (value > numberOf(best[c])) | (value != value);
    best[c] = more ? x[c] : best[c];
    place[c] = more ? here : place[c];
  }
}

RESCALED_WIDE void raise(const float* x, float* best, uint8_t* place, uint8_t here, int64_t channels) { raiseOf(x, best, place, here, channels); }
RESCALED_WIDE void raise(const double* x, double* best, uint8_t* place, uint8_t here, int64_t channels) { raiseOf(x, best, place, here, channels); }
RESCALED_WIDE void raise(const uint16_t* x, uint16_t* best, uint8_t* place, uint8_t here, int64_t channels) { raiseOf(x, best, place, here, channels); }

struct Window {
  int64_t channels, height, width, outHeight, outWidth, kernel, stride, padding;
  Window(at::IntArrayRef x, int64_t kernel, int64_t stride, int64_t padding)
      : channels(x[1]), height(x[2]), width(x[3]), outHeight((height + 2 * padding - kernel) / stride + 1), outWidth((width + 2 * padding - kernel) / stride + 1), kernel(kernel), stride(stride), padding(padding) {}
  // Calls body(offset in the picture, number in the window) for each place inside the picture.
  template <typename Body>
  void each(int64_t row, int64_t column, const Body& body) const {
    for (int64_t i = 0; i < kernel; i++) {
      const int64_t y = row * stride - padding + i;
      if (y < 0 || y >= height) continue;
      for (int64_t j = 0; j < kernel; j++) {
        const int64_t x = column * stride - padding + j;
        if (x >= 0 && x < width) body((y * width + x) * channels, uint8_t(i * kernel + j));
      }
    }
  }
};

std::pair<at::Tensor, at::Tensor> forward(const at::Tensor& given, int64_t kernel, int64_t stride, int64_t padding) {
  TORCH_CHECK(given.dim() == 4, "expected x [N, C, H, W] but received ", given.sizes());
  TORCH_CHECK(kernel > 0 && kernel < 16 && stride > 0 && padding >= 0 && 2 * padding <= kernel, "expected a kernel of 1 to 15, a stride above 0 and a padding of at most half the kernel but received ",
              kernel, ", ", stride, " and ", padding);
  const Window w(given.sizes(), kernel, stride, padding);
  TORCH_CHECK(w.height + 2 * padding >= kernel && w.width + 2 * padding >= kernel, "expected sides of ", kernel - 2 * padding, " or more but received ", given.sizes());
  auto x = channelsLast(given);
  auto out = at::empty({x.size(0), w.channels, w.outHeight, w.outWidth}, x.options(), at::MemoryFormat::ChannelsLast), places = at::empty_like(out, at::kByte);
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, x.scalar_type(), "max_pool", [&] {
    using Moved = typename MovedAs<scalar_t>::type;
    const auto* px = reinterpret_cast<const Moved*>(x.data_ptr<scalar_t>());
    auto* po = reinterpret_cast<Moved*>(out.data_ptr<scalar_t>());
    auto* pp = places.data_ptr<uint8_t>();
    at::parallel_for(0, x.size(0) * w.outHeight, 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row++)
        for (int64_t column = 0; column < w.outWidth; column++) {
          const int64_t at = (row * w.outWidth + column) * w.channels;
          bool first = true;
          w.each(row % w.outHeight, column, [&](int64_t offset, uint8_t here) {
            const auto* place = px + row / w.outHeight * w.height * w.width * w.channels + offset;
            if (first) {
              std::copy_n(place, w.channels, po + at);
              std::fill_n(pp + at, w.channels, here);
            } else {
              raise(place, po + at, pp + at, here, w.channels);
            }
            first = false;
          });
        }
    });
  });
  return {out, places};
}

at::Tensor backward(const at::Tensor& given, const at::Tensor& places, at::IntArrayRef sizes, int64_t kernel, int64_t stride, int64_t padding) {
  auto grad = channelsLast(given);
  const Window w(sizes, kernel, stride, padding);
  auto gradX = at::empty(sizes, grad.options(), at::MemoryFormat::ChannelsLast).zero_();
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, grad.scalar_type(), "max_pool_backward", [&] {
    const auto* pg = grad.data_ptr<scalar_t>();
    auto* px = gradX.data_ptr<scalar_t>();
    const auto* pp = places.data_ptr<uint8_t>();
    // A picture is summed by one thread in one order, so the result does not depend on the number of threads.
    at::parallel_for(0, sizes[0], 1, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; n++)
        for (int64_t i = 0; i < w.outHeight * w.outWidth; i++) {
          const int64_t at = (n * w.outHeight * w.outWidth + i) * w.channels;
          int64_t offsets[256];
          w.each(i / w.outWidth, i % w.outWidth, [&](int64_t offset, uint8_t here) { offsets[here] = n * w.height * w.width * w.channels + offset; });
          for (int64_t c = 0; c < w.channels; c++) {
            auto& to = px[offsets[pp[at + c]] + c];
            store(to, widened(to) + widened(pg[at + c]));
          }
        }
    });
  });
  return gradX;
}

class MaxPool : public torch::autograd::Function<MaxPool> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, int64_t kernel, int64_t stride, int64_t padding) {
    at::AutoDispatchBelowADInplaceOrView guard;
    auto [out, places] = rescaled::forward(x, kernel, stride, padding);
    context->save_for_backward({places});
    context->saved_data["sizes"] = x.sizes().vec();
    context->saved_data["window"] = std::vector<int64_t>{kernel, stride, padding};
    return out;
  }
  static tensor_list backward(AutogradContext* context, tensor_list grads) {
    refuseDoubleBackward("rescaled::max_pool");
    const auto window = context->saved_data["window"].toIntVector();
    return {rescaled::backward(grads[0], context->get_saved_variables()[0], context->saved_data["sizes"].toIntVector(), window[0], window[1], window[2]), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

at::Tensor average(const at::Tensor& x, int64_t kernel, int64_t stride, int64_t padding, bool ceil, bool countPad) {
  return at::avg_pool2d(x, {kernel, kernel}, {stride, stride}, {padding, padding}, ceil, countPad);
}

class AvgPool : public torch::autograd::Function<AvgPool> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, int64_t kernel, int64_t stride, int64_t padding, bool ceil, bool countPad) {
    at::AutoDispatchBelowADInplaceOrView guard;
    context->saved_data["sizes"] = x.sizes().vec();
    context->saved_data["last"] = x.suggest_memory_format() == at::MemoryFormat::ChannelsLast;
    context->saved_data["window"] = std::vector<int64_t>{kernel, stride, padding, ceil, countPad};
    return average(x, kernel, stride, padding, ceil, countPad);
  }
  static tensor_list backward(AutogradContext* context, tensor_list grads) {
    refuseDoubleBackward("rescaled::avg_pool");
    const auto w = context->saved_data["window"].toIntVector();
    // PyTorch asks for the input and reads its sides and order alone.
    auto like = at::empty(context->saved_data["sizes"].toIntVector(), grads[0].options(), context->saved_data["last"].toBool() ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous);
    auto gradX = at::avg_pool2d_backward(grads[0], like, {w[0], w[0]}, {w[1], w[1]}, {w[2], w[2]}, w[3] != 0, w[4] != 0, optional<int64_t>());
    return {gradX, at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

at::Tensor plainMax(const at::Tensor& x, int64_t kernel, int64_t stride, int64_t padding) { return forward(x, kernel, stride, padding).first; }
at::Tensor maxWithAutograd(const at::Tensor& x, int64_t kernel, int64_t stride, int64_t padding) {
  // Of maps in another order the result has that order.
  if (x.dim() != 4 || x.suggest_memory_format() == at::MemoryFormat::ChannelsLast) return MaxPool::apply(x, kernel, stride, padding);
  return at::max_pool2d(x, {kernel, kernel}, {stride, stride}, {padding, padding});
}
at::Tensor averageWithAutograd(const at::Tensor& x, int64_t kernel, int64_t stride, int64_t padding, bool ceil, bool countPad) {
  return AvgPool::apply(x, kernel, stride, padding, ceil, countPad);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(rescaled, library) {
  library.def("max_pool(Tensor x, int kernel, int stride, int padding) -> Tensor");
  library.def("avg_pool(Tensor x, int kernel, int stride, int padding, bool ceil_mode, bool count_include_pad) -> Tensor");
}
TORCH_LIBRARY_IMPL(rescaled, CPU, library) {
  library.impl("max_pool", plainMax);
  library.impl("avg_pool", average);
}
TORCH_LIBRARY_IMPL(rescaled, AutogradCPU, library) {
  library.impl("max_pool", maxWithAutograd);
  library.impl("avg_pool", averageWithAutograd);
}

}  // namespace rescaled
