#pragma once
// A simulated world with servers of Patient and one caller with a pool, which speak more than plain version 1.
//
//   auto call = client().watched(10'000);      // under way
//   drop it, close a server, let its host stand still …
//
// Every way between two hosts takes 1 ms, and nothing else takes any time.

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "razor/api/client.h"
#include "razor/api/server.h"
#include "razor/pool/failover_pool.h"
#include "razor/runtime/task_scope.h"
#include "razor/runtime/with_deadline.h"
#include "sim/world.h"
#include "tests/extended/reply_text.h"

namespace razor::test {

using namespace std::chrono_literals;

inline constexpr std::uint16_t kPatientPort = 7000;
inline constexpr base::Duration kOneWay = 1ms;

struct Patient {
  /// Milliseconds until its deadline; -1: it does not know.
  virtual Call<std::int64_t> left() = 0;
  /// Takes so long. True: it has heard before that nobody waits.
  virtual Call<bool> watched(int milliseconds) = 0;
  /// Takes so long, and is destroyed when nobody waits.
  virtual Call<bool> ended(int milliseconds) = 0;
  /// Takes so long, whatever happens.
  virtual Call<int> work(int milliseconds) = 0;
  RAZOR_SERVICE(Patient, left, watched, ended, work)
  RAZOR_CANCELLABLE(ended)
};

/// What the handlers of one server have seen.
struct PatientNotes {
  int begun = 0;
  int finished = 0;  ///< ran to their ends
  int destroyed = 0;  ///< before that
  std::optional<base::TimePoint> heard_at;  ///< that nobody waits
  bool saw_draining = false;
};

class PatientServer {
 public:
  PatientServer(sim::World& owner, int number) : world(owner), host(owner.host("server" + std::to_string(number))) {
    host.start([this](Runtime& runtime) { return serve(runtime, *this); });
  }
  PatientServer(const PatientServer&) = delete;

  Address address() const { return host.address(kPatientPort); }
  /// The process ends at once, and a new one serves with `config`.
  void restart() {
    host.kill();
    host.start_again();
  }
  /// Gracefully, within `limit`; then the process ends.
  void close(base::Duration limit) { close_within = limit; }

  sim::World& world;
  sim::Host& host;
  stream::ServerConfig config;  ///< of the next start
  PatientNotes notes;
  std::optional<base::Duration> close_within;
  bool has_closed = false;
  Server* server = nullptr;  ///< while it runs

 private:
  class Impl final : public Patient {
   public:
    Impl(Runtime& runtime, PatientServer& owner) : runtime_(runtime), world_(owner.world), notes_(owner.notes) {}

    Call<std::int64_t> left() override {
      ++notes_.begun;
      const std::optional<base::TimePoint> deadline = current_context().deadline();
      if (!deadline) return -1;
      return std::chrono::duration_cast<std::chrono::milliseconds>(*deadline - runtime_.clock().now()).count();
    }
    Call<bool> watched(int milliseconds) override {
      Running running(notes_);
      const CallContext context = co_await razor::context();
      const base::TimePoint until = runtime_.clock().now() + std::chrono::milliseconds(milliseconds);
      const auto ended = co_await runtime::with_deadline(runtime_.clock(), until, context.cancellation());
      if (ended.ok()) notes_.heard_at = world_.now();
      notes_.saw_draining = notes_.saw_draining || context.draining();
      EXPECT_EQ(ended.ok(), context.cancelled());
      running.is_done = true;
      co_return ended.ok();
    }
    Call<bool> ended(int milliseconds) override {
      Running running(notes_);
      co_await runtime_.clock().sleep_for(std::chrono::milliseconds(milliseconds));
      running.is_done = true;
      co_return false;
    }
    Call<int> work(int milliseconds) override {
      Running running(notes_);
      co_await runtime_.clock().sleep_for(std::chrono::milliseconds(milliseconds));
      running.is_done = true;
      co_return milliseconds;
    }

   private:
    struct Running {
      explicit Running(PatientNotes& of) : notes(of) { ++notes.begun; }
      Running(const Running&) = delete;
      ~Running() { ++(is_done ? notes.finished : notes.destroyed); }
      PatientNotes& notes;
      bool is_done = false;
    };
    Runtime& runtime_;
    sim::World& world_;
    PatientNotes& notes_;
  };

  static Task<void> serve(Runtime& runtime, PatientServer& self) {
    Server server(runtime, self.config);
    server.add(std::make_shared<Impl>(runtime, self));
    const auto bound = server.listen(Address::tcp("0.0.0.0", kPatientPort));
    EXPECT_TRUE(bound.ok()) << bound.error().message();
    self.server = &server;
    while (!self.close_within) co_await runtime.clock().sleep_for(1ms);
    co_await server.close(*self.close_within);
    self.server = nullptr;
    self.has_closed = true;
  }
};

class ExtendedTest : public testing::Test {
 protected:
  explicit ExtendedTest(int server_count = 1) {
    world.fabric().set_link_config({.latency = {kOneWay, 0ms}, .split_one_in = 0});
    config.pool.stream.hello = HelloMode::automatic;
    config.pool.stream.tick = 10ms;
    for (int i = 0; i < server_count; ++i) servers.emplace_back(world, i);
    world.run_for(1us);  // they listen
  }
  ~ExtendedTest() override {
    pool_.reset();
    world.run_for(1s);
    world.fabric().kill_all();
  }

  Runtime& runtime() { return world.host("client").runtime(); }
  FailoverPool& pool() {
    if (!pool_) {
      std::vector<Address> all;
      for (const PatientServer& server : servers) all.push_back(server.address());
      pool_.emplace(runtime(), all, config);
    }
    return *pool_;
  }
  void destroy_pool() { pool_.reset(); }
  Client<Patient> client(const CallOptions& options = {}) { return Client<Patient>(pool()).with(options); }
  /// So that the connection is there, and both ends know what is spoken.
  void get_acquainted() {
    bool done = false;
    client().left.start([&done](const Reply<std::int64_t>& reply) {
      EXPECT_TRUE(reply.ok()) << text_of(reply);
      done = true;
    });
    EXPECT_TRUE(world.run_until([&done] { return done; }, 5s));
    servers[0].notes = {};
  }
  stream::ServerStats stats(int index = 0) { return servers[static_cast<std::size_t>(index)].server->stats(); }

  sim::World world{7};
  FailoverPoolConfig config;
  std::deque<PatientServer> servers;

 private:
  std::optional<FailoverPool> pool_;
};

}  // namespace razor::test
