// says: no match for call
// says: &Store::put
// only: g++
// lines: 29 0
#include "razor/api/client.h"
#include "razor/wire/msgpack_adaptor.h"

struct Item {
  int id = 0;
  std::string name;
  MSGPACK_DEFINE_MAP(id, name)
};
struct Store {
  virtual razor::Call<> put(Item item) = 0;
  RAZOR_SERVICE(Store, put)
};

razor::Task<void> call(razor::Client<Store>& store) { (void)co_await store.put({1, "one"}); }
