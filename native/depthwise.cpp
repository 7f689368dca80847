// rescaled::depthwise_conv(x, weight, stride, padding): PyTorch's depthwise convolution whose 5x5 weight gradient is our own loop.
//
// x is [N, C, H, W], weight [C, 1, k, k]. oneDNN has no fast weight gradient for depthwise 5x5 in channels_last: it runs at a tenth of the speed of the
// forward pass. Here, with 16 channels as the lanes of a vector,
//   d weight[c, ky, kx] = sum over n, oy, ox of grad[n, c, oy, ox] * x[n, c, oy * stride + ky - padding, ox * stride + kx - padding]
// keeps a row of the kernel in registers. A picture's sums for 16 channels are one thread's, in one order, and the pictures are added in order, so
// the result does not depend on the number of threads.
// x may be bfloat16 beside a weight of float32: the products are of the weight rounded to it, its gradient is summed and kept in float32.
// Everything else (forward, d x, other kernels, float64, widths that are no multiple of 16) is PyTorch's.
#include "recompute.h"
#include "wide.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace rescaled {
namespace {

constexpr int64_t LANES = 16, KERNEL = 5;
typedef float Lanes __attribute__((vector_size(LANES * sizeof(float))));

struct Shape {
  int64_t batch, channels, height, width, outHeight, outWidth, stride, padding;
};

RESCALED_INLINE void load(Lanes& lanes, const float* from) { std::memcpy(&lanes, from, sizeof lanes); }

typedef uint16_t HalfLanes __attribute__((vector_size(LANES * sizeof(uint16_t))));
typedef uint32_t LaneBits __attribute__((vector_size(LANES * sizeof(uint32_t))));
RESCALED_INLINE void load(Lanes& lanes, const at::BFloat16* from) {
  HalfLanes half;
  std::memcpy(&half, from, sizeof half);
  const LaneBits bits = __builtin_convertvector(half, LaneBits) << 16;
  std::memcpy(&lanes, &bits, sizeof lanes);
}

// Row ky of the kernel for 16 channels of one picture: x and grad point at the first of them, result takes [KERNEL][LANES].
template <typename T>
RESCALED_INLINE void kernelRowOf(const T* x, const T* grad, float* result, int64_t ky, const Shape& s) {
  // Between these all KERNEL columns lie inside the picture.
  const int64_t from = std::min(s.outWidth, (s.padding + s.stride - 1) / s.stride);
  const int64_t last = s.width - KERNEL + s.padding;
  const int64_t until = std::max(from, std::min(s.outWidth, last < 0 ? 0 : last / s.stride + 1));
  Lanes sum[KERNEL] = {};
  for (int64_t oy = 0; oy < s.outHeight; oy++) {
    const int64_t iy = oy * s.stride + ky - s.padding;
    if (iy < 0 || iy >= s.height) continue;
    const T* row = x + iy * s.width * s.channels;
    const T* gradRow = grad + oy * s.outWidth * s.channels;
    for (int64_t ox = 0; ox < s.outWidth; ox++) {
      if (ox == from) {
        for (; ox < until; ox++) {
          Lanes g, a, b, c, d, e;
          const T* at = row + (ox * s.stride - s.padding) * s.channels;
          load(g, gradRow + ox * s.channels);
          load(a, at);
          load(b, at + s.channels);
          load(c, at + 2 * s.channels);
          load(d, at + 3 * s.channels);
          load(e, at + 4 * s.channels);
          sum[0] += g * a;
          sum[1] += g * b;
          sum[2] += g * c;
          sum[3] += g * d;
          sum[4] += g * e;
        }
        if (ox == s.outWidth) break;
      }
      Lanes g, value;
      load(g, gradRow + ox * s.channels);
      for (int64_t kx = 0; kx < KERNEL; kx++) {
        const int64_t ix = ox * s.stride + kx - s.padding;
        if (ix < 0 || ix >= s.width) continue;
        load(value, row + ix * s.channels);
        sum[kx] += g * value;
      }
    }
  }
  std::memcpy(result, sum, sizeof sum);
}

RESCALED_WIDE void kernelRow(const float* x, const float* grad, float* result, int64_t ky, const Shape& s) { kernelRowOf(x, grad, result, ky, s); }
RESCALED_WIDE void kernelRow(const at::BFloat16* x, const at::BFloat16* grad, float* result, int64_t ky, const Shape& s) { kernelRowOf(x, grad, result, ky, s); }

bool hasOwnGradient(const at::Tensor& x, const at::Tensor& weight) {
  return (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) && weight.scalar_type() == at::kFloat && weight.size(2) == KERNEL && weight.size(3) == KERNEL && x.size(1) % LANES == 0;
}

at::Tensor weightGradient(const at::Tensor& gradGiven, const at::Tensor& xGiven, const at::Tensor& weight, int64_t stride, int64_t padding) {
  auto x = channelsLast(xGiven), grad = channelsLast(gradGiven);
  const Shape s{x.size(0), x.size(1), x.size(2), x.size(3), grad.size(2), grad.size(3), stride, padding};
  auto result = at::empty(weight.sizes(), weight.options());
  float* pw = result.data_ptr<float>();
  const int64_t tiles = s.channels / LANES, size = KERNEL * KERNEL * LANES;
  std::vector<float> parts(s.batch * tiles * size);
  const auto sum = [&](const auto* px, const auto* pg) {
    at::parallel_for(0, s.batch * tiles, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        const int64_t n = i / tiles, channel = i % tiles * LANES;
        for (int64_t ky = 0; ky < KERNEL; ky++)
          kernelRow(px + n * s.height * s.width * s.channels + channel, pg + n * s.outHeight * s.outWidth * s.channels + channel, &parts[i * size + ky * KERNEL * LANES], ky, s);
      }
    });
  };
  if (x.scalar_type() == at::kFloat) sum(x.data_ptr<float>(), grad.data_ptr<float>());
  else sum(x.data_ptr<at::BFloat16>(), grad.data_ptr<at::BFloat16>());
  at::parallel_for(0, tiles, 8, [&](int64_t begin, int64_t end) {
    for (int64_t tile = begin; tile < end; tile++) {
      for (int64_t k = 0; k < KERNEL * KERNEL; k++) {
        double sum[LANES] = {};
        for (int64_t n = 0; n < s.batch; n++)
          for (int64_t lane = 0; lane < LANES; lane++) sum[lane] += double(parts[(n * tiles + tile) * size + k * LANES + lane]);
        for (int64_t lane = 0; lane < LANES; lane++) pw[(tile * LANES + lane) * KERNEL * KERNEL + k] = float(sum[lane]);
      }
    }
  });
  return result;
}

