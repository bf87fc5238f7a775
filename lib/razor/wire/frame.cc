#include "razor/wire/frame.h"

#include "razor/base/format.h"

namespace razor::wire {

std::string FrameSizes::compared_to(const FrameLimits& limits) const {
  return base::format("action of {} bytes (limit {}), message of {} (limit {}), blob of {} (limit {})", action_bytes,
                      limits.action_bytes_max, msg_bytes, limits.msg_bytes_max, blob_bytes, limits.blob_bytes_max);
}

}  // namespace razor::wire
