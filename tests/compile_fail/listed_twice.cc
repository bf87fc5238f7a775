// says: first
// lines: 25 83
#include "razor/api/client.h"

struct Duplicates {
  virtual razor::Call<> first() = 0;
  RAZOR_SERVICE(Duplicates, first, first)
};
