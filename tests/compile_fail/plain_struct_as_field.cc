// says: nothing says how this type travels
// says: Inner
#include "razor/wire/codec.h"

struct Inner {
  int id = 0;
};
struct Outer {
  Inner inner;
  RAZOR_FIELDS(Outer, inner)
};

razor::Bytes encode(const Outer& outer) { return razor::wire::encoded(outer); }
