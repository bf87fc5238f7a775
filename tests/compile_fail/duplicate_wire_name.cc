// says: two methods of a service have the same name on the wire
// says: CheckWireName<&Duplicates::second
#include "razor/api/client.h"

struct Duplicates {
  virtual razor::Call<> first() = 0;
  virtual razor::Call<> second() = 0;
  RAZOR_SERVICE(Duplicates, first, RAZOR_METHOD_AS(second, "first"))
};

void use(razor::stream::Channel& channel) { razor::Client<Duplicates> client(channel); }
