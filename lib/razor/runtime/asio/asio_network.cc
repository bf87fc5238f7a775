// What the machine leaves an AsioRuntime. Connecting is in asio_connect.cc, listening in asio_listener.cc.

#include <sys/resource.h>

#include <algorithm>

#include "razor/runtime/asio/asio_stream.h"

namespace razor::asio {
namespace {

constexpr rlim_t kConnectionsMax = 10'000;
// Descriptors that are left for listeners, logs and the user.
constexpr rlim_t kDescriptorsKept = 64;

}  // namespace

std::uint32_t AsioCore::connections_max() const {
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return kConnectionsMax;
  const rlim_t left = descriptors.rlim_cur > kDescriptorsKept ? descriptors.rlim_cur - kDescriptorsKept : 1;
  return static_cast<std::uint32_t>(std::min(kConnectionsMax, left));
}

base::Result<std::unique_ptr<runtime::ByteStream>> AsioCore::adopt(std::unique_ptr<runtime::DetachedStream> detached) {
  check_use("Network::adopt");
  auto* socket = dynamic_cast<DetachedSocket*>(detached.get());
  if (socket == nullptr) return std::errc::operation_not_supported;
  return socket->attach(shared_from_this());
}

}  // namespace razor::asio
