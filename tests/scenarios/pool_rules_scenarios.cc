// Rules of pools that can be broken without a call being lost: who gets an attempt, when and how often, what a caller is told
// of calls that ran and failed, what callers leave behind that stop waiting, and connections that nobody needs.
//
// Each scenario says which fault in the pool it is there for.

#include "razor/runtime/task_scope.h"
#include "razor/runtime/with_deadline.h"
#include "tests/scenarios/pool_load.h"

namespace razor::test {
namespace {

// What happened to a call on the servers, one entry a dispatch.
struct Run {
  std::size_t server;
  base::TimePoint began;
  base::TimePoint ended = base::TimePoint::max();
};

// Servers that work, and whose handlers fail as often as they are told to: after they have begun, so that the calls ran.
class MoodyServers {
 public:
  MoodyServers(sim::World& owner, faults::Ledger& noted, int count) : world(owner), ledger(noted) {
    for (int i = 0; i < count; ++i) {
      fails_of_100.push_back(0);
      host(static_cast<std::size_t>(i)).start([this, i](Runtime& runtime) {
        return serve(runtime, *this, static_cast<std::size_t>(i));
      });
    }
  }

  static constexpr std::size_t kNobody = 99;

  sim::Host& host(std::size_t index) const { return world.host(fmt::format("server{}", index)); }
  std::vector<Address> addresses() const {
    std::vector<Address> all;
    for (std::size_t i = 0; i < fails_of_100.size(); ++i) all.push_back(host(i).address(kWorkPort));
    return all;
  }
  const std::vector<Run>& runs_of(std::uint64_t id) const {
    static const std::vector<Run> kNone;
    const auto found = runs.find(id);
    return found == runs.end() ? kNone : found->second;
  }

  sim::World& world;
  faults::Ledger& ledger;
  std::vector<std::uint64_t> fails_of_100;  // of each server
  std::size_t leader = kNobody;
  bool knows_leader = true;
  bool names_unknown_hosts = false;
  int unknown_hosts_named = 0;
  std::size_t stuck = kNobody;  // its handlers never end
  std::map<std::uint64_t, std::vector<base::TimePoint>> asked_to_lead;
  std::map<std::uint64_t, std::vector<Run>> runs;  // of methods without a leader
  std::function<void(std::uint64_t id)> on_run;

 private:
  // How one incarnation of a server treats its calls.
  class Mood final : public WorkHooks {
   public:
    Mood(Runtime& runtime, MoodyServers& servers, std::size_t index)
        : servers_(servers), index_(index), random_(runtime.random().seed_for("moods")) {}

   private:
    std::optional<Elsewhere> elsewhere(const Order& order) override {
      servers_.asked_to_lead[order.id].push_back(servers_.world.now());
      if (servers_.names_unknown_hosts) return Elsewhere(fmt::format("unknown{}:7000", ++servers_.unknown_hosts_named));
      const std::size_t leader = servers_.leader;
      if (leader == index_) return std::nullopt;
      const bool says = servers_.knows_leader && leader != kNobody;
      return Elsewhere(says ? servers_.host(leader).address(kWorkPort).to_string() : std::string());
    }
    bool begin(const Order& order) override {
      if (is_led(order)) return false;
      servers_.runs[order.id].push_back({index_, servers_.world.now()});
      if (servers_.on_run) servers_.on_run(order.id);
      return random_.below(100) < servers_.fails_of_100[index_];
    }
    base::Duration time_of(const Order& order) override {
      if (is_led(order)) return 0ns;
      const base::Duration stuck_for = servers_.stuck == index_ ? base::Duration(1h) : base::Duration::zero();
      return stuck_for + std::chrono::milliseconds(order.milliseconds);
    }
    void end(const Order& order) override {
      for (Run& run : servers_.runs[order.id]) {
        if (run.server == index_ && run.ended == base::TimePoint::max()) run.ended = servers_.world.now();
      }
    }
    bool is_led(const Order& order) const { return servers_.asked_to_lead.contains(order.id); }

    MoodyServers& servers_;
    std::size_t index_;
    sim::RandomStream random_;
  };

  static Task<void> serve(Runtime& runtime, MoodyServers& servers, std::size_t index) {
    Mood mood(runtime, servers, index);
    co_await serve_work(runtime, servers.ledger, mood);
  }
};

struct MoodyTest {
  MoodyTest(sim::World& owner, int count, const PoolLoadConfig& load)
      : world(owner),
        config(load),
        ledger(owner),
        servers(world, ledger, count),
        caller(world, ledger, servers.addresses(), config) {}
  ~MoodyTest() { world.fabric().kill_all(); }

