// What changes parameters on the CPU, in one pass over memory for each tensor; PyTorch's `_foreach` operators take one for each of its steps.
//
// rescaled::sgd_(parameters, gradients, velocities, ...), with g the gradient:
//   p = p * (1 - rate * decay)        decoupled decay, else  g = g + decay * p
//   v = momentum * v + g;             p = p - rate * (nesterov ? g + momentum * v : v)
// rescaled::average_(averages, values, decay): a = decay * a + (1 - decay) * value.
// All float32 or float64. Each element is computed by itself, so that neither threads nor the order of tensors change a result.
#include "wide.h"

#include <ATen/Parallel.h>
#include <torch/library.h>

namespace rescaled {
namespace {

template <typename T>
struct Sgd {
  T rate, momentum, coupled, kept;  // kept: 1 - rate * decay, of decoupled decay
  bool nesterov;
};

template <typename T>
RESCALED_INLINE void sgdOf(T* __restrict p, const T* __restrict g, T* __restrict v, int64_t count, const Sgd<T>& by) {
  const T first = by.nesterov ? T(1) : T(0), second = by.nesterov ? by.momentum : T(1);
  for (int64_t i = 0; i < count; i++) {
    const T gradient = g[i] + by.coupled * p[i], velocity = by.momentum * v[i] + gradient;
    v[i] = velocity;
    p[i] = by.kept * p[i] - by.rate * (first * gradient + second * velocity);
  }
}

template <typename T>
RESCALED_INLINE void averageOf(T* __restrict average, const T* __restrict value, int64_t count, T decay, T rest) {
  for (int64_t i = 0; i < count; i++) average[i] = decay * average[i] + rest * value[i];
}

RESCALED_WIDE void sgd(float* p, const float* g, float* v, int64_t count, const Sgd<float>& by) { sgdOf(p, g, v, count, by); }
RESCALED_WIDE void sgd(double* p, const double* g, double* v, int64_t count, const Sgd<double>& by) { sgdOf(p, g, v, count, by); }
RESCALED_WIDE void average(float* a, const float* value, int64_t count, float decay, float rest) { averageOf(a, value, count, decay, rest); }
RESCALED_WIDE void average(double* a, const double* value, int64_t count, double decay, double rest) { averageOf(a, value, count, decay, rest); }

// Calls body(tensor, from, count) on all threads for pieces of all tensors.
template <typename Body>
void forPieces(at::TensorList tensors, const Body& body) {
  constexpr int64_t PIECE = 1 << 14;
  std::vector<std::array<int64_t, 3>> pieces;
  for (size_t t = 0; t < tensors.size(); t++)
    for (int64_t from = 0; from < tensors[t].numel(); from += PIECE) pieces.push_back({int64_t(t), from, std::min(PIECE, tensors[t].numel() - from)});
  at::parallel_for(0, int64_t(pieces.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) body(size_t(pieces[size_t(i)][0]), pieces[size_t(i)][1], pieces[size_t(i)][2]);
  });
}

void checkChanged(const char* name, at::TensorList changed, at::TensorList by) {
  TORCH_CHECK(changed.size() == by.size(), "expected as many ", name, " as tensors, ", by.size(), ", but received ", changed.size());
  for (size_t t = 0; t < changed.size(); t++) {
    TORCH_CHECK(changed[t].sizes() == by[t].sizes(), "expected ", name, " of the tensors' shapes but received ", changed[t].sizes(), " beside ", by[t].sizes());
    TORCH_CHECK(changed[t].scalar_type() == by[0].scalar_type(), "expected one dtype but received ", changed[t].scalar_type(), " and ", by[0].scalar_type());
    TORCH_CHECK(changed[t].is_non_overlapping_and_dense(), "expected ", name, " without gaps in memory");
  }
}

// The values in another tensor's order in memory.
at::Tensor ordered(const at::Tensor& values, const at::Tensor& as) {
  if (values.strides() == as.strides() && values.scalar_type() == as.scalar_type()) return values;
  return at::empty_like(as).copy_(values);
}
std::vector<at::Tensor> ordered(at::TensorList values, at::TensorList as) {
  std::vector<at::Tensor> result;
  for (size_t t = 0; t < values.size(); t++) result.push_back(ordered(values[t], as[t]));
  return result;
}

// Written behind autograd's back: whoever saved them for a backward pass is told.
void changed(at::TensorList tensors) {
  for (const auto& tensor : tensors) tensor.unsafeGetTensorImpl()->bump_version();
}

void sgdStep(at::TensorList parameters, at::TensorList gradients, at::TensorList velocities, double rate, double momentum, bool nesterov, double decay, bool decoupled) {
  if (parameters.empty()) return;
  checkChanged("parameters", parameters, parameters);
  checkChanged("velocities", velocities, parameters);
  checkChanged("gradients", gradients, parameters);
  const auto g = ordered(gradients, parameters);
  auto v = ordered(velocities, parameters);
  AT_DISPATCH_FLOATING_TYPES(parameters[0].scalar_type(), "sgd_", [&] {
    const Sgd<scalar_t> by{scalar_t(rate), scalar_t(momentum), scalar_t(decoupled ? 0 : decay), scalar_t(decoupled ? 1 - rate * decay : 1), nesterov};
    forPieces(parameters, [&](size_t t, int64_t from, int64_t count) {
      sgd(parameters[t].data_ptr<scalar_t>() + from, g[t].data_ptr<scalar_t>() + from, v[t].data_ptr<scalar_t>() + from, count, by);
    });
  });
  // A velocity that lay in another order was changed in a copy.
  for (size_t t = 0; t < v.size(); t++)
    if (!v[t].is_same(velocities[t])) velocities[t].copy_(v[t]);
  changed(parameters);
  changed(velocities);
}

void averageStep(at::TensorList averages, at::TensorList values, double decay) {
  if (averages.empty()) return;
  checkChanged("averages", averages, averages);
  checkChanged("values", values, averages);
  const auto now = ordered(values, averages);
  AT_DISPATCH_FLOATING_TYPES(averages[0].scalar_type(), "average_", [&] {
    forPieces(averages, [&](size_t t, int64_t from, int64_t count) {
      average(averages[t].data_ptr<scalar_t>() + from, now[t].data_ptr<scalar_t>() + from, count, scalar_t(decay), scalar_t(1 - decay));
    });
  });
  changed(averages);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(rescaled, library) {
  library.def("sgd_(Tensor(a!)[] parameters, Tensor[] gradients, Tensor(b!)[] velocities, float rate, float momentum, bool nesterov, float decay, bool decoupled) -> ()");
  library.def("average_(Tensor(a!)[] averages, Tensor[] values, float decay) -> ()");
}
TORCH_LIBRARY_IMPL(rescaled, CPU, library) {
  library.impl("sgd_", sgdStep);
  library.impl("average_", averageStep);
}

}  // namespace rescaled
