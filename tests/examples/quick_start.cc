// [quote:program]
#include <razor/razor.h>

#include <cstdio>

struct Calculator {  // the service: an interface, and one line that lists its methods
  virtual razor::Call<int> add(int a, int b) = 0;
  virtual razor::Call<int, std::string> div(int a, int b) = 0;  // a text is this method's own error
  RAZOR_SERVICE(Calculator, add, div)
};

struct CalculatorImpl final : Calculator {
  razor::Call<int> add(int a, int b) override { return a + b; }
  razor::Call<int, std::string> div(int a, int b) override {
    if (b == 0) return razor::Fail{"division by zero"};
    return a / b;
  }
};

razor::Task<void> talk(razor::Runtime& runtime, razor::Address address) {
  razor::ClientPool pool(runtime, address);  // connects with the first call, and again after a loss
  razor::Client<Calculator> calculator(pool);
  const razor::Reply<int, std::string> quotient = co_await calculator.div(7, 0);
  if (quotient.ok()) std::printf("%d\n", *quotient);
  if (quotient.has_error()) std::printf("7 / 0: %s\n", quotient.error().c_str());
  if (quotient.has_call_error()) std::printf("%s\n", quotient.call_error().message().c_str());  // says whether it ran
}

int main() {
  razor::AsioRuntime runtime;
  razor::Server server(runtime);
  server.add(std::make_shared<CalculatorImpl>());
  runtime.block_on(talk(runtime, *server.listen(*razor::Address::parse("127.0.0.1:0"))));
}
// [/quote]
