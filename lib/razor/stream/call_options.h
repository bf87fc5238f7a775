#pragma once
// What a caller may say about one call.

#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "razor/base/time.h"
#include "razor/wire/call_word.h"
#include "razor/wire/owned_extension.h"

namespace razor::wire {
class WireFormat;
}

namespace razor::stream {

class Caller;

/// Pairs of metadata, borrowed: `{{"tenant", tenant}, {"token", token}}`, or a vector of MetadataItem.
class MetadataView : public std::span<const wire::MetadataItem> {
  using Items = std::span<const wire::MetadataItem>;

 public:
  MetadataView() = default;
  /// The list lives until the end of the statement that it stands in.
  MetadataView(std::initializer_list<wire::MetadataItem> items) : Items(std::data(items), items.size()) {}
  MetadataView(const std::vector<wire::MetadataItem>& items) : Items(items) {}
  MetadataView(Items items) : Items(items) {}
};

struct CallOptions {
  /// From submission on; none: the `call_timeout` of the stream or the pool. Zero or less, as what is left of a spent budget
  /// may be, is no time at all: the call fails, deadline_exceeded, and is not sent.
  std::optional<base::Duration> timeout = std::nullopt;
  /// On the Runtime's clock; the earlier of both counts. One that has passed leaves no time either.
  base::TimePoint deadline = base::TimePoint::max();
  /// The call may run more than once: a pool sends it again when it may or may not have run. Methods that are listed in
  /// RAZOR_IDEMPOTENT are so anyway. A single stream never sends anything twice.
  bool idempotent = false;
  /// A pool asks another address too when an idempotent call has no answer after this time; none: as the pool is set;
  /// zero or less: never.
  std::optional<base::Duration> hedge_after = std::nullopt;
  /// How much the call matters to a server that has to refuse some.
  wire::Criticality criticality = wire::Criticality::normal;
  /// Earlier attempts of the call that may have run, and whether this one is a hedge: pools say so.
  std::uint8_t attempt = 0;
  bool is_hedge = false;
  /// The format of the call's message and of its answer; null: the client's, or msgpack. The format outlives the call.
  const wire::WireFormat* format = nullptr;
  /// Metadata of the call, which the handler reads by CallContext::metadata: a token, or whom the caller acts for. At most 128
  /// pairs and 8 KiB, and no key twice. A call that has some fails at a server of plain version 1: unsupported, ran: no.
  MetadataView metadata = {};
  /// The trace context of the call; null: none. Servers of plain version 1 do not get it. The channel copies metadata and trace
  /// when the call is submitted, and a client that is made with these options, at once.
  const wire::TraceContext* trace = nullptr;

  /// The call that a handler answers, and this one is made for (Client::with); null: none. On the same thread; it outlives the
  /// submission.
  const Caller* caller = nullptr;

  bool has_extension() const { return trace != nullptr || !metadata.empty(); }
};
static_assert(std::is_trivially_copyable_v<CallOptions>);

/// Null where `options` have nothing to be kept; else what they borrow, which they refer to from now on.
/// Errors: throws std::bad_alloc.
inline std::unique_ptr<const wire::OwnedExtension> keep_extension(CallOptions& options) {
  if (!options.has_extension()) [[likely]]
    return nullptr;
  auto kept = std::make_unique<const wire::OwnedExtension>(options.trace, options.metadata);
  options.trace = kept->trace();
  options.metadata = kept->metadata();
  return kept;
}

}  // namespace razor::stream

namespace razor {
using stream::CallOptions;
using wire::MetadataItem;
using wire::TraceContext;
}  // namespace razor
