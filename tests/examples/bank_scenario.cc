// [quote:program]
#include <faults/exploration.h>
#include <faults/rule.h>
#include <razor/razor.h>

using namespace std::chrono_literals;

struct Bank {
  virtual razor::Call<> deposit(int amount) = 0;
  RAZOR_SERVICE(Bank, deposit)
};

// What the scenario knows of the money: the bank's disk outlives its crashes.
struct Money {
  long asked = 0;      // to be deposited
  long stored = 0;     // on the disk
  long confirmed = 0;  // to the shop
};

struct BankImpl final : Bank {
  explicit BankImpl(Money& disk) : money(disk) {}
  razor::Call<> deposit(int amount) override {
    money.stored += amount;
    return {};
  }
  Money& money;
};

razor::Task<void> serve(razor::Runtime& runtime, Money& money) {
  razor::Server server(runtime);
  server.add(std::make_shared<BankImpl>(money));
  (void)server.listen(*razor::Address::parse("0.0.0.0:8082"));
  co_await runtime.clock().sleep_for(razor::Duration::max());
}

razor::Task<void> sell(razor::Runtime& runtime, razor::Address bank_address, Money& money) {
  razor::ClientPool pool(runtime, bank_address);
  const razor::Client<Bank> bank(pool);
  while (true) {
    money.asked += 5;
    const razor::Reply<void> reply = co_await bank.deposit(5);
    if (reply.ok()) money.confirmed += 5;
    if (!reply.ok() && reply.ran() == razor::Ran::no) money.asked -= 5;  // it was never done
    co_await runtime.clock().sleep_for(20ms);
  }
}

RAZOR_SCENARIO(no_deposit_is_lost_or_doubled) {
  razor::faults::Exploration run(world);  // draws from the world's seed, or plays the plan that --plan gives
  Money money;
  razor::sim::Host& bank = world.host("bank");
  bank.start([&](razor::Runtime& runtime) { return serve(runtime, money); });
  const auto shops = run.number("shops", 1, 3);  // a plan may `set shops 2`
  for (int i = 0; i < shops; ++i) {
    world.host(fmt::format("shop{}", i)).start([&](razor::Runtime& runtime) {
      return sell(runtime, bank.address(8082), money);
    });
  }
  run.set_roles({.servers = {"bank"}, .callers = {"shop0"}});
  run.play(5min);  // crashes, cuts, slow links ...: another mixture with each seed
  run.heal();

  const long before = money.confirmed;
  RAZOR_RULE("recovery", world.run_until([&] { return money.confirmed > before; }, 30s), "no deposit after all is well");
  RAZOR_RULE("money", money.confirmed <= money.stored && money.stored <= money.asked,
             "{} were asked for, {} are stored, {} confirmed", money.asked, money.stored, money.confirmed);
}
// [/quote]
