// says: would be cut to its base
#include "razor/wire/codec.h"

struct Shape {
  virtual ~Shape() = default;
  RAZOR_UNIT(Shape)
};

razor::Bytes encode(const std::unique_ptr<Shape>& shape) { return razor::wire::encoded(shape); }
