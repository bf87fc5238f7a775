// The whole library under load and under faults, with a ledger of all calls: each completes once and in time, runs at most
// once, and a caller who is told that a call did not run is told the truth.

#include "tests/scenarios/load.h"

namespace razor::test {
namespace {

bool all_finished(const std::vector<std::unique_ptr<LoadCaller>>& callers) {
  return std::ranges::all_of(callers, [](const auto& caller) { return caller->finished(); });
}

// One server, and callers each on a host of its own.
struct Load {
  explicit Load(sim::World& owner) : world(owner), ledger(owner), server(ledger), server_host(owner.host("server")) {}

  void start(int caller_count, const LoadConfig& config) {
    server_host.start(server.program());
    for (int i = 0; i < caller_count; ++i) {
      callers.push_back(std::make_unique<LoadCaller>(ledger, server_host.address(kWorkPort), config));
      world.host(fmt::format("caller{}", i)).start(callers.back()->program());
    }
  }
  void finish(base::Duration limit) {
    RAZOR_REQUIRE(world.run_until([this] { return all_finished(callers); }, limit), "calls are still under way");
    check_all_ended(ledger);
  }

  sim::World& world;
  faults::Ledger ledger;
  LoadServer server;
  sim::Host& server_host;
  std::vector<std::unique_ptr<LoadCaller>> callers;
};

// Destroys what runs on the hosts before what it refers to goes.
struct CrashAtEnd {
  explicit CrashAtEnd(sim::World& owner) : world(owner) {}
  ~CrashAtEnd() { world.fabric().kill_all(); }
  sim::World& world;
};

RAZOR_SCENARIO(hundred_clients_on_ten_servers) {
  faults::Ledger ledger(world);
  std::vector<std::unique_ptr<LoadServer>> servers;
  std::vector<std::unique_ptr<LoadCaller>> callers;
  const CrashAtEnd at_end(world);
  for (int i = 0; i < 10; ++i) {
    servers.push_back(std::make_unique<LoadServer>(ledger));
    world.host(fmt::format("server{}", i)).start(servers.back()->program());
  }
  LoadConfig config;
  config.stop_after = 3s;
  config.in_flight = 4;
  for (int i = 0; i < 100; ++i) {
    const Address address = world.host(fmt::format("server{}", i % 10)).address(kWorkPort);
    callers.push_back(std::make_unique<LoadCaller>(ledger, address, config));
    world.host(fmt::format("client{}", i)).start(callers.back()->program());
  }
  RAZOR_REQUIRE(world.run_until([&callers] { return all_finished(callers); }, 60s));
  check_all_ended(ledger);
  RAZOR_EXPECT(ledger.succeeded_count() == ledger.calls(), "{} of {} calls succeeded with nothing wrong",
               ledger.succeeded_count(), ledger.calls());
  RAZOR_EXPECT(ledger.calls() > 10'000, "only {} calls in 3 s", ledger.calls());
}

RAZOR_SCENARIO(windows_are_kept) {
  Load load(world);
  const CrashAtEnd at_end(world);
  sim::RandomStream draw = world.random("windows");
  LoadConfig config;
  config.in_flight = static_cast<int>(1 + draw.below(40));
  config.stream.window = static_cast<std::uint32_t>(1 + draw.below(20));
  config.stop_after = 5s;
  config.timeout_min = 20s;  // nobody times out: all that waits for the window has its turn
  config.timeout_max = 20s;
  load.start(1, config);
  load.finish(60s);
  const int window = std::min(static_cast<int>(config.stream.window), config.in_flight);
  RAZOR_EXPECT(load.server.hooks.running_peak <= window, "{} handlers at a time through a window of {}",
               load.server.hooks.running_peak, window);
  RAZOR_EXPECT(load.server.hooks.running_peak == window, "the window of {} was never full: {} handlers at a time", window,
               load.server.hooks.running_peak);
  RAZOR_EXPECT(load.ledger.succeeded_count() == load.ledger.calls());
}

RAZOR_SCENARIO(deadlines_are_kept) {
  Load load(world);
  const CrashAtEnd at_end(world);
  sim::RandomStream draw = world.random("deadlines");
  LoadConfig config;
  config.timeout_min = 1ms;
  config.timeout_max = 3s;
  config.handler_ms_max = 2000;
  config.in_flight = 20;
  config.stream.window = 10;
  if (draw.one_in(2)) config.stream.tick = draw.between(10ms, 1s);
  load.start(3, config);
  load.finish(60s);
  RAZOR_EXPECT(load.ledger.failed_count(base::Errc::deadline_exceeded) > 0, "no call was late");
  RAZOR_EXPECT(load.ledger.succeeded_count() > 0, "no call was in time");
}

// CONTRACT 24. A caller to whom answers of up to 50 kB come slowly, and who stands still now and then: he costs the server a
// bounded amount, and being slow is no fault.
RAZOR_SCENARIO(slow_reader) {
  constexpr std::size_t kQueueMax = 100'000;
  constexpr std::size_t kFrameMax = 51'000;
  Load load(world);
  const CrashAtEnd at_end(world);
  LoadConfig config;
  config.payload_max = 50'000;
  config.handler_ms_max = 0;  // so that nothing is answered once the queue is full
  config.in_flight = 64;
  config.stop_after = 10s;
  config.timeout_min = config.timeout_max = 60s;
  world.fabric().set_socket_config({.send_buffer = 65'536, .receive_buffer = 65'536});
  load.server.config.write_queue_max = kQueueMax;
  load.start(1, config);
  sim::Host& reader = world.host("caller0");
  sim::LinkConfig slow;
  slow.bytes_per_second = 300'000;
  world.fabric().link(load.server_host, reader).set_config(slow);
  std::size_t queued_max = 0;
  for (int i = 0; i < 100; ++i) {
    world.run_for(100ms);
    if (i % 20 == 10) reader.pause();
    if (i % 20 == 19) reader.resume();
    for (const ConnectionStats& connection : load.server.serving->connections()) {
      queued_max = std::max<std::size_t>(queued_max, connection.bytes_queued);
    }
  }
  reader.resume();
  load.finish(120s);
  RAZOR_EXPECT(queued_max <= kQueueMax + kFrameMax, "{} B wait for a slow reader", queued_max);
  RAZOR_EXPECT(queued_max >= kQueueMax, "the queue was never full: {} B", queued_max);
  RAZOR_EXPECT(load.ledger.succeeded_count() == load.ledger.calls(), "{} of {} calls succeeded",
               load.ledger.succeeded_count(), load.ledger.calls());
}

// CONTRACT 31.
RAZOR_SCENARIO(server_closes_during_load) {
  Load load(world);
  const CrashAtEnd at_end(world);
  sim::RandomStream draw = world.random("closing");
  load.server.serve_for = draw.between(1s, 5s);
  LoadConfig config;
  config.stop_after = 8s;
  load.start(5, config);
  load.finish(60s);
  // What it had begun was answered, and the answers were read.
  RAZOR_EXPECT(load.ledger.failed_count(base::Errc::deadline_exceeded) == 0);
  RAZOR_EXPECT(load.ledger.dispatched_count() == load.ledger.succeeded_count(), "{} calls ran, {} were answered",
               load.ledger.dispatched_count(), load.ledger.succeeded_count());
  RAZOR_EXPECT(load.ledger.succeeded_count() > 0);
}

RAZOR_SCENARIO(server_crashes_during_load) {
  Load load(world);
  const CrashAtEnd at_end(world);
  sim::RandomStream draw = world.random("crashes");
  load.start(5, LoadConfig{});
  for (int i = 0; i < 4; ++i) {
    world.run_for(draw.between(100ms, 5s));
    load.server_host.crash();
    world.run_for(draw.between(0s, 4s));
    load.server_host.restart();
  }
  load.finish(120s);
  RAZOR_EXPECT(load.ledger.succeeded_count() > 0);
}

// CONTRACT 26. A server that vanishes while it owes answers is noticed by its silence, long before the calls' own deadlines.
RAZOR_SCENARIO(silent_server_is_noticed) {
  Load load(world);
  const CrashAtEnd at_end(world);
  LoadConfig config;
  config.timeout_min = config.timeout_max = 60s;
  config.handler_ms_max = 20'000;
  load.start(3, config);
  world.run_for(world.random("crash").between(500ms, 5s));
  RAZOR_REQUIRE(load.ledger.under_way() > 0);
  load.server_host.crash();
  const ClientStreamConfig& stream = config.stream;
  world.run_for(stream.ping_interval + stream.ping_timeout + stream::tick_of(Duration::max(), stream.tick));
  RAZOR_EXPECT(load.ledger.under_way() == 0, "{} calls still wait for a server that is gone", load.ledger.under_way());
  check_all_ended(load.ledger);
}

RAZOR_SCENARIO(links_are_cut_during_load) {
  Load load(world);
  const CrashAtEnd at_end(world);
  sim::RandomStream draw = world.random("cuts");
  load.start(3, LoadConfig{});
  for (int i = 0; i < 8; ++i) {
    world.run_for(draw.between(50ms, 3s));
    sim::Host& caller = world.host(fmt::format("caller{}", draw.below(3)));
    const std::uint64_t way = draw.below(3);
    if (way != 0) world.cut_one_way(caller, load.server_host);
    if (way != 1) world.cut_one_way(load.server_host, caller);
    world.run_for(draw.between(10ms, 6s));
    world.heal_all();
  }
  load.finish(120s);
  RAZOR_EXPECT(load.ledger.succeeded_count() > 0);
}

// Everything at once, on a network that cuts what it carries into pieces.
RAZOR_SCENARIO(everything_during_load) {
  sim::RandomStream draw = world.random("everything");
  sim::LinkConfig link;
  link.latency = {draw.between(0ns, 20ms), draw.between(0ns, 30ms), sim::Latency::Shape::exponential};
  link.segment_bytes_max = static_cast<std::uint32_t>(1 + draw.below(2000));
  link.split_one_in = static_cast<std::uint32_t>(draw.below(5));
  world.fabric().set_link_config(link);
  Load load(world);
  const CrashAtEnd at_end(world);
  LoadConfig config;
  config.stream.window = static_cast<std::uint32_t>(1 + draw.below(16));
  if (draw.one_in(2)) config.stream.tick = draw.between(10ms, 1s);
  config.payload_max = draw.below(20'000);
  load.start(3, config);
  world.host("caller1").set_drift_ppm(100);
  for (int i = 0; i < 10; ++i) {
    world.run_for(draw.between(10ms, 3s));
    sim::Host& caller = world.host(fmt::format("caller{}", 1 + draw.below(2)));
    switch (draw.below(5)) {
      case 0: world.cut(caller, load.server_host); break;
      case 1: world.cut_one_way(load.server_host, caller); break;
      case 2: load.server_host.restart(); break;
      case 3: load.server_host.pause(); break;
      case 4: load.server_host.crash(); break;
    }
    world.run_for(draw.between(1ms, 5s));
    world.heal_all();
    load.server_host.resume();
    if (!load.server_host.is_up()) load.server_host.restart();
  }
  load.finish(300s);
}

}  // namespace
}  // namespace razor::test
