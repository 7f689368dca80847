// Scaled weight standardisation on the CPU while training: rescaled::standardise(weight, gain, scale, eps), weight [O, ..] with each channel's
// N numbers side by side in memory (contiguous or channels_last), gain of O numbers, both float32 or float64, gives
//   out_o = gain_o * scale * h_o,   h = (weight_o - mean) / sqrt(var + eps),  var over N
// Backward, with d the gradient and m() the mean over a channel's numbers:
//   d weight = gain * scale / sqrt(var + eps) * (d - m(d) - h * m(d * h));   d gain = scale * N * m(d * h)
#include "wide.h"

#include <cmath>

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace rescaled {
namespace {

// Sums in as many lanes as a vector register and a few more have, so that they need not follow one another.
constexpr int64_t LANES = 32;

template <typename T>
RESCALED_INLINE T total(const T* lanes) {
  T sum = 0;
  for (int64_t i = 0; i < LANES; i++) sum += lanes[i];
  return sum;
}

template <typename T>
RESCALED_INLINE void forwardOf(const T* __restrict w, T* __restrict out, int64_t count, T factor, T eps, T* mean, T* inverse) {
  T lanes[LANES] = {};
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES)
    for (int64_t j = 0; j < LANES; j++) lanes[j] += w[i + j];
  for (int64_t j = 0; i + j < count; j++) lanes[j] += w[i + j];
  const T m = total(lanes) / count;
  for (int64_t j = 0; j < LANES; j++) lanes[j] = 0;
  for (i = 0; i + LANES <= count; i += LANES)
    for (int64_t j = 0; j < LANES; j++) lanes[j] += (w[i + j] - m) * (w[i + j] - m);
  for (int64_t j = 0; i + j < count; j++) lanes[j] += (w[i + j] - m) * (w[i + j] - m);
  *mean = m;
  *inverse = 1 / std::sqrt(total(lanes) / count + eps);
  const T times = factor * *inverse;
  for (i = 0; i < count; i++) out[i] = (w[i] - m) * times;
}

template <typename T>
RESCALED_INLINE T backwardOf(const T* __restrict d, const T* __restrict w, T* __restrict out, int64_t count, T factor, T mean, T inverse) {
  T sums[LANES] = {}, products[LANES] = {};
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES)
    for (int64_t j = 0; j < LANES; j++) {
      sums[j] += d[i + j];
      products[j] += d[i + j] * (w[i + j] - mean);
    }
  for (int64_t j = 0; i + j < count; j++) {
    sums[j] += d[i + j];
    products[j] += d[i + j] * (w[i + j] - mean);
  }
  const T product = total(products) * inverse, first = total(sums) / count, second = product * inverse / count, times = factor * inverse;
  for (i = 0; i < count; i++) out[i] = times * (d[i] - first - (w[i] - mean) * second);
  return product;
}

RESCALED_WIDE void forwardRow(const float* w, float* out, int64_t count, float factor, float eps, float* mean, float* inverse) { forwardOf(w, out, count, factor, eps, mean, inverse); }
RESCALED_WIDE void forwardRow(const double* w, double* out, int64_t count, double factor, double eps, double* mean, double* inverse) { forwardOf(w, out, count, factor, eps, mean, inverse); }
RESCALED_WIDE float backwardRow(const float* d, const float* w, float* out, int64_t count, float factor, float mean, float inverse) { return backwardOf(d, w, out, count, factor, mean, inverse); }
RESCALED_WIDE double backwardRow(const double* d, const double* w, double* out, int64_t count, double factor, double mean, double inverse) { return backwardOf(d, w, out, count, factor, mean, inverse); }

struct Standardised {
  at::Tensor out, statistics;
};

Standardised compute(const at::Tensor& weight, const at::Tensor& gain, double scale, double eps) {
  TORCH_CHECK(weight.dim() >= 2 && weight.size(0) > 0 && gain.numel() == weight.size(0) && gain.scalar_type() == weight.scalar_type(), "expected a weight [O, ..] and O gains of its dtype but received ",
              weight.sizes(), " and ", gain.sizes());
  const int64_t rows = weight.size(0), count = weight.numel() / rows;
  auto out = at::empty_like(weight), statistics = at::empty({2, rows}, weight.options());
  AT_DISPATCH_FLOATING_TYPES(weight.scalar_type(), "standardise", [&] {
    auto *pw = weight.data_ptr<scalar_t>(), *pg = gain.data_ptr<scalar_t>(), *po = out.data_ptr<scalar_t>(), *ps = statistics.data_ptr<scalar_t>();
    at::parallel_for(0, rows, std::max<int64_t>(1, 16384 / count), [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; o++) forwardRow(pw + o * count, po + o * count, count, scalar_t(pg[o] * scale), scalar_t(eps), ps + o, ps + rows + o);
    });
  });
  return {out, statistics};
}

at::Tensor ordered(const at::Tensor& x, const at::Tensor& as) { return x.contiguous(as.suggest_memory_format()); }

at::Tensor forward(const at::Tensor& weight, const at::Tensor& gain, double scale, double eps) { return compute(ordered(weight, weight), gain.contiguous(), scale, eps).out; }

class Standardise : public torch::autograd::Function<Standardise> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& weightGiven, const at::Tensor& gainGiven, double scale, double eps) {
    at::AutoDispatchBelowADInplaceOrView guard;
    auto weight = ordered(weightGiven, weightGiven), gain = gainGiven.contiguous();
    auto [out, statistics] = compute(weight, gain, scale, eps);
    context->save_for_backward({weight, gain, statistics});
    context->saved_data["scale"] = scale;
    return out;
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context, torch::autograd::tensor_list grads) {
    refuseDoubleBackward("rescaled::standardise");
    auto saved = context->get_saved_variables();
    auto &weight = saved[0], &gain = saved[1], &statistics = saved[2];
    const double scale = context->saved_data["scale"].toDouble();
    auto grad = ordered(grads[0], weight), gradWeight = at::empty_like(weight), gradGain = at::empty_like(gain);
    const int64_t rows = weight.size(0), count = weight.numel() / rows;
    AT_DISPATCH_FLOATING_TYPES(weight.scalar_type(), "standardise_backward", [&] {
      auto *pd = grad.data_ptr<scalar_t>(), *pw = weight.data_ptr<scalar_t>(), *pg = gain.data_ptr<scalar_t>(), *ps = statistics.data_ptr<scalar_t>(), *pdw = gradWeight.data_ptr<scalar_t>(),
           *pdg = gradGain.data_ptr<scalar_t>();
      at::parallel_for(0, rows, std::max<int64_t>(1, 16384 / count), [&](int64_t begin, int64_t end) {
        for (int64_t o = begin; o < end; o++)
          pdg[o] = scalar_t(scale) * backwardRow(pd + o * count, pw + o * count, pdw + o * count, count, scalar_t(pg[o] * scale), ps[o], ps[rows + o]);
      });
    });
    return {gradWeight, gradGain, at::Tensor(), at::Tensor()};
  }
};

at::Tensor withAutograd(const at::Tensor& weight, const at::Tensor& gain, double scale, double eps) { return Standardise::apply(weight, gain, scale, eps); }

}  // namespace

TORCH_LIBRARY_FRAGMENT(rescaled, library) { library.def("standardise(Tensor weight, Tensor gain, float scale, float eps) -> Tensor"); }
TORCH_LIBRARY_IMPL(rescaled, CPU, library) { library.impl("standardise", forward); }
TORCH_LIBRARY_IMPL(rescaled, AutogradCPU, library) { library.impl("standardise", withAutograd); }

}  // namespace rescaled
