// The memory of large tensors on the CPU: one stretch of addresses that is filled from below, kept by the process and never given back.
//
// A training step frees and takes gigabytes of activations in blocks of a few sizes. malloc puts small things between them and needs room beside a block to
// align it, so that the place of a freed block is too small for the next of its size. Here each block of LARGE bytes or more begins at a page, free
// neighbours join at once, and a new block takes the smallest free place that holds it, the lowest of equals. What is smaller is malloc's.
// Memory is the kernel's until it is touched.
#include "bridge.h"

#include <c10/core/CPUAllocator.h>

#include <cstdlib>
#include <map>
#include <mutex>
#include <set>

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace rescaled {
namespace {

constexpr size_t PAGE = 4096, LARGE = 64 << 10;

class Heap {
 public:
  // Four times as many addresses as the machine has memory, so that a place is found whatever lies between. False where they are counted (ulimit -v,
  // overcommit_memory 2) and there are not as many: malloc is left to do with what there is.
  bool open() {
#if defined(__linux__)
    const size_t bytes = size_t(sysconf(_SC_PHYS_PAGES)) * size_t(sysconf(_SC_PAGE_SIZE)) * 4;
    void* got = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (got == MAP_FAILED) return false;
    base = top = uintptr_t(got);
    limit = base + bytes;
    madvise(got, bytes, MADV_HUGEPAGE);  // fewer misses of address translation: up to a twelfth of a step; where there are none, nothing changes
    return true;
#else
    return false;
#endif
  }
  bool holds(const void* at) const { return uintptr_t(at) >= base && uintptr_t(at) < limit; }

  // nullptr where no place is left.
  void* take(size_t wanted) {
    const size_t bytes = (wanted + PAGE - 1) / PAGE * PAGE;
    std::lock_guard<std::mutex> lock(mutex);
    uintptr_t at;
    auto fit = bySize.lower_bound({bytes, 0});
    if (fit != bySize.end()) {
      at = fit->second;
      const size_t size = fit->first;
      bySize.erase(fit);
      byPlace.erase(at);
      if (size > bytes) insert(at + bytes, size - bytes);
    } else {
      if (bytes > limit - top) return nullptr;
      at = top;
      // A free place at the top grows.
      if (!byPlace.empty()) {
        auto last = std::prev(byPlace.end());
        if (last->first + last->second == top) {
          at = last->first;
          bySize.erase({last->second, last->first});
          byPlace.erase(last);
        }
      }
      if (bytes > limit - at) return nullptr;
      top = at + bytes;
    }
    taken[at] = bytes;
    live += bytes;
    peak = std::max(peak, live);
    return reinterpret_cast<void*>(at);
  }

  void give(void* block) {
    std::lock_guard<std::mutex> lock(mutex);
    uintptr_t at = uintptr_t(block);
    const auto found = taken.find(at);
    size_t size = found->second;
    taken.erase(found);
    live -= size;
    const auto after = byPlace.lower_bound(at);
    if (after != byPlace.begin()) {
      const auto before = std::prev(after);
      if (before->first + before->second == at) {
        at = before->first;
        size += before->second;
        bySize.erase({before->second, before->first});
        byPlace.erase(before);
      }
    }
    if (after != byPlace.end() && at + size == after->first) {
      size += after->second;
      bySize.erase({after->second, after->first});
      byPlace.erase(after);
    }
    insert(at, size);
  }
  struct Use {
    size_t live, peak, used;
  };
  Use use(bool reset) {
    std::lock_guard<std::mutex> lock(mutex);
    const Use now{live, peak, top - base};
    if (reset) peak = live;
    return now;
  }

 private:
  void insert(uintptr_t at, size_t size) {
    byPlace[at] = size;
    bySize.insert({size, at});
  }
  std::mutex mutex;
  size_t live = 0, peak = 0;
  uintptr_t base = 0, top = 0, limit = 0;
  std::map<uintptr_t, size_t> byPlace;
  std::set<std::pair<size_t, uintptr_t>> bySize;
  std::unordered_map<uintptr_t, size_t> taken;
};

// Never destroyed: tensors may outlive everything.
Heap& heap() {
  static auto* one = new Heap;
  return *one;
}

void giveBack(void* block) {
  if (heap().holds(block)) heap().give(block);
  else c10::GetDefaultCPUAllocator()->raw_deleter()(block);
}

// Which of the two `allocate` overrides libtorch's differs between its versions, and older ones know no copy_data.
struct Allocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) const { return made(bytes); }
  c10::DataPtr allocate(size_t bytes) { return made(bytes); }
  c10::DeleterFnPtr raw_deleter() const override { return &giveBack; }
  void copy_data(void* to, const void* from, size_t bytes) const { std::memcpy(to, from, bytes); }

 private:
  static c10::DataPtr made(size_t bytes) {
    void* at = bytes < LARGE ? nullptr : heap().take(bytes);
    if (at == nullptr) return c10::GetDefaultCPUAllocator()->allocate(bytes);
    return {at, at, &giveBack, c10::Device(c10::kCPU)};
  }
};

}  // namespace

// Takes over the large tensors of this process; false where it can't. Blocks that were taken before stay where they are.
bool openHeap() {
  static Allocator allocator;
  if (!heap().open()) return false;
  c10::SetCPUAllocator(&allocator, 100);
  return true;
}

// heapUse(reset) -> bytes that are live, were live at most (since the last reset), and of addresses up to the highest that was taken
Napi::Value heapUse(const Napi::CallbackInfo& info) {
  const auto use = heap().use(info[0].ToBoolean());
  auto result = Napi::Object::New(info.Env());
  result.Set("live", double(use.live));
  result.Set("peak", double(use.peak));
  result.Set("used", double(use.used));
  return result;
}

void registerHeap(Napi::Env env, Napi::Object exports) { exports.Set("heapUse", Napi::Function::New(env, heapUse)); }

}  // namespace rescaled
