// says: 'Item::Item()'
#include "razor/wire/codec.h"

struct Base {
  explicit Base(int number) : id(number) {}
  int id;
};
struct Item : Base {
  std::string name;
  RAZOR_FIELDS(Item, id, name)
};

bool decode(razor::Decoder& from, std::vector<Item>& items) { return razor::decode(from, items); }
