// The process group: what the files about several processes share.
#pragma once

#include "bridge.h"

#if __has_include(<torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>) && !defined(_WIN32)
#define RESCALED_C10D 1
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

namespace rescaled {

// Gloo's group is a ProcessGroup itself in 1.13, and a Backend since 2.0.
#if RESCALED_TORCH_AT_LEAST(2, 0)
using Communicator = c10d::Backend;
#else
using Communicator = c10d::ProcessGroup;
#endif

struct Group {
  c10::intrusive_ptr<c10d::Store> store;
  // Gloo, for all tensors; NCCL for those on graphics cards once openCards has been called.
  c10::intrusive_ptr<Communicator> communicator, cards;

  Communicator& of(const at::Tensor& tensor) { return cards && tensor.is_cuda() ? *cards : *communicator; }
};

using Pending = c10::intrusive_ptr<c10d::Work>;

// Runs `work` on a thread of its own, which does not keep the process from ending, and `after` on the JavaScript thread; its result is the promise's.
Napi::Value onOwnThread(Napi::Env env, std::function<void()> work, std::function<Napi::Value(Napi::Env)> after = {});

// The group that openStore gave and openGroup filled. Throws a JavaScript error where it is none.
std::shared_ptr<Group> groupOf(Napi::Env env, Napi::Value value);

std::vector<at::Tensor> tensorsOf(Napi::Env env, Napi::Value value, const char* what);

// The call returns at once; the sum (or whatever) is there when the work is done.
Pending startAllReduce(Communicator& communicator, at::Tensor tensor, c10d::ReduceOp::RedOpType op);

// NCCL (native/nccl.cpp): whether this engine has it; opens group.cards on card number `device`, waiting for all ranks; ends its calls.
bool hasNccl();
void openNccl(Group& group, int rank, int world, int device, std::chrono::milliseconds timeout);
void closeNccl(c10::intrusive_ptr<Communicator> cards);

void registerReducer(Napi::Env env, Napi::Object exports);
void registerRanksOperators(Napi::Env env, Napi::Object exports);

}  // namespace rescaled
#endif
