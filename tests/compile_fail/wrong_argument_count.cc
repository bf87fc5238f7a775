// says: &Calculator::add
#include "tests/compile_fail/calculator.h"

razor::Task<void> call(razor::Client<Calculator>& calculator) { (void)co_await calculator.add(1); }
