// says: takes at most one razor::Blob
#include "razor/api/server.h"

struct Store {
  virtual razor::Call<> put(razor::Blob head, razor::Blob body) = 0;
  RAZOR_SERVICE(Store, put)
};
struct StoreImpl final : Store {
  razor::Call<> put(razor::Blob, razor::Blob) override { return {}; }
};

int main() {
  razor::api::ServiceDispatch dispatch;
  dispatch.add(std::make_shared<StoreImpl>());
}
