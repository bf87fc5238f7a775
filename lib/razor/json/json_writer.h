#pragma once
// JsonWriter: msgpack values as JSON. Private to json.

#include "razor/wire/decoder.h"
#include "razor/wire/encoder.h"

namespace razor::json {

/// Writes the one value that `from` holds next.
/// Errors: throws EncodeError where that is broken, or nested too deep.
void write_json(wire::Decoder& from, wire::ByteSink& to);

}  // namespace razor::json
