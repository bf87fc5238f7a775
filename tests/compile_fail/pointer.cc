// says: a pointer does not travel
#include "razor/api/server.h"

struct Node {
  int* next = nullptr;
  RAZOR_FIELDS(Node, next)
};
struct Store {
  virtual razor::Call<> put(Node node) = 0;
  RAZOR_SERVICE(Store, put)
};
struct StoreImpl final : Store {
  razor::Call<> put(Node) override { return {}; }
};

void serve(razor::Server& server) { server.add(std::make_shared<StoreImpl>()); }
