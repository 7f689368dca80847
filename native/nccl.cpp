// NCCL for tensors on graphics cards, where libtorch has CUDA and its headers are there; all else goes through Gloo. The one file that needs
// CUDA's headers.
#include "distributed.h"

// The symbols stand in libtorch_cuda: RESCALED_CUDA says that this libtorch has it, which the toolkit's headers alone do not.
#if defined(RESCALED_C10D) && defined(RESCALED_CUDA)
#if __has_include(<nccl.h>) && __has_include(<cuda_runtime_api.h>) && __has_include(<cublas_v2.h>) && __has_include(<cusparse.h>)
#define RESCALED_NCCL 1
#ifndef USE_C10D_NCCL
#define USE_C10D_NCCL 1
#endif
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif
#endif

#ifdef RESCALED_C10D
namespace rescaled {

#ifdef RESCALED_NCCL

bool hasNccl() { return true; }

// Its communicators are made by the first call, which waits for all ranks: here, and not later on Node's own thread.
void openNccl(Group& group, int rank, int world, int device, std::chrono::milliseconds timeout) {
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = timeout;
  auto cards = c10::make_intrusive<c10d::ProcessGroupNCCL>(c10::make_intrusive<c10d::PrefixStore>("cards", group.store), rank, world, options);
  at::NoGradGuard noGrad;
  auto one = at::ones({1}, at::TensorOptions().device(at::kCUDA, c10::DeviceIndex(device)));
  startAllReduce(*cards, one, c10d::ReduceOp::SUM)->wait();
  TORCH_CHECK(int(one.item<float>()) == world, "Expected a sum of ", world, " over the ranks' cards but it came to ", one.item<float>(), ".");
  group.cards = std::move(cards);
}

namespace {
// What makes calls under way fail, in the versions that have it; in the others the end of the object does.
template <typename Cards>
auto abortCalls(Cards& cards, int) -> decltype(cards.abort(), void()) {
  cards.abort();
}
template <typename Cards>
void abortCalls(Cards&, long) {}
}  // namespace

void closeNccl(c10::intrusive_ptr<Communicator> cards) {
  if (!cards) return;
  abortCalls(static_cast<c10d::ProcessGroupNCCL&>(*cards), 0);
}

#else

bool hasNccl() { return false; }
void openNccl(Group&, int, int, int, std::chrono::milliseconds) { TORCH_CHECK(false, "This engine was built without NCCL."); }
void closeNccl(c10::intrusive_ptr<Communicator>) {}

#endif

}  // namespace rescaled
#endif
