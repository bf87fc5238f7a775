// says: both would be nil on the wire
#include "razor/wire/codec.h"

razor::Bytes encode(const std::optional<std::optional<int>>& value) { return razor::wire::encoded(value); }
