// says: first
// lines: 70
#include "razor/api/client.h"

struct Duplicates {
  virtual razor::Call<> first() = 0;
  RAZOR_SERVICE(Duplicates, first, first)
};
