// says: an argument does not convert to the method's parameter
// says: &Calculator::add
// lines: 25 31
#include "tests/compile_fail/calculator.h"

razor::Task<void> call(razor::Client<Calculator>& calculator) { (void)co_await calculator.add(1, "two"); }
