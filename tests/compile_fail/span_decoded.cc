// says: a view cannot be decoded into
#include "razor/wire/codec.h"

bool decode(razor::Decoder& from, std::span<int>& ints) { return razor::decode(from, ints); }
