#pragma once
// World: hosts, the network between them, and virtual time. The same seed gives the same run, to the last event.
//
//   sim::World world(seed);
//   world.host("server").start(serve);
//   world.host("client").start(talk);
//   world.run_for(10s);                      // of virtual time
//
// One thread. What runs in a world and asks the machine for time or chance gets the world's; it must not block, start a
// thread or use the machine's sockets (sim/guard.h).

#include <functional>
#include <optional>

#include "sim/fabric.h"

namespace razor::sim {

struct WorldConfig {
  FabricConfig fabric{};
};
static_assert(std::is_trivially_copyable_v<WorldConfig>);

class World {
 public:
  /// `log` outlives the world; without one, warnings and errors go to stderr.
  explicit World(std::uint64_t seed, const WorldConfig& config = {}, base::LogSink* log = nullptr);
  World(const World&) = delete;
  /// Destroys all that runs, at whatever event it is. Streams and the like that were made from its Runtimes go before it.
  ~World();

  std::uint64_t seed() const { return engine_.seed().value(); }
  /// Since the world began.
  base::TimePoint now() const { return engine_.now(); }
  base::Duration elapsed() const { return engine_.now().time_since_epoch(); }
  std::uint64_t events() const { return engine_.events(); }
  /// Of all that happened so far.
  std::uint64_t digest() const { return engine_.digest().value(); }

  /// The host of this name, made when it is first asked for.
  Host& host(std::string_view name) { return fabric_.host(name); }
  Fabric& fabric() { return fabric_; }
  /// A stream of draws of the scenario's own.
  RandomStream random(std::string_view purpose) const { return engine_.seed().of("scenario").stream(purpose); }

  // --- Faults of the network
  /// Nothing gets through between two hosts, or only one way, until it is healed.
  void cut(const Host& one, const Host& other);
  void cut_one_way(const Host& from, const Host& to) { fabric_.link(from, to).cut(); }
  void heal(const Host& one, const Host& other);
  void heal_all();

  // --- Time
  void run_for(base::Duration span) { run_until_time(base::saturating_add(now(), span)); }
  void run_until_time(base::TimePoint time);
  /// Until `done()`, which is looked at after each event. False when it is not so within `limit`.
  bool run_until(const std::function<bool()>& done, base::Duration limit);
  /// Until nothing is left to happen. False when something still is after `limit`.
  bool run_until_idle(base::Duration limit);
  /// At most so many events; false when nothing is left to happen.
  bool run_events(std::uint64_t count);
  /// Calls `action` at `at`, between two events.
  void at(base::TimePoint at, std::function<void()> action);
  void after(base::Duration span, std::function<void()> action) { at(base::saturating_add(now(), span), std::move(action)); }

  /// Tells `observer` all that happens from now on, calls included, until `unwatch`; what it is told changes nothing.
  /// Traces that people can look at: sim/trace.h.
  void watch(Observer& observer);
  void unwatch(Observer& observer);
  /// Puts something of the scenario's own into the digest and the traces.
  void note(std::string_view text);

  Engine& engine() { return engine_; }

 private:
  struct Action;

  base::StderrLog stderr_log_;
  Engine engine_;
  Fabric fabric_;
  std::vector<std::unique_ptr<Action>> actions_;
};

}  // namespace razor::sim
