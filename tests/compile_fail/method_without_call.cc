// says: a method of a service returns a razor::Call
// says: &NoCall::add
#include "razor/api/client.h"

struct NoCall {
  virtual int add(int a, int b) = 0;
  RAZOR_SERVICE(NoCall, add)
};

void use(razor::stream::Channel& channel) { razor::Client<NoCall> client(channel); }
