#include "razor/wire/encoder.h"

namespace razor::wire {

void Encoder::refuse_depth() {
  throw EncodeError("nested deeper than 64 levels: a value that contains itself, or a list of that many pointers");
}

void Encoder::put_extension(std::int8_t type, base::ByteView bytes) {
  const std::size_t size = bytes.size();
  if (size > 0xffff'ffff) throw EncodeError("an extension over 4 GiB cannot travel");
  if (size == 1 || size == 2 || size == 4 || size == 8 || size == 16) {
    put_byte(static_cast<std::uint8_t>(0xd4 + std::countr_zero(size)));
  } else if (size <= 0xff) {
    put_tagged<std::uint8_t>(0xc7, size);
  } else if (size <= 0xffff) {
    put_tagged<std::uint16_t>(0xc8, size);
  } else {
    put_tagged<std::uint32_t>(0xc9, size);
  }
  put_byte(static_cast<std::uint8_t>(type));
  sink_.put(bytes);
}

}  // namespace razor::wire
