// Compiles: the others in this folder differ from it by one mistake each.
#include "tests/compile_fail/calculator.h"

struct CalculatorImpl final : Calculator {
  razor::Call<int> add(int a, int b) override { return a + b; }
  razor::Call<int, std::string> div(int a, int b) override { return a / b; }
};

struct Item {
  int id = 0;
  std::string name;
  RAZOR_FIELDS(Item, id, name)
};
class Store {  // nothing of it is public but what RAZOR_SERVICE writes
  virtual razor::Call<> put(Item item) = 0;
  RAZOR_SERVICE(Store, put)
};

void serve(razor::Server& server) { server.add(std::make_shared<CalculatorImpl>()); }
razor::Task<int> call(razor::Client<Calculator>& calculator, razor::Client<Store>& store) {
  (void)co_await store.put(Item(1, "one"));
  (void)co_await store.put({1, "one"});
  co_return *co_await calculator.add(1, 2);
}
