// rescaled::winograd_conv(x, weight, m): a 3x3 convolution of stride 1 and padding 1 by Winograd's minimal filtering (Lavin and Gray 2015,
// arXiv:1509.09308), for training on CPUs with AVX-512; others get PyTorch's convolution.
//
// x is [N, C, H, W], weight [O, C, 3, 3], both float32. Pictures are cut into tiles of m x m positions, each seen with a border of one: d, t x t, t = m + 2.
//   y = A^T [ sum over C of (G g G^T) * (B^T d B) ] A
// where * is by element: t*t matrix products [tiles, C] [C, O], 9 m*m / (t*t) times fewer multiplications (2.25 for m = 2, 3.24 for m = 3).
// The gradient of x is the same of the gradient, with g turned by half a turn; that of the weight is
//   G^T [ sum over tiles of (A dy A^T) * (B^T d B) ] G
// Points are infinity and 0, 1, -1 (m = 2) or 1/2, -1/2, 5/4, -5/4 (m = 3), chosen for small errors (docs/precision.md); m = 4 loses twice as much, and is no faster.
// Which m pays for what shape, if any, is decided in src/nn/own-kernels.ts. Tiles are taken in blocks, so that what is between the transforms
// stays in the cache; each sum has one order whatever the blocks, so that the bytes do not depend on the number of threads.
#include "conv.h"
#include "recompute.h"
#include "wide.h"
#include "winograd_kernels.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace rescaled {
namespace {

void check(const at::Tensor& x, const at::Tensor& weight, int64_t m) {
  TORCH_CHECK(x.dim() == 4 && weight.dim() == 4 && weight.size(1) == x.size(1) && weight.size(2) == 3 && weight.size(3) == 3, "expected x [N, C, H, W] and a weight [O, C, 3, 3] but received ",
              x.sizes(), " and ", weight.sizes());
  TORCH_CHECK(x.scalar_type() == at::kFloat && weight.scalar_type() == at::kFloat, "expected x and a weight in float32 but received ", x.scalar_type(), " and ", weight.scalar_type());
  TORCH_CHECK(m == 2 || m == 3, "expected tiles of 2 or 3 positions but received ", m);
}

#ifdef RESCALED_WINOGRAD
constexpr int64_t kTiles = 64;  // of a block, for each thread

Tiling tilingOf(const at::Tensor& x, int64_t m) { return {x.size(0), x.size(2), x.size(3), m}; }
at::Tensor floats(int64_t count) { return at::empty({count}, at::kFloat); }
at::Tensor zeros(int64_t count) { return at::zeros({count}, at::kFloat); }

// A buffer [frequencies, tiles of a block, columns]. A line of the cache between frequencies, since steps of a power of two would all fall into
// the same few of its sets.
struct Block {
  int64_t tiles, columns, step;
  at::Tensor memory;
  Block(const Tiling& tiling, int64_t columns) : tiles((std::min(tiling.tiles(), kTiles * at::get_num_threads()) + 7) / 8 * 8), columns(columns) {
    step = tiles * columns + kLane;
    memory = floats(tiling.frequencies() * step);
  }
  float* at() const { return memory.data_ptr<float>(); }
};

// y [N, O, H, W] of x [N, C, H, W] and a packed weight.
at::Tensor filtered(const Tiling& tiling, const at::Tensor& x, const at::Tensor& packed, int64_t outs) {
  const int64_t ins = x.size(1), panel = panelOf(outs), columns = packedColumns(outs), panels = columns / panel;
  auto y = at::empty({x.size(0), outs, x.size(2), x.size(3)}, x.options(), at::MemoryFormat::ChannelsLast);
  const Block seen(tiling, lanes(ins)), products(tiling, columns);
  const auto none = zeros(ins);
  const Maps from{x.data_ptr<float>(), none.data_ptr<float>(), ins};
  const auto* right = packed.data_ptr<float>();
  auto* to = y.data_ptr<float>();
  for (int64_t origin = 0; origin < tiling.tiles(); origin += seen.tiles) {
    const int64_t end = std::min(tiling.tiles(), origin + seen.tiles);
    at::parallel_for(origin, end, 8, [&](int64_t first, int64_t last) { tilesIn(tiling, from, seen.at(), seen.step, origin, first, last); });
    at::parallel_for(0, tiling.frequencies() * panels, 1, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; i++) {
        const int64_t frequency = i / panels, column = i % panels * panel;
        multiply({seen.at() + frequency * seen.step, end - origin, seen.columns, 1}, ins, right + i * ins * panel, panel, panel, products.at() + frequency * products.step + column, columns, false);
      }
    });
    at::parallel_for(origin, end, 8, [&](int64_t first, int64_t last) { tilesOut(tiling, products.at(), products.step, origin, outs, to, first, last); });
  }
  return y;
}

at::Tensor convolved(const at::Tensor& x, const at::Tensor& weight, int64_t m) {
  const auto tiling = tilingOf(x, m);
  const int64_t outs = weight.size(0), ins = weight.size(1);
  auto packed = floats(tiling.frequencies() * packedColumns(outs) * ins);
  at::parallel_for(0, (ins + kLane - 1) / kLane, 1, [&](int64_t first, int64_t last) {
    packForward(tiling.m, weight.data_ptr<float>(), outs, ins, packed.data_ptr<float>(), first * kLane, std::min(ins, last * kLane));
  });
  return filtered(tiling, x, packed, outs);
}

