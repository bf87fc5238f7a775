// Pools under load and under every fault, with a ledger of all calls and oracles on the way: CONTRACT 1 to 5, 12 to 15, 20 to
// 22, 25 to 30.

#include "tests/scenarios/pool_load.h"

namespace razor::test {
namespace {

// Destroys what runs on the hosts before what it refers to goes.
struct StopAtEnd {
  explicit StopAtEnd(sim::World& owner) : world(owner) {}
  ~StopAtEnd() { world.fabric().kill_all(); }
  sim::World& world;
};

// Some servers, and one caller.
struct PoolTest {
  PoolTest(sim::World& owner, int servers, const PoolLoadConfig& load, ServerConfig server = {})
      : world(owner),
        config(load),
        ledger(owner),
        cluster(world, ledger, servers, server),
        caller(world, ledger, cluster.addresses(), config) {}

  void run_for(base::Duration span) {
    const base::TimePoint until = world.now() + span;
    while (world.now() < until) {
      world.run_for(std::min<base::Duration>(100ms, until - world.now()));
      caller.check_bounds();
    }
  }

  void expect_all_succeed() {
    caller.on_end = [](std::uint64_t id, bool, base::TimePoint, base::Duration, const CallError* error) {
      RAZOR_EXPECT(error == nullptr, "call {}: {}", id, error->message());
    };
  }

  /// CONTRACT 27: all faults have been healed; soon every address is in use, and calls succeed. With the pool that the caller
  /// has still.
  void expect_recovery() {
    world.heal_all();
    for (const auto& member : cluster.members) {
      sim::Host& host = cluster.host(*member);
      if (!host.is_up()) host.restart();
      host.resume();
      member->slower_by = {};
      member->knows_leader = true;
    }
    // The longest that anything is put off: a retransmission that is under way, a dead connection that has to be noticed, the
    // pause between two attempts to connect.
    run_for(10s);
    const std::size_t succeeded = ledger.succeeded_count();
    std::vector<std::uint64_t> dispatched;
    for (const auto& member : cluster.members) dispatched.push_back(member->dispatched);
    run_for(10s);
    RAZOR_EXPECT(ledger.succeeded_count() > succeeded, "no call succeeds after all faults were healed: {}",
                 caller.pool()->state().to_string());
    for (const AddressState& address : caller.pool()->state().addresses) {
      RAZOR_EXPECT(address.health == pool::HealthState::healthy, "after all faults were healed: {}", address.to_string());
    }
    if (config.pool.balance == Balance::leader || config.led > 0) return;
    for (std::size_t i = 0; i < cluster.members.size(); ++i) {
      RAZOR_EXPECT(cluster.members[i]->dispatched > dispatched[i], "{} gets no calls: {}", cluster.members[i]->name,
                   caller.pool()->state().to_string());
    }
  }

  /// CONTRACT 1, 12, 13, and 25: everything is back.
  void finish(bool close_now = false) {
    caller.stop(close_now);
    RAZOR_REQUIRE(world.run_until([this] { return caller.finished(); }, 60s), "the caller does not finish");
    check_all_ended(ledger);
    const PoolState& last = caller.last_state();
    RAZOR_EXPECT(last.in_flight == 0 && last.waiting == 0 && last.bytes == 0, "left behind: {}", last.to_string());
    const PoolStats& stats = last.stats;
    RAZOR_EXPECT(stats.calls_submitted == stats.calls_answered + stats.calls_failed_total() + stats.calls_abandoned, "{}",
                 last.to_string());
    RAZOR_EXPECT(stats.calls_submitted == ledger.calls());
    // Nothing of it goes on: once the servers' systems have heard, neither its connections nor its timers are there.
    RAZOR_EXPECT(world.run_until([this] { return caller.host().connection_count() == 0; }, 5min), "{} connections are left",
                 caller.host().connection_count());
  }

