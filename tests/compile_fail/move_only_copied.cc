// says: an argument cannot be copied: hand it over, std::move(argument)
// says: &Store::put
#include "razor/api/client.h"

struct Store {
  virtual razor::Call<> put(std::unique_ptr<int> value) = 0;
  RAZOR_SERVICE(Store, put)
};

void call(razor::Client<Store>& store, std::unique_ptr<int>& value) { (void)store.put(value); }
