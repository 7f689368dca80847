// Several processes: a store, a group on PyTorch's own c10d (Gloo), and what moves tensors between its ranks. Waiting is done on other threads.
#include "distributed.h"

#include <thread>

namespace rescaled {

#ifdef RESCALED_C10D

namespace {

std::string text(Napi::Object options, const char* name) {
  Napi::Value value = options.Get(name);
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}

int64_t integer(Napi::Object options, const char* name) { return options.Get(name).As<Napi::Number>().Int64Value(); }

// openStore({ host, port, serve, timeoutMs }) -> Promise<group>, of which only the store is there yet. Nobody is waited for but the server.
Napi::Value openStore(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  auto options = info[0].As<Napi::Object>();
  auto host = text(options, "host");
  auto port = uint16_t(integer(options, "port"));
  bool serve = options.Get("serve").ToBoolean();
  auto timeout = std::chrono::milliseconds(integer(options, "timeoutMs"));
  auto group = std::make_shared<Group>();
  return onOwnThread(
      env,
      [=]() {
        c10d::TCPStoreOptions tcp;
        tcp.port = port;
        tcp.isServer = serve;
        tcp.waitWorkers = false;
        tcp.timeout = timeout;
#if RESCALED_TORCH_AT_LEAST(2, 4)
        tcp.useLibUV = false;  // Debian's build has none
#endif
        group->store = c10::make_intrusive<c10d::PrefixStore>("rescaled", c10::make_intrusive<c10d::TCPStore>(host, tcp));
      },
      [group](Napi::Env env) -> Napi::Value {
        return Napi::External<std::shared_ptr<Group>>::New(env, new std::shared_ptr<Group>(group), [](Napi::Env, std::shared_ptr<Group>* held) { delete held; });
      });
}

// openGroup(group, { rank, world, timeoutMs, address?, interface? }) -> Promise<void>, when all ranks have a store. `address` is this machine's on
// the way to the others: left to itself Gloo binds to what the host's name resolves to, which is often 127.0.0.1.
Napi::Value openGroup(const Napi::CallbackInfo& info) {
  auto options = info[1].As<Napi::Object>();
  auto group = *info[0].As<Napi::External<std::shared_ptr<Group>>>().Data();
  auto address = text(options, "address"), interface = text(options, "interface");
  int rank = int(integer(options, "rank")), world = int(integer(options, "world"));
  auto timeout = std::chrono::milliseconds(integer(options, "timeoutMs"));
  return onOwnThread(info.Env(), [=]() {
    auto gloo = c10d::ProcessGroupGloo::Options::create(timeout);
    gloo->threads = 2;
    gloo->devices.push_back(!interface.empty()  ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                            : !address.empty() ? c10d::ProcessGroupGloo::createDeviceForHostname(address)
                                               : c10d::ProcessGroupGloo::createDefaultDevice());
    group->communicator = c10::make_intrusive<c10d::ProcessGroupGloo>(group->store, rank, world, gloo);
  });
}

// openCards(group, { rank, world, device, timeoutMs }) -> Promise<void>: from here on tensors on graphics cards go through NCCL
Napi::Value openCards(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  return guarded(env, "openCards", [&]() -> Napi::Value {
    auto group = groupOf(env, info[0]);
    auto options = info[1].As<Napi::Object>();
    int rank = int(integer(options, "rank")), world = int(integer(options, "world")), device = int(integer(options, "device"));
    auto timeout = std::chrono::milliseconds(integer(options, "timeoutMs"));
    return onOwnThread(env, [=]() { openNccl(*group, rank, world, device, timeout); });
  });
}

// leaveGroup(group): closes its connections, so that calls of the others fail. The store stays, for last words.
Napi::Value leaveGroup(const Napi::CallbackInfo& info) {
  auto group = groupOf(info.Env(), info[0]);
  // Threads are joined, which may wait for a call that is under way.
  return onOwnThread(info.Env(), [communicator = std::move(group->communicator), cards = std::move(group->cards)]() mutable {
    communicator.reset();
    closeNccl(std::move(cards));
  });
}

c10::intrusive_ptr<c10d::Store> storeOf(Napi::Value value) { return (*value.As<Napi::External<std::shared_ptr<Group>>>().Data())->store; }

Napi::Value storeSet(const Napi::CallbackInfo& info) {
  auto store = storeOf(info[0]);
  auto key = info[1].As<Napi::String>().Utf8Value(), value = info[2].As<Napi::String>().Utf8Value();
  return onOwnThread(info.Env(), [=]() { store->set(key, std::vector<uint8_t>(value.begin(), value.end())); });
}

// storeGet(group, key, waitMs) -> Promise<string | null>: null where nobody has set it in this time. Short times: a thread that waits keeps its
// process from ending.
Napi::Value storeGet(const Napi::CallbackInfo& info) {
  auto store = storeOf(info[0]);
  auto key = info[1].As<Napi::String>().Utf8Value();
  auto patience = std::chrono::milliseconds(info[2].As<Napi::Number>().Int64Value());
  auto found = std::make_shared<optional<std::string>>();
  return onOwnThread(
      info.Env(),
      [=]() {
        // Asked again and again: TCPStore has one connection, and a wait on the server would keep other calls of this rank from it.
        for (auto until = std::chrono::steady_clock::now() + patience; !store->check({key});) {
          if (std::chrono::steady_clock::now() >= until) return;
          std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        auto bytes = store->get(key);
        *found = std::string(bytes.begin(), bytes.end());
      },
      [found](Napi::Env env) -> Napi::Value {
        if (!found->has_value()) return env.Null();
        return Napi::String::New(env, **found);
      });
}

void waitFor(std::vector<Pending>& all) {
  for (auto& work : all) work->wait();
}

// allReduce(group, tensors, 'sum' | 'max') -> Promise<void>, in place, all of them under way at once
Napi::Value allReduce(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  return guarded(env, "allReduce", [&]() -> Napi::Value {
    auto group = groupOf(env, info[0]);
    auto op = info[2].As<Napi::String>().Utf8Value() == "max" ? c10d::ReduceOp::MAX : c10d::ReduceOp::SUM;
    std::vector<Pending> all;
    for (auto& tensor : tensorsOf(env, info[1], "allReduce")) all.push_back(startAllReduce(group->of(tensor), tensor, op));
    return onOwnThread(env, [all]() mutable { waitFor(all); });
  });
}

// broadcast(group, tensors, root) -> Promise<void>
Napi::Value broadcast(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  return guarded(env, "broadcast", [&]() -> Napi::Value {
    auto group = groupOf(env, info[0]);
    c10d::BroadcastOptions options;
    options.rootRank = info[2].As<Napi::Number>().Int64Value();
    std::vector<Pending> all;
    for (auto& tensor : tensorsOf(env, info[1], "broadcast")) {
      std::vector<at::Tensor> one{tensor};
      all.push_back(group->of(tensor).broadcast(one, options));
    }
    return onOwnThread(env, [all]() mutable { waitFor(all); });
  });
}

// allGather(group, tensor) -> Promise<Tensor[]>, of each rank; all have the same shape
Napi::Value allGather(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  return guarded(env, "allGather", [&]() -> Napi::Value {
    auto group = groupOf(env, info[0]);
    at::NoGradGuard noGrad;
    std::vector<at::Tensor> inputs{unwrapTensor(env, info[1], "allGather").detach().contiguous()};
    auto outputs = std::make_shared<std::vector<std::vector<at::Tensor>>>(1);
    for (int rank = 0; rank < group->communicator->getSize(); rank++) (*outputs)[0].push_back(at::empty_like(inputs[0]));
    auto work = group->of(inputs[0]).allgather(*outputs, inputs);
    return onOwnThread(
        env, [work, outputs]() { work->wait(); },
        [outputs](Napi::Env env) -> Napi::Value {
          auto array = Napi::Array::New(env, (*outputs)[0].size());
          for (size_t rank = 0; rank < (*outputs)[0].size(); rank++) array.Set(uint32_t(rank), wrapTensor(env, (*outputs)[0][rank]));
          return array;
        });
  });
}

Napi::Value barrier(const Napi::CallbackInfo& info) {
  auto group = groupOf(info.Env(), info[0]);
  return guarded(info.Env(), "barrier", [&]() -> Napi::Value {
    auto work = group->communicator->barrier();
    return onOwnThread(info.Env(), [work]() { work->wait(); });
  });
}

}  // namespace

// A call that waits for another process may never come back, where a cable is cut, say. Node's pool has four threads, its files need them, and its
// exit joins them; a thread of our own is left behind.
Napi::Value onOwnThread(Napi::Env env, std::function<void()> work, std::function<Napi::Value(Napi::Env)> after) {
  struct Call {
    Napi::Promise::Deferred promise;
    std::function<Napi::Value(Napi::Env)> after;
    optional<std::string> error;
    Napi::ThreadSafeFunction done;
  };
  auto nothing = Napi::Function::New(env, [](const Napi::CallbackInfo&) {});
  auto call = std::make_shared<Call>(Call{Napi::Promise::Deferred::New(env), std::move(after), {}, Napi::ThreadSafeFunction::New(env, nothing, "rescaled group", 0, 1)});
  auto promise = call->promise.Promise();
  std::thread([call, work = std::move(work)]() mutable {
    call->error = errorOf(work);
    work = {};
    call->done.BlockingCall([call](Napi::Env env, Napi::Function) {
      if (call->error.has_value()) {
        call->promise.Reject(Napi::Error::New(env, *call->error).Value());
        return;
      }
      try {
        call->promise.Resolve(call->after ? call->after(env) : env.Undefined());
      } catch (const Napi::Error& error) {
        call->promise.Reject(error.Value());
      } catch (const std::exception& error) {
        call->promise.Reject(Napi::Error::New(env, error.what()).Value());
      }
    });
    call->done.Release();
  }).detach();
  return promise;
}

std::shared_ptr<Group> groupOf(Napi::Env env, Napi::Value value) {
  if (!value.IsExternal()) throw Napi::TypeError::New(env, "Expected the group that openStore gives.");
  auto group = *value.As<Napi::External<std::shared_ptr<Group>>>().Data();
  if (!group->communicator) throw Napi::Error::New(env, "The group has been left.");
  return group;
}

std::vector<at::Tensor> tensorsOf(Napi::Env env, Napi::Value value, const char* what) {
  auto array = value.As<Napi::Array>();
  std::vector<at::Tensor> tensors;
  for (uint32_t i = 0; i < array.Length(); i++) tensors.push_back(unwrapTensor(env, array.Get(i), what).detach());
  return tensors;
}

Pending startAllReduce(Communicator& communicator, at::Tensor tensor, c10d::ReduceOp::RedOpType op) {
  c10d::AllreduceOptions options;
  options.reduceOp = op;
  std::vector<at::Tensor> one{std::move(tensor)};
  return communicator.allreduce(one, options);
}

void registerDistributed(Napi::Env env, Napi::Object exports) {
  exports.Set("distributedBackends", Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value {
    auto names = Napi::Array::New(info.Env());
    names.Set(uint32_t(0), "gloo");
    if (hasNccl()) names.Set(uint32_t(1), "nccl");
    return names;
  }));
  exports.Set("openStore", Napi::Function::New(env, openStore));
  exports.Set("openGroup", Napi::Function::New(env, openGroup));
  exports.Set("openCards", Napi::Function::New(env, openCards));
  exports.Set("leaveGroup", Napi::Function::New(env, leaveGroup));
  exports.Set("storeSet", Napi::Function::New(env, storeSet));
  exports.Set("storeGet", Napi::Function::New(env, storeGet));
  exports.Set("allReduce", Napi::Function::New(env, allReduce));
  exports.Set("broadcast", Napi::Function::New(env, broadcast));
  exports.Set("allGather", Napi::Function::New(env, allGather));
  exports.Set("barrier", Napi::Function::New(env, barrier));
  registerReducer(env, exports);
  registerRanksOperators(env, exports);
}

#else

void registerDistributed(Napi::Env env, Napi::Object exports) {
  exports.Set("distributedBackends", Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value { return Napi::Array::New(info.Env(), 0); }));
}

#endif

}  // namespace rescaled
