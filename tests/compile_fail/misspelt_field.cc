// says: nmae
#include "razor/wire/codec.h"

struct Item {
  int id = 0;
  std::string name;
  RAZOR_FIELDS(Item, id, nmae)
};
