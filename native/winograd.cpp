// rescaled::winograd_conv(x, weight): a 3x3 convolution of stride 1 and padding 1 by Winograd's minimal filtering (Lavin and Gray 2015, arXiv:1509.09308), for training.
//
// x is [N, C, H, W], weight [O, C, 3, 3], both float32, on a CPU with AVX-512. Pictures are cut into tiles of m x m positions, each seen with a border of one: d, t x t with t = m + 2.
//   y = A^T [ sum over C of (G g G^T) * (B^T d B) ] A
// where * is by element: t*t matrix products [tiles, C] [C, O] in place of 9 m*m / (t*t) as many multiplications (2.25, 3.24 and 4 for m = 2, 3 and 4).
// The gradient of x is the same of the gradient, with g turned by half a turn; that of the weight is G^T [ sum over tiles of (A dy A^T) * (B^T d B) ] G.
// Points are 0, 1, -1 (m = 2), also -1/2 (m = 3), or 0, 3/4, -3/4, 3/2, -3/2 (m = 4), and infinity: chosen for small errors, see docs/precision.md.
// m is what needs the fewest multiplications for the size of the picture. Tiles are taken in blocks, so that what is between the transforms stays in the cache;
// each sum has one order whatever the blocks, so that the bytes do not depend on the number of threads.
#include "wide.h"
#include "winograd_kernels.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace rescaled {
namespace {

void check(const at::Tensor& x, const at::Tensor& weight) {
  TORCH_CHECK(x.dim() == 4 && weight.dim() == 4 && weight.size(1) == x.size(1) && weight.size(2) == 3 && weight.size(3) == 3, "expected x [N, C, H, W] and a weight [O, C, 3, 3] but received ",
              x.sizes(), " and ", weight.sizes());
  TORCH_CHECK(x.scalar_type() == at::kFloat && weight.scalar_type() == at::kFloat, "expected x and a weight in float32 but received ", x.scalar_type(), " and ", weight.scalar_type());
}

#ifdef RESCALED_WINOGRAD
constexpr int64_t kTiles = 64;  // of a block, for each thread

// Multiplications along one side: tiles times t.
int64_t along(int64_t size, int64_t m) { return (size + m - 1) / m * (m + 2); }

Tiling tilingOf(const at::Tensor& x) {
  Tiling best{x.size(0), x.size(2), x.size(3), 4};
  for (const int64_t m : {3, 2})
    if (along(best.height, m) * along(best.width, m) < along(best.height, best.m) * along(best.width, best.m)) best.m = m;
  return best;
}

// A buffer [frequencies, tiles of a block, columns]. A line of the cache between frequencies, since steps of a power of two would all fall into the same few of its sets.
struct Block {
  int64_t tiles, columns, step;
  at::Tensor memory;
  Block(const Tiling& tiling, int64_t columns, const at::Tensor& like) : tiles((std::min(tiling.tiles(), kTiles * at::get_num_threads()) + 7) / 8 * 8), columns(columns) {
    step = tiles * columns + kLane;
    memory = at::empty({tiling.frequencies() * step}, like.options());
  }
  float* at() const { return memory.data_ptr<float>(); }
};

// y [N, O, H, W] of x [N, C, H, W] and a packed weight.
at::Tensor filtered(const Tiling& tiling, const at::Tensor& x, const at::Tensor& packed, int64_t outs) {
  const int64_t ins = x.size(1), panel = panelOf(outs), columns = packedColumns(outs), panels = columns / panel;
  auto y = at::empty({x.size(0), outs, x.size(2), x.size(3)}, x.options(), at::MemoryFormat::ChannelsLast);
  const Block seen(tiling, lanes(ins), x), products(tiling, columns, x);
  const auto* from = x.data_ptr<float>();
  const auto* right = packed.data_ptr<float>();
  auto* to = y.data_ptr<float>();
  for (int64_t origin = 0; origin < tiling.tiles(); origin += seen.tiles) {
    const int64_t end = std::min(tiling.tiles(), origin + seen.tiles);
    at::parallel_for(origin, end, 8, [&](int64_t first, int64_t last) { tilesIn(tiling, from, ins, seen.at(), seen.step, origin, first, last); });
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

at::Tensor convolved(const at::Tensor& x, const at::Tensor& weight) {
  const auto tiling = tilingOf(x);
  const int64_t outs = weight.size(0), ins = weight.size(1);
  auto packed = at::empty({tiling.frequencies() * packedColumns(outs) * ins}, x.options());
  at::parallel_for(0, (ins + kLane - 1) / kLane, 1, [&](int64_t first, int64_t last) {
    packForward(tiling.m, weight.data_ptr<float>(), outs, ins, packed.data_ptr<float>(), first * kLane, std::min(ins, last * kLane));
  });
  return filtered(tiling, x, packed, outs);
}

at::Tensor gradientOfX(const at::Tensor& grad, const at::Tensor& weight) {
  const auto tiling = tilingOf(grad);
  const int64_t outs = weight.size(0), ins = weight.size(1);
  auto packed = at::empty({tiling.frequencies() * packedColumns(ins) * outs}, grad.options());
  at::parallel_for(0, outs, kLane, [&](int64_t first, int64_t last) { packBackward(tiling.m, weight.data_ptr<float>(), outs, ins, packed.data_ptr<float>(), first, last); });
  return filtered(tiling, grad, packed, ins);
}

at::Tensor gradientOfWeight(const at::Tensor& grad, const at::Tensor& x, const at::Tensor& weight) {
  const auto tiling = tilingOf(x);
  const int64_t outs = weight.size(0), ins = weight.size(1), frequencies = tiling.frequencies();
  const Block seen(tiling, lanes(ins), x), slopes(tiling, lanes(outs), x);
  const int64_t panel = panelOf(ins), panels = (seen.columns + panel - 1) / panel, rows = (outs + 7) / 8 * 8;
  auto sums = at::zeros({frequencies * rows * seen.columns}, x.options());
  for (int64_t origin = 0; origin < tiling.tiles(); origin += seen.tiles) {
    const int64_t end = std::min(tiling.tiles(), origin + seen.tiles);
    at::parallel_for(origin, end, 8, [&](int64_t first, int64_t last) {
      tilesIn(tiling, x.data_ptr<float>(), ins, seen.at(), seen.step, origin, first, last);
      tilesUp(tiling, grad.data_ptr<float>(), outs, slopes.at(), slopes.step, origin, first, last);
    });
    at::parallel_for(0, frequencies * panels, 1, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; i++) {
        const int64_t frequency = i / panels, column = i % panels * panel;
        multiply({slopes.at() + frequency * slopes.step, outs, 1, slopes.columns}, end - origin, seen.at() + frequency * seen.step + column, seen.columns, std::min(panel, seen.columns - column),
                 sums.data_ptr<float>() + frequency * rows * seen.columns + column, seen.columns, true);
      }
    });
  }
  auto result = at::empty(weight.sizes(), weight.options(), at::MemoryFormat::ChannelsLast);
  at::parallel_for(0, outs, kLane, [&](int64_t first, int64_t last) { unpackGradient(tiling.m, sums.data_ptr<float>(), outs, ins, result.data_ptr<float>(), first, last); });
  return result;
}

class WinogradConv : public torch::autograd::Function<WinogradConv> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& xGiven, const at::Tensor& weightGiven) {
    at::AutoDispatchBelowADInplaceOrView guard;
    check(xGiven, weightGiven);
    auto x = channelsLast(xGiven), weight = channelsLast(weightGiven);
    context->save_for_backward({x, weight});
    context->saved_data["format"] = weightGiven.suggest_memory_format();
    return convolved(x, weight);
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context, torch::autograd::tensor_list grads) {
    refuseDoubleBackward("rescaled::winograd_conv");
    auto saved = context->get_saved_variables();
    auto grad = channelsLast(grads[0]);
    at::Tensor gradX, gradWeight;
    if (context->needs_input_grad(0)) gradX = gradientOfX(grad, saved[1]);
    if (context->needs_input_grad(1)) gradWeight = gradientOfWeight(grad, saved[0], saved[1]).contiguous(context->saved_data["format"].toMemoryFormat());
    return {gradX, gradWeight};
  }
};

#endif

at::Tensor plain(const at::Tensor& x, const at::Tensor& weight) { return at::conv2d(x, weight, {}, 1, 1); }

at::Tensor forward(const at::Tensor& x, const at::Tensor& weight) {
  check(x, weight);
#ifdef RESCALED_WINOGRAD
  if (winogradRuns() && x.numel() > 0) return convolved(channelsLast(x), channelsLast(weight));
#endif
  return plain(x, weight);
}

at::Tensor withAutograd(const at::Tensor& x, const at::Tensor& weight) {
  check(x, weight);
#ifdef RESCALED_WINOGRAD
  if (winogradRuns() && x.numel() > 0) return WinogradConv::apply(x, weight);
#endif
  return plain(x, weight);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(rescaled, library) { library.def("winograd_conv(Tensor x, Tensor weight) -> Tensor"); }
TORCH_LIBRARY_IMPL(rescaled, CPU, library) { library.impl("winograd_conv", forward); }
TORCH_LIBRARY_IMPL(rescaled, AutogradCPU, library) { library.impl("winograd_conv", withAutograd); }

}  // namespace rescaled