  void run_for(base::Duration span) {
    const base::TimePoint until = world.now() + span;
    while (world.now() < until) {
      world.run_for(std::min<base::Duration>(100ms, until - world.now()));
      caller.check_bounds();
    }
  }
  PoolState state() const { return caller.pool()->state(); }
  void finish(bool close_now = false) {
    caller.stop(close_now);
    RAZOR_REQUIRE(world.run_until([this] { return caller.finished(); }, 2min), "the caller does not finish");
    check_all_ended(ledger);
    const PoolState& last = caller.last_state();
    RAZOR_EXPECT(last.in_flight == 0 && last.waiting == 0 && last.bytes == 0, "left behind: {}", last.to_string());
  }

  sim::World& world;
  PoolLoadConfig config;
  faults::Ledger ledger;
  MoodyServers servers;
  PoolCaller caller;
};

void draw_latency(sim::World& world, sim::RandomStream& draw) {
  sim::LinkConfig link;
  const base::Duration least = draw.between(10us, 2ms);
  link.latency = {least, draw.between(0ns, 2ms), sim::Latency::Shape::exponential};
  world.fabric().set_link_config(link);
}

PoolLoadConfig endless_load() {
  PoolLoadConfig config;
  config.stop_after = 1h;
  config.timeout_min = config.timeout_max = 20s;
  return config;
}

// --- Attempts ----------------------------------------------------------------------------------------------------------

// CONTRACT 14, with all servers healthy. For: a retry that is not sent elsewhere; one without its back-off, or with one that
// does not grow; one more or one less than the limit says; a caller that hears of a failure while another attempt is made.
RAZOR_SCENARIO(retries_go_elsewhere_and_wait) {
  sim::RandomStream draw = world.random("retries");
  draw_latency(world, draw);
  PoolLoadConfig config = endless_load();
  config.pool.balance = static_cast<Balance>(draw.below(3));
  config.idempotent = 8;
  RetryConfig& retry = config.pool.pool.retry;
  retry.limit = static_cast<std::uint32_t>(1 + draw.below(4));
  retry.backoff_min = draw.between(5ms, 50ms);
  retry.backoff_max = draw.between(retry.backoff_min, 400ms);
  retry.budget_burst = 1'000'000;
  MoodyTest test(world, static_cast<int>(2 + draw.below(3)), config);
  for (std::uint64_t& fails : test.servers.fails_of_100) fails = draw.below(100);
  const auto least_delay = [&](std::size_t nth) {
    base::Duration full = retry.backoff_min;
    for (; nth > 0; --nth) full = std::min(2 * full, retry.backoff_max);
    return std::min(full, retry.backoff_max) / 2;
  };
  test.servers.on_run = [&](std::uint64_t id) {
    const std::vector<Run>& runs = test.servers.runs_of(id);
    if (runs.size() < 2) return;
    const Run& before = runs[runs.size() - 2];
    const Run& now = runs.back();
    RAZOR_EXPECT(before.server != now.server, "call {} failed on server{}, and is sent there again", id, now.server);
    const base::Duration least = least_delay(runs.size() - 2);
    RAZOR_EXPECT(now.began - before.ended >= least, "call {}: attempt {} after {} ns, at least {} ns", id, runs.size(),
                 (now.began - before.ended).count(), least.count());
  };
  test.caller.on_end = [&](std::uint64_t id, bool idempotent, base::TimePoint, base::Duration took, const CallError* error) {
    const std::size_t attempts = idempotent ? 1 + retry.limit : 1;
    if (error == nullptr) return;
    RAZOR_EXPECT(error->errc() == base::Errc::internal && test.servers.runs_of(id).size() == attempts,
                 "call {} ran {} times of {}: {}", id, test.servers.runs_of(id).size(), attempts, error->message());
    RAZOR_EXPECT(took < 10s, "call {} took {} ns", id, took.count());
  };
  test.run_for(10s);
  RAZOR_EXPECT(test.ledger.succeeded_count() > 0);
  test.caller.on_end = nullptr;
  test.finish();
}

// CONTRACT 12 to 14 with little room and little time. For: a call that ran, and whose end says that it did not, because a
// later attempt was not made, or was not sent; calls that wait for the budget and are forgotten by `close`.
RAZOR_SCENARIO(calls_that_ran_and_failed) {
  sim::RandomStream draw = world.random("failures");
  draw_latency(world, draw);
  PoolLoadConfig config = endless_load();
  config.pool.balance = static_cast<Balance>(draw.below(3));
  config.in_flight = static_cast<int>(8 + draw.below(24));
  config.pause_max = draw.between(0ns, 5ms);
  config.handler_ms_max = 1 + draw.below(200);
  config.timeout_min = 20ms;
  config.timeout_max = draw.between(50ms, 1s);
  config.idempotent = 8;
  config.payload_max = draw.one_in(2) ? 500 : 500'000;  // more than a system takes at once
  config.pool.pool.stream.window = static_cast<std::uint32_t>(1 + draw.below(16));
  config.pool.pool.stream.tick = draw.between(10ms, 100ms);
  config.pool.pool.connections_max = static_cast<std::uint32_t>(1 + draw.below(2));
  config.pool.pool.retry.limit = static_cast<std::uint32_t>(draw.below(4));
  config.pool.pool.retry.budget_burst = static_cast<std::uint32_t>(draw.one_in(2) ? draw.below(5) : 10'000);
  config.pool.health.timeouts_max = 0;
  if (draw.one_in(2)) config.pool.hedge_after = draw.between(1ms, 100ms);
  config.close_limit = draw.between(0ns, 100ms);
  MoodyTest test(world, static_cast<int>(2 + draw.below(2)), config);
  for (std::uint64_t& fails : test.servers.fails_of_100) fails = draw.below(100);
  for (int i = 0; i < 3; ++i) {
    test.run_for(draw.between(100ms, 2s));
    sim::Host& host = test.servers.host(draw.below(2));
    host.pause();  // what is sent to it stays on its way
    test.run_for(draw.between(10ms, 500ms));
    if (draw.one_in(2)) {
      sim::Host& lost = test.servers.host(draw.below(2));
      lost.kill();
      lost.start_again();
    }
    test.run_for(draw.between(10ms, 500ms));
    host.resume();
  }
  test.finish(true);
}

// CONTRACT 14. For: hedges that are not sent, or to the address that was asked already.
RAZOR_SCENARIO(slow_calls_are_hedged) {
  sim::RandomStream draw = world.random("hedges");
  draw_latency(world, draw);
  PoolLoadConfig config = endless_load();
  config.pool.balance = draw.one_in(2) ? Balance::round_robin : Balance::least_in_flight;
  config.idempotent = 10;
  config.handler_ms_max = 100;
  config.pool.hedge_after = draw.between(1ms, 30ms);
  config.pool.pool.retry.budget_burst = 1'000'000;
  MoodyTest test(world, static_cast<int>(2 + draw.below(3)), config);
  test.caller.on_end = [&](std::uint64_t id, bool, base::TimePoint, base::Duration took, const CallError* error) {
    RAZOR_EXPECT(error == nullptr, "call {}: {}", id, error->message());
    const std::vector<Run>& runs = test.servers.runs_of(id);
    RAZOR_EXPECT(runs.size() <= 2, "call {} ran {} times", id, runs.size());
    if (runs.size() == 2) {
      RAZOR_EXPECT(runs[0].server != runs[1].server, "call {} ran on server{} twice", id, runs[0].server);
    } else {
      RAZOR_EXPECT(world.elapsed() < 1s || took < config.pool.hedge_after + 30ms, "call {} took {} ns, without a hedge", id,
                   took.count());
    }
  };
  test.run_for(10s);
  test.caller.on_end = nullptr;
  test.finish();
}

// CONTRACT 15. For: a call that was never sent, was moved, and is retried less often for it.
RAZOR_SCENARIO(moved_calls_keep_their_retries) {
  sim::RandomStream draw = world.random("moves");
  draw_latency(world, draw);
  PoolLoadConfig config = endless_load();
  config.idempotent = 10;
  config.in_flight = 24;
  config.pause_max = 1ms;
  config.payload_max = 400'000;  // more than a system takes at once: some are never sent
  config.pool.pool.retry.limit = static_cast<std::uint32_t>(1 + draw.below(2));
  config.pool.pool.retry.budget_burst = 1'000'000;
  MoodyTest test(world, 2, config);
  for (std::uint64_t& fails : test.servers.fails_of_100) fails = 100;
  std::uint64_t given_up = 0;
  test.caller.on_end = [&](std::uint64_t id, bool, base::TimePoint, base::Duration took, const CallError* error) {
    RAZOR_EXPECT(error != nullptr && took < 10s, "call {} took {} ns", id, took.count());
    ++given_up;
  };
  for (int i = 0; i < 5; ++i) {
    sim::Host& host = test.servers.host(draw.below(2));
    host.pause();
    test.run_for(draw.between(10ms, 200ms));
    host.kill();
    host.resume();
    host.start_again();
    test.run_for(draw.between(10ms, 300ms));
  }
  test.finish();
  const PoolStats& stats = test.caller.last_state().stats;
  RAZOR_EXPECT(stats.retries == given_up * config.pool.pool.retry.limit, "{} calls gave up: {}", given_up,
               test.caller.last_state().to_string());
}

// CONTRACT 14. For: a caller that hears of a failure while another attempt is under way, which may do better.
RAZOR_SCENARIO(attempts_under_way_may_do_better) {
  sim::RandomStream draw = world.random("siblings");
  draw_latency(world, draw);
  PoolLoadConfig config = endless_load();
  config.idempotent = 10;
  config.in_flight = 4;
  config.handler_ms_max = 100;
  config.pool.hedge_after = 10ms;
  RetryConfig& retry = config.pool.pool.retry;
  retry.limit = static_cast<std::uint32_t>(1 + draw.below(3));
  retry.budget_burst = 1'000'000;
  MoodyTest test(world, 2, config);
  test.servers.fails_of_100[draw.below(2)] = 100;
  test.caller.on_end = [&](std::uint64_t id, bool, base::TimePoint, base::Duration, const CallError* error) {
    if (error == nullptr) return;
    for (const Run& run : test.servers.runs_of(id)) {
      RAZOR_EXPECT(run.ended != base::TimePoint::max(), "call {} ends while server{} is at it: {}", id, run.server,
                   error->message());
    }
  };
  test.run_for(10s);
  test.caller.on_end = nullptr;
  test.finish();
}

// CONTRACT 22. For: more calls, or bytes of them, than the limits say: of new calls, and of those that come back.
RAZOR_SCENARIO(limits_of_calls_and_bytes) {
  sim::RandomStream draw = world.random("limits");
  draw_latency(world, draw);
  PoolLoadConfig config = endless_load();
  config.in_flight = 64;
  config.timeout_min = config.timeout_max = 5s;
  config.idempotent = draw.below(11);
  config.payload_max = 2'000;
  config.pool.pool.stream.window = 64;
  config.pool.pool.queue_calls_max = static_cast<std::uint32_t>(2 + draw.below(10));
  if (draw.one_in(3)) config.pool.pool.bytes_max = 1'000 + draw.below(20'000);
  config.pool.pool.retry.backoff_min = 300ms;
  config.pool.pool.retry.budget_burst = 1'000'000;
  MoodyTest test(world, 2, config);
  const auto watched = [&test](base::Duration span) {
    for (; span > 0ns; span -= 5ms) {
      test.world.run_for(5ms);
      test.caller.check_bounds();
    }
  };
  watched(500ms);
  for (std::uint64_t& fails : test.servers.fails_of_100) fails = 100;
  watched(1s);
  for (std::size_t i = 0; i < 2; ++i) test.servers.host(i).kill();
  watched(1s);
  for (std::size_t i = 0; i < 2; ++i) test.servers.host(i).start_again();
  test.finish();
}

// CONTRACT 4. For: a closing that does not wait for what is under way, or waits.
RAZOR_SCENARIO(closing_waits_for_answers) {
  sim::RandomStream draw = world.random("closing");
  draw_latency(world, draw);
  PoolLoadConfig config = endless_load();
  config.handler_ms_max = 500;
  config.in_flight = static_cast<int>(1 + draw.below(50));
  config.pool.pool.stream.window = static_cast<std::uint32_t>(1 + draw.below(8));
  config.idempotent = 8;
  config.pool.pool.retry.limit = 20;
  config.pool.pool.retry.budget_burst = 1'000'000;
  config.close_limit = 60s;
  MoodyTest test(world, 2, config);
  test.servers.fails_of_100[0] = draw.below(60);
  test.caller.on_end = [&](std::uint64_t id, bool idempotent, base::TimePoint, base::Duration, const CallError* error) {
    RAZOR_EXPECT(error == nullptr || (!idempotent && error->errc() == base::Errc::internal), "call {}: {}", id,
                 error->message());
  };
  test.run_for(draw.between(0ns, 2s));
  test.finish(true);
}

// CONTRACT 4. For: a closing that goes on for as long as a caller calls again at once.
struct Stubborn {
  MoodyServers& servers;
  base::Duration limit;
  int ended = 0;
  bool closed = false;