at::Tensor forward(const at::Tensor& x, const at::Tensor& weight, int64_t stride, int64_t padding) {
  TORCH_CHECK(x.dim() == 4 && weight.dim() == 4 && weight.size(0) == x.size(1) && weight.size(1) == 1, "expected x [N, C, H, W] and a weight [C, 1, k, k] but received ", x.sizes(), " and ",
              weight.sizes());
  TORCH_CHECK(weight.scalar_type() == computedType(x), "expected a weight in ", computedType(x), " for x in ", x.scalar_type(), " but received ", weight.scalar_type());
  TORCH_CHECK(stride > 0 && padding >= 0, "expected a stride above 0 and a padding of at least 0 but received ", stride, " and ", padding);
  return at::conv2d(x, weight.to(x.scalar_type()), {}, {stride, stride}, {padding, padding}, {1, 1}, x.size(1));
}

class DepthwiseConv : public torch::autograd::Function<DepthwiseConv> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, int64_t stride, int64_t padding) {
    at::AutoDispatchBelowADInplaceOrView guard;
    context->save_for_backward({keep(context, "x", x), weight});
    context->saved_data["stride"] = stride;
    context->saved_data["padding"] = padding;
    return rescaled::forward(x, weight, stride, padding);
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context, torch::autograd::tensor_list grads) {
    refuseDoubleBackward("rescaled::depthwise_conv");
    auto saved = context->get_saved_variables();
    const auto& weight = saved[1];
    const auto x = kept(context, "x", saved[0]);
    forgetOutput(context);
    const int64_t stride = context->saved_data["stride"].toInt(), padding = context->saved_data["padding"].toInt();
    const bool own = hasOwnGradient(x, weight), needX = context->needs_input_grad(0), needWeight = context->needs_input_grad(1);
    auto [gradX, gradWeight, none] = at::convolution_backward(grads[0], x, weight.to(x.scalar_type()), at::OptionalIntArrayRef(), {stride, stride}, {padding, padding}, {1, 1}, false, {0, 0}, x.size(1),
                                                              {needX, needWeight && !own, false});
    (void)none;
    return {gradX, needWeight && own ? weightGradient(grads[0], x, weight, stride, padding) : gradWeight.defined() ? gradWeight.to(weight.scalar_type()) : gradWeight, at::Tensor(), at::Tensor()};
  }
  static int depth(AutogradContext&) { return recomputing() >= Recompute::stage; }
  static at::Tensor again(AutogradContext& context) {
    return outputOnce(context, [&] {
      auto saved = context.get_saved_variables();
      return rescaled::forward(kept(&context, "x", saved[0]), saved[1], context.saved_data["stride"].toInt(), context.saved_data["padding"].toInt());
    });
  }
};

const Recomputable<DepthwiseConv> recomputable;

at::Tensor withAutograd(const at::Tensor& x, const at::Tensor& weight, int64_t stride, int64_t padding) { return DepthwiseConv::apply(x, weight, stride, padding); }

}  // namespace

TORCH_LIBRARY_FRAGMENT(rescaled, library) { library.def("depthwise_conv(Tensor x, Tensor weight, int stride, int padding) -> Tensor"); }
TORCH_LIBRARY_IMPL(rescaled, CPU, library) { library.impl("depthwise_conv", forward); }
TORCH_LIBRARY_IMPL(rescaled, AutogradCPU, library) { library.impl("depthwise_conv", withAutograd); }

}  // namespace rescaled
