// Small scenarios that break a rule, crash or hang under certain faults, for trials of the minimiser: `./toy_scenarios minimise
// --scenario pays_twice --seed N --page x.html`. Their bugs are in them on purpose.

#include <fmt/format.h>

#include <algorithm>

#include "faults/exploration.h"
#include "faults/ledger.h"
#include "faults/rule.h"
#include "razor/razor.h"
#include "sim/scenario.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

struct Bank {
  virtual Call<std::uint64_t> pay(std::uint64_t call) = 0;
  RAZOR_SERVICE(Bank, pay)
};

struct BankImpl final : Bank {
  BankImpl(Ledger& bookkeeping, std::string host) : ledger(bookkeeping), name(std::move(host)) {}
  Call<std::uint64_t> pay(std::uint64_t call) override {
    ledger.dispatched(call, name, 0);
    ledger.answered(call, HandlerAnswer::value, call);
    return call;
  }
  Ledger& ledger;
  std::string name;
};

Task<void> serve(Runtime& runtime, Ledger& ledger, std::string name) {
  Server server(runtime);
  server.add(std::make_shared<BankImpl>(ledger, name));
  (void)server.listen(*Address::parse("0.0.0.0:8082"));
  co_await runtime.clock().sleep_for(Duration::max());
}

// The bug: when a call has failed it is sent to the next bank, though it may have been executed by the last.
Task<void> pay(Runtime& runtime, Ledger& ledger, const std::vector<Address>& banks, std::string name, Duration pause) {
  std::vector<std::unique_ptr<ClientPool>> pools;
  for (const Address& bank : banks) pools.push_back(std::make_unique<ClientPool>(runtime, bank));
  while (true) {
    const std::uint64_t call = ledger.submitted({.name = "Bank.pay",
                                                 .caller = name,
                                                 .timeout = 20s,
                                                 .request_hash = 0,
                                                 .times_checked = false,
                                                 .peers_trusted = false});
    for (const auto& pool : pools) {
      const Client<Bank> bank(*pool);
      const Reply<std::uint64_t> reply = co_await bank.with({.timeout = 2s}).pay(call);
      if (!reply.ok() && pool != pools.back()) continue;
      if (reply.ok()) ledger.succeeded(call, call);
      if (!reply.ok()) ledger.failed(call, reply.call_error());
      break;
    }
    co_await runtime.clock().sleep_for(pause);
  }
}

// Callers that send again what may have been executed.
RAZOR_SCENARIO(pays_twice) {
  Exploration run(world);
  Ledger ledger(world);
  Roles roles;
  std::vector<Address> banks;
  const std::int64_t servers = run.number("servers", 2, 4);
  for (std::int64_t i = 0; i < servers; ++i) {
    sim::Host& host = world.host(fmt::format("bank{}", i));
    roles.servers.push_back(host.name());
    banks.push_back(host.address(8082));
    host.start([&ledger, name = host.name()](Runtime& runtime) { return serve(runtime, ledger, name); });
  }
  const std::int64_t callers = run.number("callers", 1, 4);
  const Duration pause = run.duration("pause", 10ms, 300ms);
  for (std::int64_t i = 0; i < callers; ++i) {
    sim::Host& host = world.host(fmt::format("shop{}", i));
    roles.callers.push_back(host.name());
    host.start([&, name = host.name()](Runtime& runtime) { return pay(runtime, ledger, banks, name, pause); });
  }
  run.set_roles(roles);
  run.play(2min);
  run.heal();
}

// Of three replicas two must be up at any time. It takes two faults.
RAZOR_SCENARIO(loses_its_majority) {
  Exploration run(world);
  Roles roles;
  for (const char* name : {"replica0", "replica1", "replica2"}) {
    world.host(name);
    roles.servers.emplace_back(name);
  }
  roles.callers.push_back(world.host("client0").name());
  run.set_roles(roles);
  run.start(2min);
  const auto count_up = [&] {
    return std::ranges::count_if(roles.servers, [&world](const std::string& name) {
      return world.host(name).is_up() && !world.host(name).is_paused();
    });
  };
  while (world.elapsed() < 2min) {
    world.run_for(5ms);
    const auto up = count_up();
    RAZOR_RULE("majority", up >= 2, "{} of 3 replicas are up", up);
    if (up < 2) return;
  }
}

Task<void> hold(Runtime& runtime, int& held) {
  ++held;
  co_await runtime.clock().sleep_for(Duration::max());
}

// One host that is looked after, and what happens once it has been crashed or killed.
template <class Misdeed>
void when_restarted(sim::World& world, const Misdeed& misdeed) {
  Exploration run(world);
  int held = 0;
  world.host("server0").start([&held](Runtime& runtime) { return hold(runtime, held); });
  world.host("caller0");
  run.set_roles({.servers = {"server0"}, .callers = {"caller0"}});
  run.play(1min);
  if (held > 1) misdeed(held);
}

RAZOR_SCENARIO(checks_when_restarted) {
  when_restarted(world, [](int held) { RAZOR_CHECK(held == 1, "started {} times", held); });
}

RAZOR_SCENARIO(hangs_when_restarted) {
  when_restarted(world, [&world](int held) {
    while (held > 0) world.run_for(1s);
  });
}

RAZOR_SCENARIO(eats_memory_when_restarted) {
  when_restarted(world, [](int held) {
    // Asked for and never touched: where there is no limit, it costs nothing.
    std::vector<std::byte> eaten;
    eaten.reserve(std::size_t{6} << 30);
    RAZOR_EXPECT(eaten.data() != nullptr, "started {} times", held);
  });
}

// Needs a restart, and bad luck, which is another with every change of the plan and of the seed.
RAZOR_SCENARIO(fails_by_luck_when_restarted) {
  when_restarted(
      world, [&world](int held) { RAZOR_RULE("luck", (world.digest() + world.seed()) % 4 != 0, "started {} times", held); });
}

RAZOR_SCENARIO(fails_without_faults) {
  Exploration run(world);
  const std::int64_t coins = run.number("coins", 3, 1000);
  world.host("server0");
  run.set_roles({.servers = {"server0"}});
  run.play(10s);
  RAZOR_RULE("coins", coins < 7, "there are {} <coins> & more", coins);
}

RAZOR_SCENARIO(passes) {
  Exploration run(world);
  world.host("server0");
  run.set_roles({.servers = {"server0"}});
  run.play(10s);
}

// Without an Exploration.
RAZOR_SCENARIO(has_no_plan) {
  world.run_for(1s);
  RAZOR_RULE("plan", world.seed() != 3, "no plan at all");
}

}  // namespace
}  // namespace razor::faults
