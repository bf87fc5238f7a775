// says: this type has no default constructor
#include "razor/wire/codec.h"

struct Item {
  explicit Item(int number) : id(number) {}
  int id;
};

template <>
struct razor::Codec<Item> {
  static void encode(Encoder& to, const Item& item) { razor::encode(to, item.id); }
  static bool decode(Decoder& from, Item& item) { return razor::decode(from, item.id); }
};

bool decode(razor::Decoder& from, std::vector<Item>& items) { return razor::decode(from, items); }
