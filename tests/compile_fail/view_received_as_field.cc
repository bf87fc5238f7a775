// says: a view cannot be decoded into
#include "razor/api/server.h"

struct Text {
  std::string_view text;
  RAZOR_FIELDS(Text, text)
};
struct Store {
  virtual razor::Call<> put(Text text) = 0;
  RAZOR_SERVICE(Store, put)
};
struct StoreImpl final : Store {
  razor::Call<> put(Text) override { return {}; }
};

void serve(razor::Server& server) { server.add(std::make_shared<StoreImpl>()); }
