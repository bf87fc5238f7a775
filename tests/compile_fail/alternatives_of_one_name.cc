// says: two alternatives of a variant have the same name on the wire
#include "razor/wire/codec.h"

template <class T>
struct Box {
  T content{};
  RAZOR_NEWTYPE(Box, content)
};

razor::Bytes encode(const std::variant<Box<int>, Box<std::string>>& value) { return razor::wire::encoded(value); }
