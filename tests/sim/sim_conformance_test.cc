// RuntimeConformance in a simulated world: the suite that the Asio runtime passes.

#include "sim/world.h"
#include "tests/runtime/conformance_test.h"

namespace razor::test {
namespace {

using namespace std::chrono_literals;
using runtime::Address;
using runtime::Task;

class SimMaker final : public RuntimeMaker {
 public:
  explicit SimMaker(std::uint64_t seed) : world_(seed), runtime_(&world_.host("here").add_runtime()) {}

  runtime::Runtime& runtime() override { return *runtime_; }
  bool run(Task<void> task) override {
    bool finished = false;
    runtime_->executor().spawn("conformance test", and_note(std::move(task), finished));
    return world_.run_until([&finished] { return finished; }, 1h);
  }
  void destroy_runtime() override { runtime_->kill(); }
  Address address_to_listen_on() override { return Address::tcp("127.0.0.1", 0); }
  Address address_that_refuses() override { return Address::tcp("127.0.0.1", 1); }
  std::optional<Address> address_that_hangs() override {
    sim::Host& down = world_.host("down");
    down.crash();
    return down.address(80);
  }
  std::optional<Address> address_without_host() override { return Address::tcp("no-such-host", 80); }
  bool has_foreign_threads() const override { return false; }
  bool runs_in_order() const override { return false; }

 private:
  static Task<void> and_note(Task<void> task, bool& finished) {
    co_await std::move(task);
    finished = true;
  }

  sim::World world_;
  sim::SimRuntime* runtime_;
};

std::vector<RuntimeKind> kinds() {
  std::vector<RuntimeKind> kinds;
  for (const std::uint64_t seed : {1u, 2u, 3u, 4u, 5u}) {
    kinds.push_back({"SimSeed" + std::to_string(seed), [seed] { return std::make_unique<SimMaker>(seed); }});
  }
  return kinds;
}

INSTANTIATE_TEST_SUITE_P(Sim, RuntimeConformance, testing::ValuesIn(with_other_transports(kinds())), name_of);

}  // namespace
}  // namespace razor::test
