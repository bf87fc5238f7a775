#include "razor/pool/internal/call_limits.h"

#include "razor/base/format.h"
#include "razor/base/out_of_memory.h"

namespace razor::pool {

using base::CallError;
using base::Errc;
using base::Ran;

std::optional<CallError> refusal_of(const wire::Action& action, const wire::FrameSizes& sizes,
                                    const wire::FrameLimits& limits) {
  if (!action.is_name() && (action.number() == 0 || action.number() > wire::Action::kNumberMax)) {
    return CallError(Errc::encode, Ran::no, base::format("{:#x} is not the number of an action", action.number()));
  }
  if (!sizes.fit(limits)) {
    return CallError(Errc::too_large, Ran::no,
                     base::format("{}; the limits are `stream.limits` of the pool's config and `limits` of the server's",
                                  sizes.compared_to(limits)));
  }
  return std::nullopt;
}

std::optional<CallError> refusal_of(std::span<const wire::MetadataItem> metadata) {
  wire::BytesSink block;
  wire::MetadataFault fault = wire::MetadataFault::none;
  if (!base::catching_bad_alloc([&] { fault = wire::encode_extension(block, nullptr, metadata); })) {
    return base::out_of_memory(Ran::no);
  }
  if (fault == wire::MetadataFault::none) return std::nullopt;
  return CallError(wire::errc_of(fault), Ran::no, std::string(wire::text_of(fault)));
}

}  // namespace razor::pool