at::Tensor gradientOfX(const at::Tensor& grad, const at::Tensor& weight, int64_t m) {
  const auto tiling = tilingOf(grad, m);
  const int64_t outs = weight.size(0), ins = weight.size(1);
  auto packed = floats(tiling.frequencies() * packedColumns(ins) * outs);
  at::parallel_for(0, outs, kLane, [&](int64_t first, int64_t last) { packBackward(tiling.m, weight.data_ptr<float>(), outs, ins, packed.data_ptr<float>(), first, last); });
  return filtered(tiling, grad, packed, ins);
}

at::Tensor gradientOfWeight(const at::Tensor& grad, const at::Tensor& x, const at::Tensor& weight, int64_t m) {
  const auto tiling = tilingOf(x, m);
  const int64_t outs = weight.size(0), ins = weight.size(1), frequencies = tiling.frequencies();
  const Block seen(tiling, lanes(ins)), slopes(tiling, lanes(outs));
  const int64_t panel = panelOf(ins), panels = (seen.columns + panel - 1) / panel;
  auto sums = zeros(frequencies * outs * seen.columns), none = zeros(std::max(ins, outs));
  const Maps from{x.data_ptr<float>(), none.data_ptr<float>(), ins}, by{grad.data_ptr<float>(), none.data_ptr<float>(), outs};
  for (int64_t origin = 0; origin < tiling.tiles(); origin += seen.tiles) {
    const int64_t end = std::min(tiling.tiles(), origin + seen.tiles);
    at::parallel_for(origin, end, 8, [&](int64_t first, int64_t last) {
      tilesIn(tiling, from, seen.at(), seen.step, origin, first, last);
      tilesUp(tiling, by, slopes.at(), slopes.step, origin, first, last);
    });
    at::parallel_for(0, frequencies * panels, 1, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; i++) {
        const int64_t frequency = i / panels, column = i % panels * panel;
        // Sums of kTiles, then their sum: errors do not grow with all tiles, and the order is one for any number of threads.
        for (int64_t tile = 0; tile < end - origin; tile += kTiles)
          multiply({slopes.at() + frequency * slopes.step + tile * slopes.columns, outs, 1, slopes.columns}, std::min(kTiles, end - origin - tile),
                   seen.at() + frequency * seen.step + tile * seen.columns + column, seen.columns, std::min(panel, seen.columns - column),
                   sums.data_ptr<float>() + frequency * outs * seen.columns + column, seen.columns, true);
      }
    });
  }
  auto result = at::empty(weight.sizes(), weight.options(), at::MemoryFormat::ChannelsLast);
  at::parallel_for(0, outs, kLane, [&](int64_t first, int64_t last) { unpackGradient(tiling.m, sums.data_ptr<float>(), outs, ins, result.data_ptr<float>(), first, last); });
  return result;
}

class WinogradConv : public torch::autograd::Function<WinogradConv> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& xGiven, const at::Tensor& weightGiven, int64_t m) {
    at::AutoDispatchBelowADInplaceOrView guard;
    auto x = channelsLast(xGiven), weight = channelsLast(weightGiven);
    context->save_for_backward({keep(context, "x", x), weight});
    context->saved_data["format"] = weightGiven.suggest_memory_format();
    context->saved_data["m"] = m;
    return convolved(x, weight, m);
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context, torch::autograd::tensor_list grads) {
    refuseDoubleBackward("rescaled::winograd_conv");
    auto saved = context->get_saved_variables();
    const int64_t m = context->saved_data["m"].toInt();
    auto grad = channelsLast(grads[0]);
    forgetOutput(context);
    at::Tensor gradX, gradWeight;
    if (context->needs_input_grad(0)) gradX = gradientOfX(grad, saved[1], m);
    if (context->needs_input_grad(1)) gradWeight = gradientOfWeight(grad, kept(context, "x", saved[0]), saved[1], m).contiguous(context->saved_data["format"].toMemoryFormat());
    return {gradX, gradWeight, at::Tensor()};
  }
  static int depth(torch::autograd::AutogradContext&) { return recomputing() >= Recompute::stage; }
  static at::Tensor again(torch::autograd::AutogradContext& context) {
    return outputOnce(context, [&] {
      auto saved = context.get_saved_variables();
      return convolved(kept(&context, "x", saved[0]), saved[1], context.saved_data["m"].toInt());
    });
  }
};

const Recomputable<WinogradConv> recomputable;

#endif

at::Tensor plain(const at::Tensor& x, const at::Tensor& weight) { return at::conv2d(x, weight, {}, 1, 1); }

at::Tensor forward(const at::Tensor& x, const at::Tensor& weight, int64_t m) {
  check(x, weight, m);
#ifdef RESCALED_WINOGRAD
  if (winogradRuns() && x.numel() > 0) return convolved(channelsLast(x), channelsLast(weight), m);
#endif
  return plain(x, weight);
}

at::Tensor withAutograd(const at::Tensor& x, const at::Tensor& weight, int64_t m) {
  check(x, weight, m);
#ifdef RESCALED_WINOGRAD
  if (winogradRuns() && x.numel() > 0 && !autocasts()) return WinogradConv::apply(x, weight, m);
#endif
  return recordedConv(x, weight, 1, 1);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(rescaled, library) { library.def("winograd_conv(Tensor x, Tensor weight, int m) -> Tensor"); }
TORCH_LIBRARY_IMPL(rescaled, CPU, library) { library.impl("winograd_conv", forward); }
TORCH_LIBRARY_IMPL(rescaled, AutogradCPU, library) { library.impl("winograd_conv", withAutograd); }

}  // namespace rescaled
