// says: razor awaitables are awaited in razor coroutines
// lines: 30 37
#include "tests/compile_fail/calculator.h"

struct Foreign {
  struct promise_type {
    Foreign get_return_object() { return {}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {}
  };
};

Foreign call(razor::Client<Calculator>& calculator) { (void)co_await calculator.add(1, 2); }
