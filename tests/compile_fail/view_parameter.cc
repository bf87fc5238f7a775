// says: a view cannot be decoded into
#include "razor/api/server.h"

struct Views {
  virtual razor::Call<> put(std::string_view text) = 0;
  RAZOR_SERVICE(Views, put)
};
struct ViewsImpl final : Views {
  razor::Call<> put(std::string_view) override { return {}; }
};

void serve(razor::Server& server) { server.add(std::make_shared<ViewsImpl>()); }
