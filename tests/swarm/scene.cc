#include "tests/swarm/scene.h"

#include <algorithm>

namespace razor::swarm {
namespace {

// Of slow links; the slowest is 8 times slower. On still slower ones a single segment of the simulated TCP, 64 KiB, takes as long
// as the timeout of a probe.
constexpr std::int64_t kFastestSlowLink = 2'000'000;
constexpr std::uint32_t kLargeMax = 12'000'000;
// How long the largest call is under way, at least: longer than the time after which a silent peer counts as dead.
constexpr std::int64_t kLargeSeconds = 6;

void draw_slow_links(faults::Exploration& run, Settings& settings) {
  settings.bytes_per_second = kFastestSlowLink >> run.number("link_halvings", 0, 3);
  settings.large_bytes = static_cast<std::uint32_t>(
      std::min<std::int64_t>(settings.bytes_per_second * run.number("large_seconds", kLargeSeconds, 10), kLargeMax));
  settings.small_sockets = run.one_in("small_sockets", 2);
  // All others leave most of the link free.
  settings.burst = std::min<std::int64_t>(settings.burst, 10);
  settings.payload_max = std::min<std::int64_t>(settings.payload_max, settings.bytes_per_second / 100);
}

}  // namespace

Settings draw_settings(faults::Exploration& run) {
  Settings settings;
  settings.servers = static_cast<int>(run.number("servers", 1, 4));
  settings.callers = static_cast<int>(run.number("callers", 1, 3));
  settings.stream_caller = run.one_in("stream_caller", 3);
  settings.victim = run.one_in("victim", 4);
  settings.attacker = run.one_in("attacker", 3);

  // How callers behave.
  settings.burst = run.number("burst", 1, 40);
  settings.pause = run.duration("pause", 400ms, 1400ms);
  settings.idempotent = run.number("idempotent", 0, 10);
  settings.led = run.one_in("led", 4) ? 10 - settings.idempotent : 0;
  settings.handler_max = run.duration("handler_max", 1ms, 200ms);
  const bool limited = run.one_in("small_frames", 4);
  settings.payload_max = limited ? 3000 : run.number("payload_max", 0, 2000);
  if (run.one_in("large_payloads", 6) && !limited) settings.payload_max = 100'000;
  if (run.one_in("slow_links", 4) && !limited) draw_slow_links(run, settings);
  settings.reference_server = run.one_in("reference_server", 6);
  settings.reference_caller = run.one_in("reference_caller", 4);

  ClientPoolConfig& pool = settings.pool.pool;
  pool.stream.window = static_cast<std::uint32_t>(run.number("window", 1, 20));
  if (run.one_in("wide_window", 3)) pool.stream.window = 128;
  if (run.one_in("fixed_tick", 2)) {
    pool.stream.tick = run.one_in("slow_tick", 2) ? base::Duration(1s) : run.duration("tick", 10ms, 1s);
  }
  pool.connections_max = static_cast<std::uint32_t>(run.number("connections_max", 1, 4));
  pool.idle_timeout = run.duration("idle_timeout", 2s, 60s);
  pool.queue_calls_max = run.one_in("short_queue", 4) ? 8 : 1024;
  if (run.one_in("few_bytes", 6) && settings.large_bytes == 0) pool.bytes_max = 20'000;
  pool.retry.limit = static_cast<std::uint32_t>(run.number("retries", 0, 4));
  pool.retry.budget_burst = run.one_in("small_budget", 4) ? 5 : 100;
  pool.fail_fast = run.one_in("fail_fast", 6);
  settings.pool.balance = static_cast<Balance>(run.number("balance", 0, 2));
  if (run.one_in("hedging", 4)) settings.pool.hedge_after = run.duration("hedge_after", 1ms, 200ms);

  ServerConfig& server = settings.server;
  if (run.one_in("few_handlers", 4)) {
    server.handlers_per_connection_max = 8;
    server.handlers_max = 12;
  }
  server.idle_timeout = run.duration("server_idle_timeout", 5s, 120s);
  server.linger_timeout = 1s;
  server.write_queue_max = run.one_in("short_write_queue", 4) ? 16 * base::kKiB : 4 * base::kMiB;
  if (run.one_in("few_accepts", 8)) server.backlog = 1;
  if (limited) {
    pool.stream.limits.msg_bytes_max = 2048;
    server.limits.msg_bytes_max = 2048;
  }
  if (run.one_in("server_threads", 3)) {
    settings.server_threads = static_cast<int>(run.number("threads", 2, 4));
    settings.acceptor_serves = run.one_in("acceptor_serves", 2);
  }
  pool.stream.hello = run.one_in("hello", 2) ? HelloMode::automatic : HelloMode::off;
  if (run.one_in("hello_required", 8) && !settings.reference_server) pool.stream.hello = HelloMode::required;
  if (run.one_in("plain_servers", 4)) server.hello = HelloMode::off;
  if (pool.stream.hello == HelloMode::required) server.hello = HelloMode::automatic;
  if (run.one_in("old_connections", 4)) server.max_connection_age = run.duration("connection_age", 1s, 20s);
  return settings;
}

}  // namespace razor::swarm
