// says: an alternative of a variant travels by name
#include "razor/wire/codec.h"

razor::Bytes encode(const std::variant<int, std::string>& value) { return razor::wire::encoded(value); }
