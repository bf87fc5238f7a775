#include "razor/base/planted.h"

#include <cstdlib>

int razor_planted = 0;

// Before whatever else is made before main.
[[gnu::constructor(101)]] static void read_planted() {
  if (const char* number = std::getenv("RAZOR_PLANTED")) razor_planted = std::atoi(number);
}