  void call(const Client<Work>& client) {
    const auto again = [this, &client](const auto&) {
      RAZOR_REQUIRE(++ended < 1'000'000, "a caller that calls again at once keeps the pool from closing");
      if (!closed) call(client);
    };
    client.once.start(again, Order());  // none reaches a handler
  }
  Task<void> run(Runtime& runtime) {
    FailoverPool pool(runtime, servers.addresses());
    const Client<Work> client(pool);
    call(client);
    co_await runtime.clock().sleep_for(10ms);
    co_await pool.close(limit);
    closed = true;
    co_await runtime.clock().sleep_for(1s);
  }
};

RAZOR_SCENARIO(closing_ends_though_a_caller_calls_again) {
  sim::RandomStream draw = world.random("stubborn");
  faults::Ledger ledger(world);
  MoodyServers servers(world, ledger, 1);
  servers.host(0).kill();
  Stubborn test{servers, draw.between(0ns, 10us)};
  world.host("caller").start([&test](Runtime& runtime) { return test.run(runtime); });
  RAZOR_EXPECT(world.run_until([&test] { return test.closed; }, 10s), "close does not return");
  world.run_for(2s);
  world.fabric().kill_all();
}

// CONTRACT 1. For: a call that a completion submits while its RemoteChannel ends, that is refused, and never ends.
struct Leaving {
  MoodyServers& servers;
  Runtime& network;
  int begun = 0;
  int ended = 0;
  bool finished = false;

