// says: takes its parameters by value
// says: &ByReference::put
#include "razor/api/client.h"

struct ByReference {
  virtual razor::Call<> put(const std::string& text) = 0;
  RAZOR_SERVICE(ByReference, put)
};

void use(razor::stream::Channel& channel) { razor::Client<ByReference> client(channel); }
