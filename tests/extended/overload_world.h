#pragma once
// A simulated world with one server of a fixed capacity, and clients on hosts of their own that call at a given rate, whether or
// not they are answered.
//
//   OverloadWorld world(seed, setting);
//   const Tally tally = world.under(2 * kCapacity, 10s);   // what happened in these 10 s
//
// The server has one worker, which works kWork for each call, one call after the other, in the order in which they came. Calls
// grow old in the queue for it. Every way between two hosts takes 1 ms; nothing else takes any time.

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "razor/api/client.h"
#include "razor/api/server.h"
#include "razor/base/random_stream.h"
#include "razor/pool/failover_pool.h"
#include "sim/world.h"
#include "tests/support/one_at_a_time.h"

namespace razor::test {

using namespace std::chrono_literals;

inline constexpr base::Duration kWork = 1ms;
inline constexpr int kCapacity = 1000;  ///< calls a second
inline constexpr base::Duration kTimeout = 200ms;
inline constexpr base::Duration kWay = 1ms;
inline constexpr std::uint16_t kWorkerPort = 7000;

/// A method for each way to look, before the work begins, whether somebody still waits for it. `until`: when the caller stops
/// waiting, by the world's clock, which no server of the real world knows. Tests judge by it.
struct Worker {
  /// Works whatever the age of the call.
  virtual Call<int> blindly(std::int64_t until) = 0;
  /// Unless `context.cancelled()`.
  virtual Call<int> unless_cancelled(std::int64_t until) = 0;
  /// Is destroyed once nobody waits.
  virtual Call<int> while_wanted(std::int64_t until) = 0;
  /// Only if the answer can come before `context.deadline()`.
  virtual Call<int> in_time(std::int64_t until) = 0;
  RAZOR_SERVICE(Worker, blindly, unless_cancelled, while_wanted, in_time)
  RAZOR_CANCELLABLE(while_wanted)
  RAZOR_IDEMPOTENT(blindly, unless_cancelled, while_wanted, in_time)
};

enum class Looks { never, at_cancelled, is_destroyed, at_deadline };

struct OverloadSetting {
  Looks looks = Looks::never;
  HelloMode hello = HelloMode::automatic;  ///< of the clients
  int calls_again = 0;  ///< so often a caller whose call failed makes another one, at once
  stream::ServerConfig server{};
};

/// What has happened, in a stretch of time.
struct Tally {
  std::int64_t begun = 0;
  std::int64_t good = 0;  ///< answered within kTimeout
  std::int64_t late = 0;  ///< answered after it
  std::int64_t failed = 0;
  std::int64_t worked = 0;
  std::int64_t wasted = 0;  ///< of it: done when the caller's deadline had passed
  base::Duration waited{};  ///< by callers whose calls were good

  Tally operator-(const Tally& other) const {
    return {begun - other.begun,   good - other.good,     late - other.late,    failed - other.failed,
            worked - other.worked, wasted - other.wasted, waited - other.waited};
  }
  double wasted_share() const { return worked == 0 ? 0 : static_cast<double>(wasted) / static_cast<double>(worked); }
  double good_share() const { return begun == 0 ? 0 : static_cast<double>(good) / static_cast<double>(begun); }
  double wait_ms() const {
    return good == 0 ? 0 : std::chrono::duration<double, std::milli>(waited).count() / static_cast<double>(good);
  }
};

class OverloadWorld {
 public:
  static constexpr int kClients = 4;

  OverloadWorld(std::uint64_t seed, const OverloadSetting& setting) : setting_(setting), world_(seed) {
    world_.fabric().set_link_config({.latency = {kWay, 0ms}, .split_one_in = 0});
    world_.host("server").start([this](Runtime& runtime) { return serve(runtime, *this); });
    world_.run_for(1us);  // it listens
    for (int i = 0; i < kClients; ++i) {
      world_.host("client" + std::to_string(i)).start([this, i](Runtime& runtime) { return call(runtime, *this, i); });
    }
  }
  OverloadWorld(const OverloadWorld&) = delete;
  ~OverloadWorld() {
    ending_ = true;
    world_.fabric().kill_all();
  }