  void call(const Client<Work>& client, int more) {
    ++begun;
    Order order;
    note_submitted(servers.ledger, order, {.name = "Work.once", .caller = "caller", .timeout = 20s, .may_end_unsent = true});
    const auto done = [this, &client, more, id = order.id](const auto& reply) {
      ++ended;
      work::note_end(servers.ledger, id, reply);
      if (more > 0) call(client, more - 1);
    };
    client.once.start(done, order);
  }
  Task<void> run(Runtime& runtime) {
    FailoverPool pool(network, servers.addresses());
    stream::RemoteChannelConfig config;
    config.queue_calls_max = 2;
    std::optional<RemoteChannel> channel(std::in_place, runtime, pool, config);
    const Client<Work> client(*channel);
    for (int i = 0; i < 4; ++i) call(client, 2);
    channel.reset();
    co_await runtime.clock().sleep_for(1s);
    co_await pool.close(1s);
    finished = true;
  }
};

RAZOR_SCENARIO(remote_channel_ends_while_completions_call) {
  faults::Ledger ledger(world);
  MoodyServers servers(world, ledger, 1);
  sim::Host& host = world.host("caller");
  Leaving test{servers, host.add_runtime()};
  host.start([&test](Runtime& runtime) { return test.run(runtime); });
  RAZOR_REQUIRE(world.run_until([&test] { return test.finished; }, 10s));
  RAZOR_EXPECT(test.ended == test.begun, "{} of {} calls ended", test.ended, test.begun);
  world.fabric().kill_all();
}

// --- Health ------------------------------------------------------------------------------------------------------------

// CONTRACT 29. For: a server that reads, answers pings, and never answers a call, and gets its share of the calls.
RAZOR_SCENARIO(server_that_is_stuck) {
  sim::RandomStream draw = world.random("stuck");
  draw_latency(world, draw);
  PoolLoadConfig config = endless_load();
  config.pool.balance = Balance::round_robin;
  config.idempotent = draw.below(11);
  config.timeout_min = config.timeout_max = 500ms;
  MoodyTest test(world, 2, config);
  test.run_for(1s);
  test.servers.stuck = 0;
  const std::uint64_t before = test.state().addresses[0].attempts;
  const std::uint64_t before_there = test.state().addresses[1].attempts;
  test.run_for(30s);
  const PoolState state = test.state();
  RAZOR_EXPECT((state.addresses[0].attempts - before) * 4 < state.addresses[1].attempts - before_there, "{}",
               state.to_string());
  test.finish();
}

// CONTRACT 27 and 30. For: attempts to connect without a back-off, and a back-off that never gets shorter again.
RAZOR_SCENARIO(server_that_is_away_for_a_while) {
  sim::RandomStream draw = world.random("away");
  draw_latency(world, draw);
  PoolLoadConfig config = endless_load();
  config.idempotent = 10;
  MoodyTest test(world, 1, config);
  test.run_for(1s);
  const std::uint64_t connects = test.state().stats.connects;
  test.servers.host(0).kill();
  test.run_for(1s);
  const std::uint64_t failed = test.state().stats.connects - connects;
  RAZOR_EXPECT(failed >= 3 && failed <= 9, "{} attempts to connect in the first second", failed);
  test.run_for(draw.between(10s, 20s));
  test.servers.host(0).start_again();
  test.run_for(10s);
  test.servers.host(0).kill();
  test.run_for(100ms);
  test.servers.host(0).start_again();
  const std::size_t succeeded = test.ledger.succeeded_count();
  test.run_for(500ms);
  RAZOR_EXPECT(test.ledger.succeeded_count() > succeeded, "{}", test.state().to_string());
  test.finish();
}

// CONTRACT 21. For: connections that nobody waits for, and an address update that makes new ones of those it has.
RAZOR_SCENARIO(calls_that_fit_share_a_connection) {
  sim::RandomStream draw = world.random("sharing");
  draw_latency(world, draw);
  PoolLoadConfig config = endless_load();
  config.pool.balance = static_cast<Balance>(draw.below(3));
  config.in_flight = static_cast<int>(1 + draw.below(16));
  config.pause_max = draw.between(0ns, 5ms);
  config.idempotent = 8;
  config.pool.pool.stream.window = static_cast<std::uint32_t>(config.in_flight);
  config.pool.pool.retry.budget_burst = 1'000'000;
  MoodyTest test(world, 1, config);
  test.servers.fails_of_100[0] = draw.below(60);
  for (int i = 0; i < 10; ++i) {
    test.run_for(500ms);
    RAZOR_EXPECT(test.state().stats.connects == 1, "{}", test.state().to_string());
    test.caller.pool()->update_addresses(test.servers.addresses());
  }
  test.finish();
}

// --- Errors that send calls elsewhere ----------------------------------------------------------------------------------

// For: calls that go round and round, or do so without a pause.
RAZOR_SCENARIO(nobody_leads) {
  sim::RandomStream draw = world.random("nobody");
  draw_latency(world, draw);
  PoolLoadConfig config = endless_load();
  config.pool.balance = static_cast<Balance>(draw.below(3));
  config.idempotent = 0;
  config.led = 10;
  config.pool.redirects_max = static_cast<std::uint32_t>(draw.below(12));
  const std::size_t count = 2 + draw.below(3);
  MoodyTest test(world, static_cast<int>(count), config);
  int ended = 0;
  test.caller.on_end = [&](std::uint64_t id, bool, base::TimePoint, base::Duration, const CallError* error) {
    ++ended;
    RAZOR_EXPECT(error == nullptr, "call {}: {}", id, error->message());
    const std::vector<base::TimePoint>& asked = test.servers.asked_to_lead[id];
    RAZOR_EXPECT(asked.size() == 1 + config.pool.redirects_max, "call {} was sent {} times", id, asked.size());
    for (std::size_t i = count; i < asked.size(); ++i) {
      RAZOR_EXPECT(asked[i] - asked[i - 1] >= config.pool.pool.retry.backoff_min / 2, "call {}: sent again after {} ns", id,
                   (asked[i] - asked[i - 1]).count());
    }
  };
  test.run_for(10s);
  RAZOR_EXPECT(ended > 0, "no call ends");
  test.caller.on_end = nullptr;
  test.finish();
}

// For: an address for every name that errors ever said.
RAZOR_SCENARIO(errors_that_name_unknown_hosts) {
  sim::RandomStream draw = world.random("strangers");
  draw_latency(world, draw);
  PoolLoadConfig config = endless_load();
  config.pool.balance = static_cast<Balance>(draw.below(3));
  config.idempotent = 0;
  config.led = 10;
  config.timeout_min = config.timeout_max = 3s;
  config.pool.redirect_addresses_max = static_cast<std::uint32_t>(draw.below(5));
  MoodyTest test(world, 2, config);
  test.servers.names_unknown_hosts = true;
  for (int i = 0; i < 50; ++i) {
    test.run_for(100ms);
    const std::size_t known = test.state().addresses.size();
    RAZOR_EXPECT(known <= 2 + config.pool.redirect_addresses_max, "{} addresses", known);
  }
  test.finish(true);
}

// For: a leader that an error has named, or that is next, and that the next calls do not go to.
RAZOR_SCENARIO(leader_that_errors_name_gets_all_calls) {
  sim::RandomStream draw = world.random("named");
  draw_latency(world, draw);
  PoolLoadConfig config = endless_load();
  config.pool.balance = Balance::leader;
  config.idempotent = 0;
  config.led = 10;
  MoodyTest test(world, 4, config);
  test.servers.knows_leader = draw.one_in(2);
  for (int i = 0; i < 5; ++i) {
    test.servers.leader = draw.below(4);
    test.run_for(1s);
    const std::uint64_t redirects = test.state().stats.redirects;
    const std::size_t succeeded = test.ledger.succeeded_count();
    test.run_for(1s);
    RAZOR_EXPECT(test.state().stats.redirects == redirects, "{}", test.state().to_string());
    RAZOR_EXPECT(test.ledger.succeeded_count() > succeeded + 50);
  }
  test.finish();
}

// --- A leader ----------------------------------------------------------------------------------------------------------

// CONTRACT 14 and 29. For: an idempotent call that failed on the leader waits until its deadline for another server, to which
// nobody connects.
RAZOR_SCENARIO(leader_that_fails_calls) {
  sim::RandomStream draw = world.random("leader");
  draw_latency(world, draw);
  PoolLoadConfig config = endless_load();
  config.pool.balance = Balance::leader;
  config.idempotent = 10;
  config.pool.pool.retry.budget_burst = 1'000'000;
  MoodyTest test(world, 3, config);
  test.run_for(1s);
  test.caller.on_end = [&](std::uint64_t id, bool, base::TimePoint, base::Duration took, const CallError* error) {
    RAZOR_EXPECT(error == nullptr, "call {}: {}", id, error->message());
    RAZOR_EXPECT(took < 2s, "call {} took {} ns", id, took.count());
  };
  if (draw.one_in(2)) {
    test.servers.fails_of_100[0] = 100;
    test.run_for(5s);
  } else {
    for (int i = 0; i < 10; ++i) {  // it is back before anybody misses it
      test.servers.host(0).kill();
      test.servers.host(0).start_again();
      test.run_for(draw.between(2s, 4s));
    }
  }
  test.caller.on_end = nullptr;
  test.finish();
}

// CONTRACT 29. For: a leader that is gone and still leads.
RAZOR_SCENARIO(leader_that_is_gone) {
  sim::RandomStream draw = world.random("leader");
  draw_latency(world, draw);
  PoolLoadConfig config = endless_load();
  config.pool.balance = Balance::leader;
  config.idempotent = 10;
  MoodyTest test(world, 3, config);
  test.run_for(2s);
  const std::size_t lost = draw.below(3);
  for (std::size_t i = 0; i <= lost; ++i) {
    if (test.servers.host((i + 1) % 3).is_up()) test.servers.host(i).kill();
    test.run_for(1s);
    const std::size_t succeeded = test.ledger.succeeded_count();
    test.run_for(1s);
    RAZOR_EXPECT(test.ledger.succeeded_count() > succeeded + 10, "{}", test.state().to_string());
    test.servers.host(i).start_again();
  }
  test.finish();
}

// --- Callers that stop waiting -----------------------------------------------------------------------------------------

struct Impatient {
  sim::World& world;
  MoodyServers& servers;
  FailoverPoolConfig config;
  bool remote = false;  // the pool belongs to another runtime: what it has taken runs on
  PoolState last{};
  std::map<std::uint64_t, base::TimePoint> given_up{};
  bool finished = false;

