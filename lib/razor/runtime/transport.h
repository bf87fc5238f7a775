#pragma once
// Transport: how streams are made. A Runtime's Network is one; so is what decorates another, and the in-process transport
// (in_process.h). Servers, streams and pools take one by their settings, and use the Runtime's network without.

#include <memory>

#include "razor/runtime/byte_stream.h"

namespace razor::runtime {

struct ListenOptions {
  int backlog = 1024;  ///< connections that wait to be accepted; what comes above is refused or waits, as the system does
};

/// Threads: those of the Runtime whose streams it makes.
class Transport {
 public:
  virtual ~Transport() = default;

  /// Connects; TCP streams have Nagle's delay off. A name that has several addresses is tried as RFC 8305 says.
  ///
  /// Time:   as long as the system tries; bound it with `with_deadline`.
  /// Errors: connection_refused, timed_out, host_unreachable …; a LookupError (lookup_error.h) when the name leads to no
  ///         address; an AddressError (address.h) for what cannot be connected to. The Result's message names the
  ///         addresses that were tried, and what each said.
  /// Cancel: destroying the Task gives the attempt up.
  virtual Task<base::Result<std::unique_ptr<ByteStream>>> connect(Address address) = 0;

  /// Listens at once. A Unix path that a dead process left behind is replaced; one that is served is not.
  ///
  /// Errors: address_in_use, permission_denied, address_not_available …; an AddressError for what is no address.
  virtual base::Result<std::unique_ptr<Listener>> listen(const Address& address, ListenOptions options) = 0;
  base::Result<std::unique_ptr<Listener>> listen(const Address& address) { return listen(address, ListenOptions{}); }
};

}  // namespace razor::runtime

namespace razor {
using runtime::Transport;
}  // namespace razor
