#include "razor/wire/frame.h"

#include "razor/base/byte_order.h"

namespace razor::wire {

using base::load_little;
using base::store_little;

RequestHead load_request_head(const std::byte* from) {
  RequestHead head;
  head.magic = load_little<std::uint16_t>(from);
  head.version = load_little<std::uint8_t>(from + 2);
  head.format = load_little<std::uint8_t>(from + 3);
  head.action = load_little<std::uint32_t>(from + 4);
  head.seq = load_little<std::uint64_t>(from + 8);
  head.client_id = load_little<std::uint64_t>(from + 16);
  head.msg_bytes = load_little<std::uint32_t>(from + 24);
  head.blob_bytes = load_little<std::uint32_t>(from + 28);
  return head;
}

void store_head(std::byte* to, const RequestHead& head) {
  store_little(to, head.magic);
  store_little(to + 2, head.version);
  store_little(to + 3, head.format);
  store_little(to + 4, head.action);
  store_little(to + 8, head.seq);
  store_little(to + 16, head.client_id);
  store_little(to + 24, head.msg_bytes);
  store_little(to + 28, head.blob_bytes);
}

ResponseHead load_response_head(const std::byte* from) {
  ResponseHead head;
  head.magic = load_little<std::uint16_t>(from);
  head.version = load_little<std::uint8_t>(from + 2);
  head.flag = load_little<std::uint8_t>(from + 3);
  head.msg_bytes_or_number = load_little<std::uint32_t>(from + 4);
  head.seq = load_little<std::uint64_t>(from + 8);
  head.blob_bytes = load_little<std::uint32_t>(from + 16);
  return head;
}

void store_head(std::byte* to, const ResponseHead& head) {
  store_little(to, head.magic);
  store_little(to + 2, head.version);
  store_little(to + 3, head.flag);
  store_little(to + 4, head.msg_bytes_or_number);
  store_little(to + 8, head.seq);
  store_little(to + 16, head.blob_bytes);
}

}  // namespace razor::wire