  Task<void> ask(Runtime& runtime, const Client<Work>& client, sim::RandomStream& random) {
    const base::Duration patience = random.between(0ns, 100ms);
    const auto milliseconds = static_cast<std::uint32_t>(random.below(50));
    const bool idempotent = random.one_in(2);
    Order order = order_of(milliseconds, "hello");
    faults::CallTerms terms{.name = idempotent ? "Work.often" : "Work.once", .caller = "caller", .timeout = 20s};
    terms.runs_max = 4;
    note_submitted(servers.ledger, order, terms);
    struct Asking {
      static Task<void> of(const Client<Work>& service, faults::Ledger& ledger, Order order, bool often) {
        if (often) {
          const auto reply = co_await service.often(order);
          work::note_end(ledger, order.id, reply);
        } else {
          const auto reply = co_await service.once(order);
          work::note_end(ledger, order.id, reply);
        }
      }
    };
    const std::uint64_t id = order.id;
    const base::TimePoint until = runtime.clock().now() + patience;
    const auto answer = co_await runtime::with_deadline(runtime.clock(), until,
                                                        Asking::of(client, servers.ledger, std::move(order), idempotent));
    if (!answer.ok()) servers.ledger.abandoned(id);
    if (!answer.ok()) given_up[id] = world.now();
  }
  Task<void> run(Runtime& runtime) {
    sim::RandomStream random(runtime.random().seed_for("patience"));
    FailoverPool pool(remote ? world.host("caller").add_runtime() : runtime, servers.addresses(), config);
    RemoteChannel channel(runtime, pool);
    const Client<Work> client(remote ? channel.channel() : pool.channel());
    runtime::TaskScope callers(runtime.executor());
    for (int i = 0; i < 2000; ++i) {
      callers.spawn("ask", ask(runtime, client, random));
      if (random.one_in(5)) co_await runtime.clock().sleep_for(random.between(0ns, 50ms));
    }
    const base::Duration enough = remote ? 1min : 5s;
    co_await runtime.clock().sleep_for(enough);
    last = pool.state();
    co_await pool.close(1s);
    finished = true;
  }
};

// CONTRACT 1, 22 and 25. For: calls that nobody waits for, and that go on counting, waiting or being sent.
RAZOR_SCENARIO(callers_that_stop_waiting) {
  sim::RandomStream draw = world.random("patience");
  draw_latency(world, draw);
  faults::Ledger ledger(world);
  MoodyServers servers(world, ledger, 2);
  for (std::uint64_t& fails : servers.fails_of_100) fails = draw.below(60);
  Impatient test{world, servers, {}};
  test.remote = draw.one_in(3);
  test.config.balance = static_cast<Balance>(draw.below(3));
  test.config.pool.stream.window = static_cast<std::uint32_t>(1 + draw.below(4));
  test.config.pool.connections_max = 1;
  test.config.pool.retry.budget_burst = static_cast<std::uint32_t>(draw.below(200));
  test.config.pool.retry.backoff_min = 20ms;
  if (draw.one_in(2)) test.config.hedge_after = 20ms;
  servers.on_run = [&](std::uint64_t id) {
    const auto found = test.given_up.find(id);
    if (test.remote || found == test.given_up.end()) return;
    const base::Duration late = world.now() - found->second;
    RAZOR_EXPECT(late < 200ms, "call {} was sent {} ns after its caller had stopped waiting", id, late.count());
  };
  world.host("caller").start([&test](Runtime& runtime) { return test.run(runtime); });
  RAZOR_REQUIRE(world.run_until([&] { return test.finished; }, 10min));
  const PoolState& last = test.last;
  RAZOR_EXPECT(last.waiting == 0 && last.in_flight == 0 && last.bytes == 0, "left behind: {}", last.to_string());
  RAZOR_EXPECT(test.remote || last.stats.calls_abandoned > 100, "{}", last.to_string());
  RAZOR_EXPECT(
      last.stats.calls_submitted == last.stats.calls_answered + last.stats.calls_failed_total() + last.stats.calls_abandoned,
      "{}", last.to_string());
  world.fabric().kill_all();
}

// --- Connections that nobody needs -------------------------------------------------------------------------------------

struct Seldom {
  sim::World& world;
  MoodyServers& servers;
  FailoverPoolConfig config;
  int calls;
  base::Duration pause;
  base::Duration quiet;
  PoolState last{};
  bool finished = false;

