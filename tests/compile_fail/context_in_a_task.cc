// says: co_await razor::context() works in the coroutine that is the handler
#include "tests/compile_fail/calculator.h"

razor::Task<void> helper() { (void)co_await razor::context(); }
