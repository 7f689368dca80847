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
  c10::intrusive_ptr<Communicator> communicator;
};

using Pending = c10::intrusive_ptr<c10d::Work>;

// The group that openStore gave and openGroup filled. Throws a JavaScript error where it is none.
std::shared_ptr<Group> groupOf(Napi::Env env, Napi::Value value);

std::vector<at::Tensor> tensorsOf(Napi::Env env, Napi::Value value, const char* what);

// The call returns at once; the sum (or whatever) is there when the work is done.
Pending startAllReduce(Communicator& communicator, at::Tensor tensor, c10d::ReduceOp::RedOpType op);

void registerReducer(Napi::Env env, Napi::Object exports);

}  // namespace rescaled
#endif
