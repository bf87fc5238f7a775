#pragma once
// Request: what a Dispatch is shown of a request.

#include <string>

#include "razor/base/time.h"
#include "razor/runtime/address.h"
#include "razor/wire/codec.h"
#include "razor/wire/frame.h"

namespace razor::stream {

/// A request that has arrived whole. The views live until `dispatch` returns: decode, or copy what is to be kept.
struct Request {
  wire::Action action;
  base::ByteView msg;
  base::ByteView blob;
  wire::Seq seq;
  /// Lives as long as the Responder.
  const runtime::Address& peer;
  /// The format that `msg` is written in; null: msgpack.
  const wire::WireFormat* format = nullptr;
  wire::BlobSource* source = nullptr;
  /// Until when the caller waits, by the server's clock; max: it has not said.
  base::TimePoint deadline = base::TimePoint::max();

  /// Decodes the message. False when it does not decode; then `why` says more.
  template <class T>
  bool decode(T& value, std::string* why = nullptr) const {
    return wire::decode_whole(msg, value, why, format);
  }
  /// The blob, to be kept: a large one is not copied.
  /// Errors: throws std::bad_alloc.
  base::Blob take_blob() const { return wire::take_blob(blob, source); }
};

}  // namespace razor::stream

namespace razor {
using stream::Request;
}  // namespace razor
