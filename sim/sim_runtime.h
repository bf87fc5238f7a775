#pragma once
// SimRuntime: the Runtime of a simulated host. What production code does with it costs no time: time passes only between
// events. Its ready work runs in an order that the seed chooses.
//
// Divergence: computing takes no time, unless a Runtime has had a thousand turns in a row that came of its own work at one
// instant, or of timers that it armed for less than 1 µs. Each further turn of that row takes 1 µs, so that time passes for
// code that never waits: `while (!done) co_await clock.sleep_for(0s)` takes 100 ms in 100,000 turns.

#include <map>
#include <string>

#include "razor/runtime/runtime.h"
#include "sim/engine.h"

namespace razor::sim {

class Host;

class SimRuntime final : public runtime::Runtime,
                         private runtime::Clock,
                         private runtime::Executor,
                         private runtime::Random,
                         private runtime::Network {
 public:
  SimRuntime(Host& host, std::uint64_t number, Seed seed);
  ~SimRuntime() override;

  runtime::Clock& clock() override { return *this; }
  runtime::Executor& executor() override { return *this; }
  runtime::Random& random() override { return *this; }
  runtime::Network& network() override { return *this; }
  base::LogSink& log() override;

  /// Set by the host, while somebody watches the world.
  using runtime::Runtime::set_trace;
  /// Set by the host.
  using runtime::Runtime::set_handler_faults;

  Host& host() const { return host_; }
  Engine& engine() const { return engine_; }

  /// Destroys all tasks; nothing runs, and nothing wakes, from here on. What was made from it may still be destroyed.
  void kill();
  bool killed() const { return killed_; }
  /// The world goes: kills it, and ends what is still held of what was made from it.
  void retire();
  /// Nothing runs until `resume`.
  void pause();
  void resume();
  /// How much is held back now: its work, its timers.
  std::uint64_t withholds() const { return (turn_is_due_ ? 1u : 0u) + (timer_is_due_ ? 1u : 0u); }
  /// The host's clock has another rate, or was set: timers are looked at anew.
  void clock_changed();

  // --- For the parts of the simulator that wake what runs here
  /// Runs `work` in a turn of its own, here and now if nothing else is ready. Not from inside a turn's caller that goes on
  /// to suspend: that is what `queue` is for.
  void run_soon(runtime::Runnable& work);
  void queue(runtime::Runnable& work) { schedule(work); }
  /// A write may end at once; after some, the next waits, so that others run.
  bool may_go_on_at_once() { return in_turn_ && ++at_once_ <= kAtOnceMax; }

 private:
  static constexpr int kAtOnceMax = 16;
  static constexpr int kTurnsInRowMax = 1000;
  static constexpr base::Duration kCreep = std::chrono::microseconds(1);

  struct TurnEvent final : Event {
    explicit TurnEvent(SimRuntime& owner)
        : Event([](Event& event) { static_cast<TurnEvent&>(event).runtime.run_turn(); }), runtime(owner) {}
    SimRuntime& runtime;
  };
  struct WakeEvent final : Event {
    explicit WakeEvent(SimRuntime& owner)
        : Event([](Event& event) { static_cast<WakeEvent&>(event).runtime.fire_timers(); }), runtime(owner) {}
    SimRuntime& runtime;
  };

  // Clock
  base::TimePoint now() const override;
  void arm(runtime::Timer& timer, base::TimePoint at) override;
  void disarm(runtime::Timer& timer) override;
  // Executor
  void schedule(runtime::Runnable& work) override;
  void post(runtime::PostedTask& work) override;
  bool runs_in_this_thread() const override { return true; }
  std::string why_not_here() const override;
  // Random
  std::uint64_t seed_for(std::string_view purpose) override;
  // Network
  runtime::Task<base::Result<std::unique_ptr<runtime::ByteStream>>> connect(runtime::Address address) override;
  base::Result<std::unique_ptr<runtime::Listener>> listen(const runtime::Address& address,
                                                          runtime::ListenOptions options) override;
  std::uint32_t connections_max() const override { return 10'000; }
  base::Result<std::unique_ptr<runtime::ByteStream>> adopt(std::unique_ptr<runtime::DetachedStream> detached) override;

  void withhold(bool& is_due);
  void run_turn();
  void fire_timers();
  // From its construction to its destruction, programs run.
  class Turn;
  enum class Cause : std::uint8_t { own_work, timer, outside };
  void count_turn(Cause cause);
  // Time passes for the next turn.
  bool creeps() const { return turns_in_row_ >= kTurnsInRowMax && engine_.now() == last_turn_at_; }
  void tell_where_it_turns();
  void schedule_turn();
  void schedule_wake();
  bool comes_first();

  Host& host_;
  Engine& engine_;
  std::uint64_t number_;
  Seed seed_;
  bool killed_ = false;
  bool paused_ = false;
  bool in_turn_ = false;
  int at_once_ = 0;
  bool turn_is_due_ = false;  // while paused
  bool timer_is_due_ = false;  // while paused

  runtime::ReadyQueue ready_;
  RandomStream order_;
  std::uint64_t order_bits_ = 1;  // draws that are left, behind a 1
  TurnEvent turn_{*this};
  // The row of turns that goes on without waiting.
  base::TimePoint last_turn_at_ = base::TimePoint::min();
  base::TimePoint crept_to_ = base::TimePoint::min();
  bool armed_short_ = false;  // a timer, in this row
  int turns_in_row_ = 0;

  runtime::TimerQueue timers_;
  WakeEvent wake_{*this};
  runtime::ForeignQueue foreign_;
  std::map<std::string, RandomStream, std::less<>> purposes_;
};

}  // namespace razor::sim
