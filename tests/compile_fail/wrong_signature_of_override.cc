// says: add
// says: override
#include "tests/compile_fail/calculator.h"

struct CalculatorImpl final : Calculator {
  razor::Call<int> add(int a, long b) override { return a + static_cast<int>(b); }
  razor::Call<int, std::string> div(int a, int b) override { return a / b; }
};
