#pragma once
// Handlers that a test lets go wrong (runtime/handler_fault.h): delayed, thrown in place of, or dropped. Private to stream.

#include <string>

#include "razor/runtime/handler_fault.h"
#include "razor/stream/request.h"

namespace razor::stream {

/// A request whose handler starts later: it owns what a Request borrows.
struct KeptRequest {
  explicit KeptRequest(const Request& request)
      : is_name(request.action.is_name()),
        number(request.action.number()),
        name(request.action.name()),
        msg(request.msg.begin(), request.msg.end()),
        blob(request.take_blob()),
        seq(request.seq),
        format(request.format) {}

  wire::Action action() const { return is_name ? wire::Action(name) : wire::Action(number); }
  /// Lives as long as this does. `peer` outlives it.
  Request view(const runtime::Address& peer) const { return Request{action(), msg, blob, seq, peer, format}; }

  bool is_name;
  std::uint32_t number;
  std::string name;
  base::Bytes msg;
  base::Blob blob;
  wire::Seq seq;
  const wire::WireFormat* format;
};

}  // namespace razor::stream
