// says: RAZOR_SERVICE(Store, put)
#include "razor/api/client.h"

struct Store {
  virtual razor::Call<> put(int value) = 0;
  virtual razor::Call<> put(std::string value) = 0;
  RAZOR_SERVICE(Store, put)
};

void call(razor::Client<Store>& store) {
  (void)store;
  (void)store.put(1);
}
