// says: a method of a service is named as a member of its stub
// says: &Taken::with
#include "razor/api/client.h"

struct Taken {
  virtual razor::Call<> with() = 0;
  RAZOR_SERVICE(Taken, with)
};

void use(razor::stream::Channel& channel) { razor::Client<Taken> client(channel); }
