// What c10d's ProcessGroupGloo.hpp needs of Gloo's headers, which stand in a package that libtorch's headers do not ask for (Debian) or nowhere
// (the wheels). The library itself is always there. These classes are only ever held by pointers that libtorch made: no member is called here,
// and none is created. Gloo's own headers are taken where they are found (this folder is searched last).
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace gloo {
namespace rendezvous {
class Store {
 public:
  static constexpr std::chrono::milliseconds kDefaultTimeout = std::chrono::seconds(30);
  virtual ~Store();
  virtual void set(const std::string& key, const std::vector<char>& data) = 0;
  virtual std::vector<char> get(const std::string& key) = 0;
  virtual void wait(const std::vector<std::string>& keys) = 0;
  virtual void wait(const std::vector<std::string>& keys, const std::chrono::milliseconds& timeout) = 0;
};
}  // namespace rendezvous

namespace transport {
class Device;
class UnboundBuffer {
 public:
  virtual ~UnboundBuffer() = 0;
};
}  // namespace transport

class Context {
 public:
  virtual ~Context();
  void setTimeout(std::chrono::milliseconds timeout);
  std::chrono::milliseconds getTimeout() const;
};
}  // namespace gloo
