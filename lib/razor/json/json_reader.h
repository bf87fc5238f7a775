#pragma once
// JsonReader: JSON as msgpack values. Private to json.

#include "razor/wire/encoder.h"

namespace razor::json {

/// Puts the one value that `text`, which nobody has checked, says.
///
/// Memory: at most 8 bytes for each array or object, and what it puts.
/// Errors: throws DecodeError.
void read_json(base::ByteView text, wire::Encoder& to);

}  // namespace razor::json