  /// Calls so often, all clients together, for so long.
  Tally under(int calls_per_second, base::Duration span) {
    const Tally before = tally_;
    distance_ = base::Duration(1s) * kClients / calls_per_second;
    world_.run_for(span);
    return tally_ - before;
  }

 private:
  class Impl final : public Worker {
   public:
    Impl(Runtime& runtime, OverloadWorld& owner) : clock_(runtime.clock()), owner_(owner), worker_(runtime.executor()) {}
    Call<int> blindly(std::int64_t until) override {
      const OneAtATime::Turn turn = co_await worker_.turn();
      co_await clock_.sleep_for(kWork);
      co_return note(until);
    }
    Call<int> unless_cancelled(std::int64_t until) override {
      const CallContext context = co_await razor::context();
      const OneAtATime::Turn turn = co_await worker_.turn();
      if (context.cancelled()) co_return Errc::cancelled;
      co_await clock_.sleep_for(kWork);
      co_return note(until);
    }
    Call<int> while_wanted(std::int64_t until) override { return blindly(until); }
    Call<int> in_time(std::int64_t until) override {
      // [quote:in_time]
      const CallContext context = co_await razor::context();
      const OneAtATime::Turn turn = co_await worker_.turn();  // calls grow old here
      // The work takes time, and both ways do: the caller's clock ran already while the request was on its way.
      if (!context.has_time_for(kWork + 2 * kWay)) co_return Errc::deadline_exceeded;
      // [/quote]
      co_await clock_.sleep_for(kWork);
      co_return note(until);
    }

   private:
    int note(std::int64_t until) {
      ++owner_.tally_.worked;
      if (owner_.world_.now().time_since_epoch().count() > until) ++owner_.tally_.wasted;
      return 1;
    }
    runtime::Clock& clock_;
    OverloadWorld& owner_;
    OneAtATime worker_;
  };

  static Task<void> serve(Runtime& runtime, OverloadWorld& self) {
    Server server(runtime, self.setting_.server);
    server.add(std::make_shared<Impl>(runtime, self));
    const auto bound = server.listen(Address::tcp("0.0.0.0", kWorkerPort));
    EXPECT_TRUE(bound.ok()) << bound.error().message();
    co_await runtime.clock().sleep_for(24h);
  }

  static Task<void> call(Runtime& runtime, OverloadWorld& self, int number) {
    FailoverPoolConfig config;
    config.pool.stream.hello = self.setting_.hello;
    FailoverPool pool(runtime, {self.world_.host("server").address(kWorkerPort)}, config);
    const Client<Worker> client = Client<Worker>(pool).with({.timeout = kTimeout});
    base::RandomStream chance(self.world_.seed() * kClients + static_cast<std::uint64_t>(number));
    while (true) {
      // Calls do not come evenly.
      co_await runtime.clock().sleep_for(chance.between(0ns, 2 * self.distance_));
      self.begin(client, self.setting_.calls_again);
    }
  }

  void begin(const Client<Worker>& client, int again) {
    ++tally_.begun;
    const base::TimePoint begun = world_.now();
    const std::int64_t until = (begun + kTimeout).time_since_epoch().count();
    auto on_end = [this, &client, begun, again](const Reply<int>& reply) {
      const base::Duration took = world_.now() - begun;
      if (!reply.ok()) {
        ++tally_.failed;
        if (again > 0 && !ending_) begin(client, again - 1);
      } else if (took > kTimeout) {
        ++tally_.late;
      } else {
        ++tally_.good;
        tally_.waited += took;
      }
    };
    switch (setting_.looks) {
      case Looks::never: return client.blindly.start(on_end, until);
      case Looks::at_cancelled: return client.unless_cancelled.start(on_end, until);
      case Looks::is_destroyed: return client.while_wanted.start(on_end, until);
      case Looks::at_deadline: return client.in_time.start(on_end, until);
    }
  }

  const OverloadSetting setting_;
  bool ending_ = false;
  base::Duration distance_ = 1s;
  Tally tally_;
  sim::World world_;
};

}  // namespace razor::test
