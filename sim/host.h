#pragma once
// Host: a machine of a simulated world. It has a name, a clock of its own, Runtimes, and programs that run on them.
//
//   sim::Host& server = world.host("server");
//   server.start([](razor::Runtime& runtime) { return serve(runtime); });   // a coroutine; runs again after restart()
//   server.crash();  ...  server.restart();
//
// Everything a program holds must be in its coroutines: a crash destroys them.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "razor/base/log.h"
#include "sim/connection.h"
#include "sim/sim_runtime.h"

namespace razor::sim {

class Fabric;

class Host {
 public:
  /// What runs on a host: called anew for each start. `Runtime&` lives as long as the world.
  using Program = std::function<runtime::Task<void>(runtime::Runtime&)>;

  Host(Engine& engine, Fabric& fabric, std::string name, std::uint64_t number, base::LogSink& log);
  Host(const Host&) = delete;
  ~Host();

  const std::string& name() const { return name_; }
  /// From 1, in the order the world was asked for them.
  std::uint64_t number() const { return number_; }
  /// "10.0.0.<number>": another name of the host in addresses.
  const std::string& ip() const { return ip_; }
  runtime::Address address(std::uint16_t port) const { return runtime::Address::tcp(name_, port); }

  /// The first Runtime of the host as it is up now; made when it is asked for. After a crash there is another.
  SimRuntime& runtime();
  /// One more: a thread of the same machine.
  SimRuntime& add_runtime();
  /// Runs `program` on a Runtime of its own, now and after each restart. Errors: an exception that escapes it ends the
  /// process, as with every task.
  void start(Program program);

  /// The machine is gone at once: its tasks are destroyed, and nobody is told. Until `restart` it is silent; then what still
  /// comes for its old connections is answered by resets.
  void crash();
  /// The world goes, and the host is down: what is still held of what was made from its Runtimes ends.
  void retire();
  /// Up again, with its programs started anew.
  void restart();
  bool is_up() const { return is_up_; }
  /// Its programs are gone at once, as with SIGKILL; its system goes on, and closes what they had open. They run again after
  /// `start_again`.
  void kill();
  /// Starts the programs anew, after `kill`.
  void start_again();
  /// Its programs stand still, as with SIGSTOP; its system goes on taking bytes and connections.
  void pause();
  void resume();
  bool is_paused() const { return is_paused_; }
  /// Up, with a program on it, or at least a Runtime, that was not killed.
  bool runs() const;
  /// How often something came due that a pause held back, so far: work of a Runtime, or its timers.
  std::uint64_t withheld() const { return withheld_; }
  /// Of these, how much is held back now.
  std::uint64_t withholds() const;

  // --- Its clock
  /// What its Runtimes read: monotonic, with an offset of the host's own.
  base::TimePoint clock_now() const;
  /// The clock runs faster by so many parts in a million from now on; negative: slower.
  void set_drift_ppm(std::int32_t ppm);
  std::int32_t drift_ppm() const { return drift_ppm_; }
  /// The time of day, in nanoseconds since 1970, which programs of the library never read.
  std::int64_t wall_clock_ns() const;
  /// What programs get that ask the machine for chance (guard.h): a stream of the host's own, which goes on through restarts.
  std::uint64_t entropy() const;
  /// How often the time of day was asked.
  std::uint64_t wall_clock_reads() const { return wall_clock_reads_; }
  /// Sets the time of day; the monotonic clock does not move.
  void step_wall_clock(base::Duration by) { wall_offset_ += by; }
  /// When the host's clock reads `local`: the first such moment.
  base::TimePoint world_time_of(base::TimePoint local) const;

  Engine& engine() const { return engine_; }
  Fabric& fabric() const { return fabric_; }
  base::LogSink& log();
  /// Its Runtimes report calls to the engine's observers, or do not.
  void trace_calls(bool wanted);
  /// How many connections its system knows of.
  std::size_t connection_count() const;

 private:
  friend class Fabric;
  friend class SimRuntime;
  class NamedLog;
  class CallTrace;
  class Trouble;

  SimRuntime& make_runtime();
  void run(const Program& program);
  void start_programs();

  Engine& engine_;
  Fabric& fabric_;
  std::string name_;
  std::uint64_t number_;
  std::string ip_;
  Seed seed_;
  mutable RandomStream entropy_;
  std::unique_ptr<NamedLog> log_;
  std::unique_ptr<CallTrace> trace_;
  std::unique_ptr<Trouble> trouble_;
  bool traces_calls_ = false;
  bool is_up_ = true;
  bool is_paused_ = false;
  std::uint64_t withheld_ = 0;
  std::uint64_t runtimes_made_ = 0;
  SimRuntime* first_runtime_ = nullptr;
  // With those of earlier incarnations, which are killed: what was made from them may still point there.
  std::vector<std::unique_ptr<SimRuntime>> runtimes_;
  std::vector<Program> programs_;

  // The clock: at world time `set_at_` it read `set_to_`.
  base::TimePoint set_at_{};
  base::TimePoint set_to_{};
  std::int32_t drift_ppm_ = 0;
  base::Duration wall_offset_{};
  mutable std::uint64_t wall_clock_reads_ = 0;
};

}  // namespace razor::sim
