#include "razor/stream/stream_call.h"

#include "razor/base/format.h"

namespace razor::stream {

std::string StreamCall::describe() const {
  if (!action_.empty()) return action_;
  return number_ == 0 ? "ping" : base::format("action {}", number_);
}

}  // namespace razor::stream
