// says: nothing says how this type travels
// says: RAZOR_FIELDS(Type, field, ...)
// says: Item
#include "razor/api/server.h"

struct Item {
  int id = 0;
};
struct Store {
  virtual razor::Call<> put(Item item) = 0;
  RAZOR_SERVICE(Store, put)
};
struct StoreImpl final : Store {
  razor::Call<> put(Item) override { return {}; }
};

void serve(razor::Server& server) { server.add(std::make_shared<StoreImpl>()); }
