#include "tests/scenarios/calculator_talk.h"

#include <numeric>

#include "razor/api/client.h"
#include "razor/api/server.h"
#include "razor/api/service.h"
#include "razor/runtime/when.h"
#include "razor/stream/client_stream.h"

namespace razor::test {
namespace {

using namespace std::chrono_literals;

struct Calculator {
  virtual Call<int> add(int a, int b) = 0;
  virtual Call<int, std::string> div(int a, int b) = 0;
  virtual Call<int> sum_slowly(std::vector<int> numbers) = 0;
  RAZOR_SERVICE(Calculator, add, div, sum_slowly)
};

class CalculatorImpl final : public Calculator {
 public:
  explicit CalculatorImpl(Runtime& runtime) : runtime_(runtime) {}

  Call<int> add(int a, int b) override { return a + b; }
  Call<int, std::string> div(int a, int b) override {
    if (b == 0) return Fail{"division by zero"};
    return a / b;
  }
  Call<int> sum_slowly(std::vector<int> numbers) override {
    co_await runtime_.clock().sleep_for(10ms);
    co_return std::accumulate(numbers.begin(), numbers.end(), 0);
  }

 private:
  Runtime& runtime_;
};

template <class T, class E>
std::string line(const Reply<T, E>& reply) {
  if (reply.ok()) return std::to_string(*reply);
  if constexpr (std::is_same_v<E, std::string>) {
    if (reply.has_error()) return "error: " + reply.error();
  }
  return "failed: " + reply.call_error().message();
}

}  // namespace

Task<void> serve_calculator(Runtime& runtime, Address address) {
  Server server(runtime);
  server.add(std::make_shared<CalculatorImpl>(runtime));
  const auto bound = server.listen(address);
  RAZOR_CHECK(bound.ok(), "listen on {}: {}", address, bound.error().message());
  co_await runtime.clock().sleep_for(Duration::max());
}

Task<std::vector<std::string>> ask_calculator(Runtime& runtime, Address address) {
  auto stream = co_await ClientStream::connect(runtime, address);
  while (!stream) {  // it may not listen yet
    co_await runtime.clock().sleep_for(10ms);
    stream = co_await ClientStream::connect(runtime, address);
  }
  const Client<Calculator> calculator(*stream);
  std::vector<std::string> lines;
  const Reply<int> sum = co_await calculator.add(1, 2);
  lines.push_back(line(sum));
  const Reply<int, std::string> quotient = co_await calculator.div(7, 2);
  lines.push_back(line(quotient));
  const Reply<int, std::string> error = co_await calculator.div(1, 0);
  lines.push_back(line(error));
  const std::vector<int> numbers = {1, 2, 3, 4};
  const auto [slow, fast] = co_await when_all(calculator.sum_slowly(numbers), calculator.add(20, 22));
  lines.push_back(line(slow));
  lines.push_back(line(fast));
  const std::vector<int> none;
  const auto patience = calculator.with({.timeout = 5s});
  const Reply<int> empty = co_await patience.sum_slowly(none);
  lines.push_back(line(empty));
  co_await stream->close(1s);
  co_return lines;
}

std::vector<std::string> expected_answers() { return {"3", "3", "error: division by zero", "10", "42", "0"}; }

}  // namespace razor::test
