#include "razor/wire/time_codec.h"

#include "razor/base/byte_order.h"

namespace razor::wire {
namespace {

constexpr std::int8_t kTimestamp = -1;

}  // namespace

void put_timestamp(Encoder& to, Timestamp value) {
  if (value.nanoseconds >= detail::kNanoseconds) throw EncodeError("a timestamp of 10^9 nanoseconds or more");
  std::byte bytes[12];
  const auto seconds = static_cast<std::uint64_t>(value.seconds);
  if (seconds >> 34 != 0) {  // also below 1970
    base::store_big(bytes, value.nanoseconds);
    base::store_big(bytes + 4, seconds);
    return to.put_extension(kTimestamp, base::ByteView(bytes, 12));
  }
  const std::uint64_t both = std::uint64_t{value.nanoseconds} << 34 | seconds;
  if (both >> 32 != 0) {
    base::store_big(bytes, both);
    return to.put_extension(kTimestamp, base::ByteView(bytes, 8));
  }
  base::store_big(bytes, static_cast<std::uint32_t>(both));
  to.put_extension(kTimestamp, base::ByteView(bytes, 4));
}

bool read_timestamp(Decoder& from, Timestamp& value) {
  std::int8_t type = 0;
  base::ByteView bytes;
  if (!from.read_extension(type, bytes)) return false;
  if (type != kTimestamp) return from.fail("expected a timestamp, found another extension");
  switch (bytes.size()) {
    case 4: value = {base::load_big<std::uint32_t>(bytes.data()), 0}; break;
    case 8: {
      const auto both = base::load_big<std::uint64_t>(bytes.data());
      value = {static_cast<std::int64_t>(both & ((std::uint64_t{1} << 34) - 1)), static_cast<std::uint32_t>(both >> 34)};
      break;
    }
    case 12:
      value = {static_cast<std::int64_t>(base::load_big<std::uint64_t>(bytes.data() + 4)),
               base::load_big<std::uint32_t>(bytes.data())};
      break;
    default: return from.fail("a timestamp of another length than 4, 8 or 12 bytes");
  }
  return value.nanoseconds < detail::kNanoseconds || from.fail("a timestamp of 10^9 nanoseconds or more");
}

}  // namespace razor::wire
