// says: this type has no default constructor
// says: Item
#include "razor/api/server.h"

struct Item {
  explicit Item(int number) : id(number) {}
  int id;
};

template <>
struct razor::Codec<Item> {
  static void encode(Encoder& to, const Item& item) { razor::encode(to, item.id); }
  static bool decode(Decoder& from, Item& item) { return razor::decode(from, item.id); }
};

struct Store {
  virtual razor::Call<> put(std::vector<Item> value) = 0;
  RAZOR_SERVICE(Store, put)
};
struct StoreImpl final : Store {
  razor::Call<> put(std::vector<Item>) override { return {}; }
};

void serve(razor::Server& server) { server.add(std::make_shared<StoreImpl>()); }
