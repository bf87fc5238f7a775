// [quote:program]
#include <razor/razor.h>

#include <cstdio>

using namespace std::chrono_literals;

// The service: an interface, and one line that lists its methods.
struct Calculator {
  virtual razor::Call<int> add(int a, int b) = 0;
  virtual razor::Call<int, std::string> div(int a, int b) = 0;  // its own error is a text
  virtual razor::Call<std::string> wait(int milliseconds) = 0;
  RAZOR_SERVICE(Calculator, add, div, wait)
};

// An implementation: plain functions where they suffice, coroutines where something takes time.
class CalculatorImpl final : public Calculator {
 public:
  explicit CalculatorImpl(razor::Runtime& runtime) : runtime_(runtime) {}

  razor::Call<int> add(int a, int b) override { return a + b; }

  razor::Call<int, std::string> div(int a, int b) override {
    if (b == 0) return razor::Fail{"division by zero"};
    return a / b;
  }

  razor::Call<std::string> wait(int milliseconds) override {
    co_await runtime_.clock().sleep_for(std::chrono::milliseconds(milliseconds));
    const razor::CallContext context = co_await razor::context();
    co_return "waited for " + context.peer().to_string();
  }

 private:
  razor::Runtime& runtime_;
};

razor::Task<void> talk(razor::Runtime& runtime, razor::Address address) {
  razor::ClientPool pool(runtime, address);  // connects with the first call, and again when a connection is lost
  razor::Client<Calculator> calculator(pool);

  const razor::Reply<int> sum = co_await calculator.add(1, 2);
  if (sum.ok()) std::printf("1 + 2 = %d\n", *sum);

  // A reply is the result, the method's own error, or a failure of the call that says whether it ran.
  const razor::Reply<int, std::string> quotient = co_await calculator.div(1, 0);
  if (quotient.has_error()) std::printf("1 / 0: %s\n", quotient.error().c_str());

  // Calls are on their way once they are made: these two wait together.
  const auto [first, second] = co_await razor::when_all(calculator.wait(20), calculator.with({.timeout = 5s}).wait(10));
  if (first.ok() && second.ok()) std::printf("%s, twice at a time\n", first->substr(0, 20).c_str());

  co_await pool.close(1s);
}

int main() {
  razor::AsioRuntime runtime;
  razor::Server server(runtime);
  server.add(std::make_shared<CalculatorImpl>(runtime));
  const auto address = server.listen(*razor::Address::parse("127.0.0.1:0"));
  if (!address) return 1;
  runtime.block_on(talk(runtime, *address));
  runtime.block_on(server.close(1s));
}
// [/quote]
