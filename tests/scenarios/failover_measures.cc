#include "tests/scenarios/failover_measures.h"

#include "tests/scenarios/pool_load.h"

namespace razor::test {
namespace {

struct Measured {
  Measured(sim::World& owner, int servers, const PoolLoadConfig& config, ServerConfig server = {})
      : world(owner),
        ledger(owner),
        cluster(world, ledger, servers, server),
        caller(world, ledger, cluster.addresses(), config) {}
  ~Measured() { world.fabric().kill_all(); }

  sim::World& world;
  faults::Ledger ledger;
  Cluster cluster;
  PoolCaller caller;
};

PoolLoadConfig idempotent_load() {
  PoolLoadConfig config;
  config.stop_after = 1h;
  config.idempotent = 10;
  config.in_flight = 16;
  config.pause_max = 10ms;
  config.handler_ms_max = 10;
  config.timeout_min = config.timeout_max = 20s;
  return config;
}

void lose(Measured& test, Loss loss) {
  sim::Host& server = test.cluster.host(0);
  switch (loss) {
    case Loss::killed: return server.kill();
    case Loss::crashed: return server.crash();
    case Loss::paused: return server.pause();
    case Loss::cut: return test.world.cut(server, test.caller.host());
    case Loss::cut_one_way: return test.world.cut_one_way(server, test.caller.host());
  }
}

void give_back(Measured& test, Loss loss) {
  sim::Host& server = test.cluster.host(0);
  switch (loss) {
    case Loss::killed: return server.start_again();
    case Loss::crashed: return server.restart();
    case Loss::paused: return server.resume();
    case Loss::cut:
    case Loss::cut_one_way: return test.world.heal_all();
  }
}

}  // namespace

LossMeasure lose_one_of_two(sim::World& world, Loss loss, base::Duration span) {
  Measured test(world, 2, idempotent_load());
  LossMeasure measure;
  base::Duration* slowest = &measure.usual;
  test.caller.on_end = [&](std::uint64_t, bool, base::TimePoint, base::Duration took, const CallError* error) {
    *slowest = std::max(*slowest, took);
    if (error != nullptr) ++measure.failed;
  };
  const auto attempts = [&] { return test.caller.pool()->state().addresses[0].attempts; };
  world.run_for(world.random("until the loss").between(3s, 5s));
  slowest = &measure.slowest;

  lose(test, loss);
  const base::TimePoint lost_at = world.now();
  std::uint64_t seen = attempts();
  while (world.now() < lost_at + span) {
    world.run_for(5ms);
    if (attempts() != std::exchange(seen, attempts())) measure.avoided_after = world.now() - lost_at;
  }
  give_back(test, loss);
  const base::TimePoint back_at = world.now();
  const std::uint64_t dispatched = test.cluster.members[0]->dispatched;
  RAZOR_REQUIRE(world.run_until([&] { return test.cluster.members[0]->dispatched > dispatched && attempts() > seen; }, 60s),
                "never used again: {}", test.caller.pool()->state().to_string());
  measure.used_again_after = world.now() - back_at;
  test.caller.stop();
  RAZOR_REQUIRE(world.run_until([&] { return test.caller.finished(); }, 60s));
  check_all_ended(test.ledger);
  return measure;
}

base::Duration all_lost_and_back(sim::World& world, base::Duration span) {
  Measured test(world, 2, idempotent_load());
  world.run_for(world.random("until the loss").between(3s, 5s));
  for (const auto& member : test.cluster.members) test.cluster.host(*member).kill();
  world.run_for(span);
  for (const auto& member : test.cluster.members) test.cluster.host(*member).start_again();
  const base::TimePoint back_at = world.now();
  const std::size_t succeeded = test.ledger.succeeded_count();
  RAZOR_REQUIRE(world.run_until([&] { return test.ledger.succeeded_count() > succeeded; }, 60s), "no call succeeds: {}",
                test.caller.pool()->state().to_string());
  return world.now() - back_at;
}

RetryMeasure everything_fails(sim::World& world) {
  PoolLoadConfig config = idempotent_load();
  config.timeout_min = config.timeout_max = 2s;
  Measured test(world, 2, config);
  for (const auto& member : test.cluster.members) member->broken = true;
  world.run_for(1min);
  const PoolStats stats = test.caller.pool()->state().stats;
  return {stats.calls_submitted, stats.attempts, config.pool.pool.retry.budget_burst};
}

std::uint64_t false_alarms_under_full_load(sim::World& world) {
  PoolLoadConfig config = idempotent_load();
  config.idempotent = 5;
  config.in_flight = 400;
  config.pause_max = 0ns;
  config.handler_ms_max = 400;
  config.timeout_min = 100ms;
  config.timeout_max = 2s;
  config.pool.pool.stream.window = 16;
  config.pool.pool.connections_max = 2;
  Measured test(world, 2, config);
  world.run_for(1min);
  RAZOR_EXPECT(test.ledger.failed_count(base::Errc::deadline_exceeded) > 1000, "this was not too much");
  RAZOR_EXPECT(test.ledger.succeeded_count() > 1000, "nothing works");
  return test.caller.pool()->state().stats.ejections;
}

}  // namespace razor::test
