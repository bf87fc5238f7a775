// says: nothing says how this type travels
// says: Inner
#include "razor/api/client.h"

struct Inner {
  int id = 0;
};
struct Outer {
  std::vector<Inner> inner;
  RAZOR_FIELDS(Outer, inner)
};
struct Store {
  virtual razor::Call<Outer> get() = 0;
  RAZOR_SERVICE(Store, get)
};

void call(razor::Client<Store>& store) { (void)store.get(); }
