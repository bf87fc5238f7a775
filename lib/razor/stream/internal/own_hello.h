#pragma once
// What an end of ours says of itself in its hello.

#include "razor/wire/frame.h"
#include "razor/wire/hello.h"

namespace razor::stream {

inline wire::Hello own_hello(const wire::FrameLimits& limits) {
  wire::Hello hello;
  for (const wire::Feature feature :
       {wire::Feature::cancel, wire::Feature::drain, wire::Feature::trace, wire::Feature::metadata}) {
    hello.features |= static_cast<std::uint64_t>(feature);
  }
  hello.action_max = limits.action_bytes_max;
  hello.msg_max = limits.msg_bytes_max;
  hello.blob_max = limits.blob_bytes_max;
  return hello;
}

}  // namespace razor::stream
