// says: razor_a_service_cannot_derive_from_another_service
// Its stub and its table would have the methods of the last one only.
#include "razor/service.h"

struct Reading {
  virtual razor::Call<int> get() = 0;
  RAZOR_SERVICE(Reading, get)
};
struct Writing : Reading {
  virtual razor::Call<> put(int value) = 0;
  RAZOR_SERVICE(Writing, put)
};
