// says: Bytes inside a message are razor::Bytes
#include "razor/api/server.h"

struct Page {
  int number = 0;
  razor::Blob content;
  RAZOR_FIELDS(Page, number, content)
};
struct Store {
  virtual razor::Call<> put(Page page) = 0;
  RAZOR_SERVICE(Store, put)
};
struct StoreImpl final : Store {
  razor::Call<> put(Page) override { return {}; }
};

int main() {
  razor::api::ServiceDispatch dispatch;
  dispatch.add(std::make_shared<StoreImpl>());
}
