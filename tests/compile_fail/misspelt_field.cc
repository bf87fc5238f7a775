// says: nmae
// lines: 30
#include "razor/wire/codec.h"

struct Item {
  int id = 0;
  std::string name;
  RAZOR_FIELDS(Item, id, nmae)
};
