// says: ad
// says: override
#include "tests/compile_fail/calculator.h"

struct CalculatorImpl final : Calculator {
  razor::Call<int> ad(int a, int b) override { return a + b; }
  razor::Call<int, std::string> div(int a, int b) override { return a / b; }
};
