#include "razor/wire/control_frame.h"

namespace razor::wire {

std::array<std::byte, kResponseHeadBytes + ServerControl::kBytes> control_response(const ServerControl& control) {
  std::array<std::byte, kResponseHeadBytes + ServerControl::kBytes> frame{};
  ResponseHead head;
  head.flag = static_cast<std::uint8_t>(ResponseFlag::error_bytes);  // with seq 0, what every peer skips rightly
  head.blob_bytes = ServerControl::kBytes;
  store_head(frame.data(), head);
  std::byte* to = frame.data() + kResponseHeadBytes;
  base::store_little(to, control.kind);
  base::store_little(to + 1, control.reason);
  base::store_little(to + 4, control.amount);
  base::store_little(to + 8, control.seq);
  base::store_little(to + 16, control.value);
  return frame;
}

std::optional<ServerControl> server_control_of(const ResponseFrame& response) {
  const bool is_error = response.head.flag == static_cast<std::uint8_t>(ResponseFlag::error_bytes);
  if (response.head.seq != 0 || !is_error || response.blob.size() < ServerControl::kBytes) return std::nullopt;
  const std::byte* from = response.blob.data();
  ServerControl control;
  control.kind = base::load_little<std::uint8_t>(from);
  control.reason = base::load_little<std::uint8_t>(from + 1);
  control.amount = base::load_little<std::uint32_t>(from + 4);
  control.seq = base::load_little<std::uint64_t>(from + 8);
  control.value = base::load_little<std::uint64_t>(from + 16);
  return control;
}

}  // namespace razor::wire
