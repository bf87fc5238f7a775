// says: a pointer does not travel
#include "razor/wire/codec.h"

struct Node {
  int* next = nullptr;
  RAZOR_FIELDS(Node, next)
};

razor::Bytes encode(const Node& node) { return razor::wire::encoded(node); }
