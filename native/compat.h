// Everything that differs between the libtorch versions we build against (1.13, 2.6, current 2.x) stands in this header.
#pragma once

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/version.h>

#define RESCALED_TORCH_AT_LEAST(major, minor) \
  (TORCH_VERSION_MAJOR > (major) || (TORCH_VERSION_MAJOR == (major) && TORCH_VERSION_MINOR >= (minor)))

#if RESCALED_TORCH_AT_LEAST(2, 4)
#include <optional>
#else
#include <c10/util/Optional.h>
#endif

namespace rescaled {

#if RESCALED_TORCH_AT_LEAST(2, 4)
template <typename T>
using optional = std::optional<T>;
#else
template <typename T>
using optional = c10::optional<T>;
#endif

// 2.x schemas say SymInt where 1.13 says int; the dispatcher takes plain integers for both.
inline bool isIntegerKind(c10::TypeKind kind) {
  return kind == c10::TypeKind::IntType || kind == c10::TypeKind::SymIntType;
}

inline bool isBoolKind(c10::TypeKind kind) {
#if RESCALED_TORCH_AT_LEAST(2, 1)
  return kind == c10::TypeKind::BoolType || kind == c10::TypeKind::SymBoolType;
#else
  return kind == c10::TypeKind::BoolType;
#endif
}

// Whether operators on the CPU cast their inputs.
inline bool autocasts() {
#if RESCALED_TORCH_AT_LEAST(2, 4)
  return at::autocast::is_autocast_enabled(at::kCPU);
#else
  return at::autocast::is_cpu_enabled();
#endif
}

inline bool hasMps() {
#if RESCALED_TORCH_AT_LEAST(1, 13)
  return at::hasMPS();
#else
  return false;
#endif
}

}  // namespace rescaled
