#pragma once
// The service that the files here use in wrong ways.

#include "razor/api/client.h"
#include "razor/api/server.h"

struct Calculator {
  virtual razor::Call<int> add(int a, int b) = 0;
  virtual razor::Call<int, std::string> div(int a, int b) = 0;
  RAZOR_SERVICE(Calculator, add, div)
};
