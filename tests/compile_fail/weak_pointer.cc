// says: a pointer does not travel
#include "razor/wire/codec.h"

razor::Bytes encode(const std::weak_ptr<int>& pointer) { return razor::wire::encoded(pointer); }