  Task<void> run(Runtime& runtime) {
    FailoverPool pool(runtime, servers.addresses(), config);
    const Client<Work> client(pool);
    for (int i = 0; i < calls; ++i) {
      if (i > 0) co_await runtime.clock().sleep_for(pause);
      Order order = order_of(1, {});
      note_submitted(servers.ledger, order, {.name = "Work.once", .caller = "caller", .timeout = 20s});
      const auto reply = co_await client.once(order);
      work::note_end(servers.ledger, order.id, reply);
      RAZOR_EXPECT(reply.ok(), "{}", reply.call_error().message());
    }
    co_await runtime.clock().sleep_for(quiet);
    last = pool.state();
    finished = true;
  }
  void check() {
    world.host("caller").start([this](Runtime& runtime) { return run(runtime); });
    RAZOR_REQUIRE(world.run_until([this] { return finished; }, 1h));
    world.fabric().kill_all();
  }
};

// CONTRACT 21. For: a connection that is closed because it is idle, and made again at once.
RAZOR_SCENARIO(one_call_and_then_none) {
  sim::RandomStream draw = world.random("seldom");
  draw_latency(world, draw);
  faults::Ledger ledger(world);
  MoodyServers servers(world, ledger, static_cast<int>(1 + draw.below(3)));
  Seldom test{world, servers, {}, 1, 0s, 0s};
  test.config.pool.stream.tick = draw.between(10ms, 1s);
  test.config.pool.idle_timeout = draw.between(2s, 9s);
  world.run_for(draw.between(0ns, 1s));
  test.quiet = test.config.pool.idle_timeout + *test.config.pool.stream.tick;
  test.check();
  RAZOR_EXPECT(test.last.connections() == 0, "{}", test.last.to_string());
  RAZOR_EXPECT(test.last.stats.connects == servers.addresses().size(), "{}", test.last.to_string());
}

// CONTRACT 29. For: addresses that are in trouble because their servers, which work, ended connections that nobody used.
RAZOR_SCENARIO(seldom_calls_are_no_trouble) {
  sim::RandomStream draw = world.random("seldom");
  draw_latency(world, draw);
  faults::Ledger ledger(world);
  MoodyServers servers(world, ledger, static_cast<int>(2 + draw.below(3)));
  Seldom test{world, servers, {}, 20, draw.between(1s, 50s), 30s};
  test.config.balance = draw.one_in(2) ? Balance::round_robin : Balance::least_in_flight;
  test.check();
  RAZOR_EXPECT(test.last.stats.ejections == 0, "{}", test.last.to_string());
  // What the servers close is made anew with the next call, not again and again until it comes.
  const std::uint64_t calls = test.last.stats.calls_submitted;
  RAZOR_EXPECT(test.last.stats.connects <= (calls + 1) * servers.addresses().size(), "{}", test.last.to_string());
}

}  // namespace
}  // namespace razor::test