  sim::World& world;
  PoolLoadConfig config;
  faults::Ledger ledger;
  Cluster cluster;
  PoolCaller caller;
  StopAtEnd at_end{world};
};

// Settings drawn anew for each seed.
PoolLoadConfig drawn_config(sim::RandomStream& draw) {
  PoolLoadConfig config;
  config.stop_after = 1h;
  const std::uint64_t balance = draw.below(3);
  config.pool.balance = static_cast<Balance>(balance);
  config.in_flight = static_cast<int>(1 + draw.below(24));
  config.pool.pool.stream.window = static_cast<std::uint32_t>(1 + draw.below(12));
  config.pool.pool.connections_max = static_cast<std::uint32_t>(1 + draw.below(4));
  if (draw.one_in(2)) config.pool.pool.stream.tick = draw.between(10ms, 1s);
  config.pool.pool.idle_timeout = draw.between(2s, 60s);
  config.pool.pool.queue_calls_max = static_cast<std::uint32_t>(4 + draw.below(1000));
  config.pool.pool.retry.limit = static_cast<std::uint32_t>(draw.below(5));
  config.pool.pool.retry.budget_burst = static_cast<std::uint32_t>(draw.below(100));
  config.idempotent = draw.below(11);
  if (draw.one_in(3)) config.led = 10 - config.idempotent;
  if (draw.one_in(3)) config.pool.hedge_after = draw.between(1ms, 100ms);
  config.pool.pool.fail_fast = draw.one_in(5);
  config.remote = draw.one_in(4);
  return config;
}

void draw_network(sim::World& world, sim::RandomStream& draw) {
  sim::LinkConfig link;
  const base::Duration least = draw.between(10us, 5ms);
  const base::Duration spread = draw.between(0ns, 5ms);
  link.latency = {least, spread, sim::Latency::Shape::exponential};
  if (draw.one_in(2)) link.segment_bytes_max = static_cast<std::uint32_t>(1 + draw.below(2000));
  link.split_one_in = static_cast<std::uint32_t>(draw.below(5));
  world.fabric().set_link_config(link);
}

// One fault for a while, with one server.
void break_something(PoolTest& test, sim::RandomStream& draw) {
  const std::size_t index = draw.below(test.cluster.members.size());
  sim::Host& host = test.cluster.host(index);
  sim::Host& caller = test.caller.host();
  const std::uint64_t fault = draw.below(9);
  const base::Duration span = draw.between(1ms, 8s);
  switch (fault) {
    case 0: host.crash(); break;
    case 1: host.kill(); break;  // connecting is refused
    case 2: host.pause(); break;
    case 3: test.world.cut(caller, host); break;
    case 4: test.world.cut_one_way(caller, host); break;
    case 5: test.world.cut_one_way(host, caller); break;
    case 6: test.cluster.members[index]->slower_by = draw.between(10ms, 10s); break;
    case 7: host.restart(); break;
    case 8: caller.pause(); break;
  }
  test.run_for(span);
  if (!host.is_up()) host.restart();
  if (fault == 1) host.start_again();
  host.resume();
  caller.resume();
  test.world.heal_all();
  test.cluster.members[index]->slower_by = {};
}

RAZOR_SCENARIO(pool_under_every_fault) {
  sim::RandomStream draw = world.random("faults");
  draw_network(world, draw);
  const PoolLoadConfig config = drawn_config(draw);
  const int servers = static_cast<int>(1 + draw.below(4));
  PoolTest test(world, servers, config);
  for (int i = 0; i < 8; ++i) {
    test.run_for(draw.between(0ns, 3s));
    if (draw.one_in(3)) test.cluster.leader = test.cluster.members[draw.below(test.cluster.members.size())]->name;
    test.cluster.members[draw.below(test.cluster.members.size())]->knows_leader = draw.one_in(2);
    break_something(test, draw);
  }
  test.expect_recovery();
  test.finish();
}

// CONTRACT 4 and 5.
RAZOR_SCENARIO(pool_closed_at_any_moment) {
  sim::RandomStream draw = world.random("closing");
  draw_network(world, draw);
  PoolLoadConfig config = drawn_config(draw);
  config.close_limit = draw.between(0ns, 3s);
  PoolTest test(world, 2, config);
  const int faults = static_cast<int>(draw.below(3));
  for (int i = 0; i < faults; ++i) break_something(test, draw);
  if (draw.one_in(2)) test.cluster.host(draw.below(2)).pause();
  test.run_for(draw.between(0ns, 2s));
  test.finish(true);
}

// CONTRACT 30: a server that answers, dies and is back at once, again and again, resets every back-off.
RAZOR_SCENARIO(server_that_comes_and_goes) {
  sim::RandomStream draw = world.random("flapping");
  draw_network(world, draw);
  PoolLoadConfig config = drawn_config(draw);
  config.led = 0;
  PoolTest test(world, static_cast<int>(1 + draw.below(2)), config);
  const base::Duration up = draw.between(20ms, 500ms);
  const base::Duration down = draw.between(0ns, 100ms);
  while (world.elapsed() < 150s) {
    test.run_for(up);
    test.cluster.host(0).kill();
    test.run_for(down);
    test.cluster.host(0).start_again();
  }
  test.run_for(5s);
  const std::size_t succeeded = test.ledger.succeeded_count();
  test.run_for(5s);
  RAZOR_EXPECT(test.ledger.succeeded_count() > succeeded, "{}", test.caller.pool()->state().to_string());
  test.finish();
}

// CONTRACT 28: with servers that work, no update of the addresses costs a call, and those that are listed last are used.
RAZOR_SCENARIO(address_updates_lose_no_call) {
  sim::RandomStream draw = world.random("updates");
  draw_network(world, draw);
  PoolLoadConfig config = drawn_config(draw);
  config.timeout_min = config.timeout_max = 30s;
  config.led = 0;
  config.pool.pool.queue_calls_max = 1024;
  config.pool.pool.fail_fast = false;
  PoolTest test(world, 5, config);
  test.expect_all_succeed();
  const std::vector<Address> all = test.cluster.addresses();
  std::vector<Address> listed;
  for (int i = 0; i < 10; ++i) {
    test.run_for(draw.between(0ns, 500ms));
    listed.clear();
    for (const Address& address : all) {
      if (draw.one_in(2)) listed.push_back(address);
    }
    if (draw.one_in(2)) std::ranges::reverse(listed);
    test.caller.pool()->update_addresses(listed);  // also to none: then calls wait for the next update
  }
  if (listed.empty()) test.caller.pool()->update_addresses(listed = {all[draw.below(all.size())]});
  test.run_for(5s);
  const PoolState state = test.caller.pool()->state();
  RAZOR_EXPECT(state.addresses.size() == listed.size());
  for (const AddressState& address : state.addresses) {
    RAZOR_EXPECT(std::ranges::find(listed, address.address) != listed.end(), "{} is not listed", address.address);
    RAZOR_EXPECT(address.connections > 0 || config.pool.balance == Balance::leader, "{}", address.to_string());
  }
  test.finish();
}

// An address that only an error has named is used, and forgotten again.
RAZOR_SCENARIO(redirects_to_an_unknown_leader) {
  sim::RandomStream draw = world.random("redirects");
  draw_network(world, draw);
  PoolLoadConfig config;
  config.stop_after = 1h;
  config.pool.balance = static_cast<Balance>(draw.below(3));
  config.pool.redirect_address_timeout = 5s;
  config.idempotent = 0;
  config.led = 10;
  config.timeout_min = config.timeout_max = 10s;
  PoolTest test(world, 2, config);
  test.expect_all_succeed();
  test.cluster.add("hidden");
  test.cluster.leader = "hidden";
  test.run_for(5s);
  RAZOR_EXPECT(test.caller.pool()->state().addresses.size() == 3);
  RAZOR_EXPECT(test.cluster.members[2]->dispatched > 100, "{} calls on the leader", test.cluster.members[2]->dispatched);
  test.cluster.leader = "server1";
  test.run_for(20s);
  const PoolState state = test.caller.pool()->state();
  RAZOR_EXPECT(state.addresses.size() == 2, "not forgotten: {}", state.to_string());
  test.finish();
}

// CONTRACT 21: grows while windows are full, and shrinks within the idle timeout.
RAZOR_SCENARIO(pool_grows_and_shrinks) {
  sim::RandomStream draw = world.random("sizes");
  draw_network(world, draw);
  PoolLoadConfig config;
  config.stop_after = 1h;
  config.pause_max = 0ns;
  config.in_flight = 64;
  config.handler_ms_max = 100;
  config.timeout_min = config.timeout_max = 20s;
  config.pool.pool.stream.window = static_cast<std::uint32_t>(2 + draw.below(8));
  config.pool.pool.connections_max = static_cast<std::uint32_t>(2 + draw.below(7));
  config.pool.pool.idle_timeout = draw.between(2s, 20s);
  PoolTest test(world, 1, config);
  const auto connections = [&test] { return test.caller.pool()->state().connections(); };
  test.run_for(3s);
  const std::uint32_t window = config.pool.pool.stream.window;
  const std::uint32_t needed = std::min((64 + window - 1) / window, config.pool.pool.connections_max);
  RAZOR_EXPECT(connections() == needed, "{} connections for windows of {}: {}", connections(), window,
               test.caller.pool()->state().to_string());
  RAZOR_EXPECT(test.cluster.members[0]->running <= static_cast<int>(needed * window), "{} calls at a time",
               test.cluster.members[0]->running);
  test.caller.set_in_flight(1);
  test.run_for(config.pool.pool.idle_timeout + 1s);
  RAZOR_EXPECT(connections() == 1, "{} connections for one call at a time", connections());
  test.finish();
}

}  // namespace
}  // namespace razor::test
