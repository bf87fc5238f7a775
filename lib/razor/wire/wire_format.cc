#include "razor/wire/wire_format.h"

#include <string>

namespace razor::wire {

void translate(const WireFormat& format, base::ByteView values, ByteSink& to) {
  Decoder from(values);
  format.write(from, to);
  if (!from.finish()) throw EncodeError(std::string(format.name()) + ": " + from.error_message());
}

base::ByteView translated(const WireFormat& format, base::ByteView bytes, base::Bytes& storage) {
  BytesSink values;
  Encoder to(values);
  format.read(bytes, to);
  storage = std::move(values).take();
  return storage;
}

}  // namespace razor::wire
