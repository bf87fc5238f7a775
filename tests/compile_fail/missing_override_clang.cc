// says: unimplemented pure virtual method 'add'
// only: clang++
// lines: 0 46
#include "tests/compile_fail/calculator.h"

struct CalculatorImpl final : Calculator {
  razor::Call<int, std::string> div(int a, int b) override { return a / b; }
};

void serve(razor::Server& server) { server.add(std::make_shared<CalculatorImpl>()); }
