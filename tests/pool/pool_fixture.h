#pragma once
// A simulated world with some servers, and a caller that has a pool: for tests of pools by example.
//
//   servers[0].kill();
//   const Asked call = once();          // under way from now on
//   run_for(2s);
//   EXPECT_EQ(call.text(), "under way");
//
// Every way between two hosts takes 1 ms, and nothing else takes any time: a call over a connection that is there takes
// 2 ms, and so does connecting. At the end of each test the pool is destroyed, and every call must have ended once, and
// have run as often as its caller was told.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "razor/api/client.h"
#include "razor/api/server.h"
#include "razor/pool/client_pool.h"
#include "razor/pool/failover_pool.h"
#include "razor/stream/internal/server_stream.h"
#include "sim/world.h"

namespace razor::test {

using namespace std::chrono_literals;
using pool::HealthState;

inline constexpr std::uint16_t kPoolPort = 7000;
inline constexpr base::Duration kRoundTrip = 2ms;
inline constexpr base::Duration kTick = 10ms;

/// Another server does this.
struct Elsewhere {
  std::string where;  // empty: nobody knows
  RAZOR_FIELDS(Elsewhere, where)
};
inline Failover failover_of(const Elsewhere& error) {
  return error.where.empty() ? Failover::next_address() : Failover::to(error.where);
}

/// Each call takes so many milliseconds, and gives the number of the server that did it.
struct Work {
  virtual Call<int> once(std::uint64_t id, int milliseconds) = 0;
  virtual Call<int> often(std::uint64_t id, int milliseconds) = 0;
  /// Only a server that leads does it.
  virtual Call<int, Elsewhere> led(std::uint64_t id, int milliseconds) = 0;
  virtual Call<int, std::string> refused(std::uint64_t id, std::string why) = 0;
  RAZOR_SERVICE(Work, once, often, led, refused)
  RAZOR_IDEMPOTENT(often)
};

// What the servers of tests do with actions that have numbers.
inline constexpr std::uint32_t kEcho = 1;         // gives the message and the blob back
inline constexpr std::uint32_t kErrorNumber = 2;  // answers error 42
inline constexpr std::uint32_t kErrorBytes = 3;   // answers the bytes of its message as an error

class TestServer {
 public:
  enum class Manner {
    serves,
    hangs_up,     ///< accepts, and closes at once
    is_mute,      ///< accepts, and never says anything
    serves_one,   ///< accepts one connection, and refuses all others from then on
    accepts_one,  ///< accepts one connection, and lets all others wait
  };
  struct Run {
    std::uint64_t id;
    base::TimePoint at;
  };

  TestServer(sim::World& owner, int its_number)
      : world(owner), number(its_number), host(owner.host(fmt::format("server{}", its_number))) {
    host.start([this](Runtime& runtime) { return run(runtime, *this); });
  }
  TestServer(const TestServer&) = delete;

  Address address() const { return host.address(kPoolPort); }

  // --- Its process and its machine
  void kill() { host.kill(); }
  void start() { host.start_again(); }
  void start(Manner as) {
    manner = as;
    start();
  }
  void crash() { host.crash(); }
  void restart() { host.restart(); }
  void pause() { host.pause(); }
  void resume() { host.resume(); }

  // --- What it does with calls from now on
  base::Duration takes{};     ///< each call longer than it was asked for
  bool fails = false;         ///< answers that something went wrong in the server
  bool dies_on_calls = false; ///< begins them, and starts anew instead of answering
  int dies_so_often = 1'000'000;
  bool leads = true;
  stream::ServerConfig config;  ///< when it is started the next time
  std::string names;          ///< who leads, if it knows

  // --- What it has seen
  std::vector<Run> runs;      ///< of calls, as they began; tests may clear it
  std::vector<Run> all_runs;
  std::vector<base::TimePoint> accepted;  ///< where it hangs up, or is mute
  int asked_to_lead = 0;
  int running = 0;
  int running_peak = 0;
  std::vector<std::string> blobs;  ///< that came with numbered actions

  sim::World& world;
  int number;
  sim::Host& host;
  Manner manner = Manner::serves;

 private:
  class Actions;

  static Task<void> run(Runtime& runtime, TestServer& self) {
    switch (self.manner) {
      case Manner::serves: break;
      case Manner::hangs_up:
      case Manner::is_mute: return accept(runtime, self);
      case Manner::serves_one:
      case Manner::accepts_one: return serve_one(runtime, self);
    }
    return serve(runtime, self);
  }
  static Task<void> serve(Runtime& runtime, TestServer& self);
  static Task<void> serve_one(Runtime& runtime, TestServer& self);
  static Task<void> accept(Runtime& runtime, TestServer& self) {
    auto listener = runtime.network().listen(Address::tcp("0.0.0.0", kPoolPort));
    EXPECT_TRUE(listener.ok());
    std::vector<std::unique_ptr<runtime::ByteStream>> kept;
    while (true) {
      auto stream = co_await (*listener)->accept();
      EXPECT_TRUE(stream.ok());
      self.accepted.push_back(self.world.now());
      if (self.manner == Manner::is_mute) kept.push_back(*std::move(stream));
    }
  }
};

class WorkImpl final : public Work {
 public:
  WorkImpl(Runtime& runtime, TestServer& server) : runtime_(runtime), server_(server) {}

  Call<int> once(std::uint64_t id, int milliseconds) override {
    const Running running(server_, id);
    if (server_.fails) co_return base::Errc::internal;
    if (server_.dies_on_calls && server_.dies_so_often-- > 0) {
      server_.world.after(0ns, [&server = server_] { server.start(); });
      co_await runtime_.clock().sleep_for(1h);
    }
    const base::Duration takes = std::chrono::milliseconds(milliseconds) + server_.takes;
    if (takes > 0ms) co_await runtime_.clock().sleep_for(takes);
    co_return server_.number;
  }
  Call<int> often(std::uint64_t id, int milliseconds) override { return once(id, milliseconds); }
  Call<int, Elsewhere> led(std::uint64_t id, int milliseconds) override {
    ++server_.asked_to_lead;
    if (!server_.leads) co_return Fail(Elsewhere{server_.names});
    const Running running(server_, id);
    const base::Duration takes = std::chrono::milliseconds(milliseconds) + server_.takes;
    if (takes > 0ms) co_await runtime_.clock().sleep_for(takes);
    co_return server_.number;
  }
  Call<int, std::string> refused(std::uint64_t id, std::string why) override {
    const Running running(server_, id);
    return Fail(why);
  }

 private:
  struct Running {
    Running(TestServer& owner, std::uint64_t id) : server(owner) {
      server.runs.push_back({id, server.world.now()});
      server.all_runs.push_back(server.runs.back());
      server.running_peak = std::max(server.running_peak, ++server.running);
    }
    ~Running() { --server.running; }
    TestServer& server;
  };

  Runtime& runtime_;
  TestServer& server_;
};

class TestServer::Actions final : public Dispatch {
 public:
  explicit Actions(TestServer& server) : server_(server) {}
  void dispatch(const Request& request, Responder respond) override {
    server_.runs.push_back({0, server_.world.now()});
    server_.blobs.emplace_back(base::as_text(request.blob));
    if (server_.dies_on_calls && server_.dies_so_often-- > 0) {
      server_.world.after(0ns, [&server = server_] { server.start(); });
      kept_.push_back(std::move(respond));
      return;
    }
    std::string text;
    EXPECT_TRUE(request.decode(text));
    if (request.action == wire::Action(kErrorNumber)) return respond.fail(std::uint32_t{42});
    if (request.action == wire::Action(kErrorBytes)) return respond.fail_bytes(base::as_bytes(text));
    respond.reply(text, base::to_bytes(request.blob));
  }

 private:
  TestServer& server_;
  std::vector<Responder> kept_;
};

inline Task<void> TestServer::serve(Runtime& runtime, TestServer& self) {
  Actions actions(self);
  Server server(runtime, self.config);
  server.add(std::make_shared<WorkImpl>(runtime, self));
  server.set_fallback(actions);
  const auto bound = server.listen(Address::tcp("0.0.0.0", kPoolPort));
  EXPECT_TRUE(bound.ok()) << bound.error().message();
  co_await runtime.clock().sleep_until(base::TimePoint::max());
}

inline Task<void> TestServer::serve_one(Runtime& runtime, TestServer& self) {
  struct Served {
    Served(Runtime& runtime, Dispatch& dispatch)
        : shared(base::make_ref<stream::ServerShared>(runtime, stream::ServerConfig())) {
      shared->dispatch = &dispatch;
    }
    ~Served() {
      shared->dispatch = nullptr;
      while (!shared->connections.empty()) shared->connections.front().close("its process dies");
      shared->handlers.cancel();
    }
    base::Ref<stream::ServerShared> shared;
  };
  api::ServiceDispatch dispatch;
  dispatch.add(std::make_shared<WorkImpl>(runtime, self));
  const Served served(runtime, dispatch);
  auto listener = runtime.network().listen(Address::tcp("0.0.0.0", kPoolPort), {.backlog = 0});
  EXPECT_TRUE(listener.ok());
  auto stream = co_await (*listener)->accept();
  EXPECT_TRUE(stream.ok());
  base::make_ref<stream::ServerStream>(served.shared, *std::move(stream))->start();
  if (self.manner == Manner::serves_one) listener->reset();
  co_await runtime.clock().sleep_until(base::TimePoint::max());
}

/// A call that was made, and what became of it.
class Asked {
 public:
  explicit Asked(sim::World& world, std::uint64_t id, int runs_max)
      : state_(std::make_shared<State>(State{world, id, runs_max, world.now(), {}, {}, {}, {}, 0})) {}

  bool ended() const { return state_->completions > 0; }
  /// "done by server 1", "error of the handler: …", "overloaded, ran: no", "under way".
  const std::string& text() const { return state_->text.empty() ? under_way() : state_->text; }
  /// The whole message of a framework error.
  std::string message() const { return state_->error ? state_->error->message() : text(); }
  base::Duration took() const { return state_->ended_at - state_->begun_at; }
  base::TimePoint ended_at() const { return state_->ended_at; }

  std::uint64_t id() const { return state_->id; }
  int runs_max() const { return state_->runs_max; }
  int completions() const { return state_->completions; }
  /// What it ended with says that it ran, or that it did not.
  std::optional<bool> ran() const { return state_->ran; }

  void operator()(const Reply<int>& reply) const { end(reply, ""); }
  void operator()(const Reply<int, Elsewhere>& reply) const {
    end(reply, reply.has_error() ? "go to '" + reply.error().where + "'" : "");
    if (reply.has_error()) state_->ran = false;  // who sends calls elsewhere promises that
  }
  void operator()(const Reply<int, std::string>& reply) const { end(reply, reply.has_error() ? reply.error() : ""); }

 private:
  struct State {
    sim::World& world;
    std::uint64_t id;
    int runs_max;
    base::TimePoint begun_at;
    base::TimePoint ended_at;
    std::string text;
    std::optional<CallError> error;
    std::optional<bool> ran;
    int completions;
  };

  static const std::string& under_way() {
    static const std::string text = "under way";
    return text;
  }
  template <class SomeReply>
  void end(const SomeReply& reply, const std::string& handler_error) const {
    ++state_->completions;
    state_->ended_at = state_->world.now();
    if (reply.ran() != Ran::maybe) state_->ran = reply.ran() == Ran::yes;
    if (reply.ok()) {
      state_->text = fmt::format("done by server {}", *reply);
    } else if (reply.has_error()) {
      state_->text = "error of the handler: " + handler_error;
    } else {
      state_->error.emplace(reply.call_error());
      state_->text = fmt::format("{}, ran: {}", name_of(state_->error->errc()), name_of(state_->error->ran()));
    }
  }

  std::shared_ptr<State> state_;
};

/// A close() that runs in a coroutine of its own.
struct Closing {
  bool done = false;
  base::Duration took{};
};

template <class Pool, class Config>
class PoolFixture : public testing::Test {
 protected:
  explicit PoolFixture(int server_count) {
    world.fabric().set_link_config({.latency = {1ms, 0ms}, .split_one_in = 0});
    limits().stream.tick = kTick;
    for (int i = 0; i < server_count; ++i) servers.emplace_back(world, i);
    world.run_for(1us);  // they listen
  }
  void TearDown() override {
    pool_.reset();
    world.run_for(1s);
    for (const Asked& call : asked_) {
      EXPECT_EQ(call.completions(), 1) << "call " << call.id() << " " << call.text();
      int runs = 0;
      for (const TestServer& server : servers) {
        runs += static_cast<int>(std::ranges::count(server.all_runs, call.id(), &TestServer::Run::id));
      }
      EXPECT_LE(runs, call.runs_max()) << "call " << call.id() << " " << call.message();
      EXPECT_EQ(runs > 0, call.ran().value_or(runs > 0)) << "call " << call.id() << " " << call.message();
    }
    world.fabric().kill_all();
  }

  /// Of the pool, which is made when it is first used.
  ClientPoolConfig& limits() {
    if constexpr (std::is_same_v<Config, ClientPoolConfig>) {
      return config;
    } else {
      return config.pool;
    }
  }
  Pool& pool() {
    if (!pool_) {
      if constexpr (std::is_same_v<Config, ClientPoolConfig>) {
        pool_.emplace(runtime(), servers[0].address(), config);
      } else {
        pool_.emplace(runtime(), listed(), config);
      }
    }
    return *pool_;
  }
  void destroy_pool() { pool_.reset(); }
  virtual std::vector<Address> listed() const {
    std::vector<Address> all;
    for (const TestServer& server : servers) all.push_back(server.address());
    return all;
  }

  sim::Host& client_host() { return world.host("client"); }
  Runtime& runtime() { return client_host().runtime(); }
  void run_for(base::Duration span) { world.run_for(span); }
  bool run_until(const std::function<bool()>& done, base::Duration limit = 60s) { return world.run_until(done, limit); }
  /// Until these calls have ended.
  template <class... Calls>
  void finish(const Calls&... calls) {
    EXPECT_TRUE(run_until([&] { return (calls.ended() && ...); })) << state().to_string();
  }
  void finish(const std::vector<Asked>& calls) {
    EXPECT_TRUE(run_until([&] { return std::ranges::all_of(calls, &Asked::ended); })) << state().to_string();
  }

  PoolState state() { return pool().state(); }
  const PoolStats stats() { return pool().state().stats; }
  AddressState address(std::size_t index) { return pool().state().addresses.at(index); }

  Client<Work> client(const CallOptions& options = {}) { return Client<Work>(pool()).with(options); }
  /// Not idempotent.
  Asked once(int milliseconds = 0, const CallOptions& options = {}) {
    const int runs_max = options.idempotent ? 1 + static_cast<int>(limits().retry.limit) : 1;
    Asked asked = note(runs_max);
    client(options).once.start(asked, asked.id(), milliseconds);
    return asked;
  }
  std::vector<Asked> once_each(int count, int milliseconds = 0, const CallOptions& options = {}) {
    std::vector<Asked> all;
    for (int i = 0; i < count; ++i) all.push_back(once(milliseconds, options));
    return all;
  }
  /// Idempotent.
  Asked often(int milliseconds = 0, const CallOptions& options = {}) {
    Asked asked = note(1 + static_cast<int>(limits().retry.limit));
    client(options).often.start(asked, asked.id(), milliseconds);
    return asked;
  }
  /// To whom leads; not idempotent.
  Asked led(int milliseconds = 0, const CallOptions& options = {}) {
    Asked asked = note(1);
    client(options).led.start(asked, asked.id(), milliseconds);
    return asked;
  }
  Asked refused(const std::string& why, const CallOptions& options = {}) {
    Asked asked = note(1);
    client(options).refused.start(asked, asked.id(), why);
    return asked;
  }
  /// For calls that tests make themselves: what their completion is, and the id that the server is given.
  Asked note(int runs_max = 1) { return asked_.emplace_back(world, next_id(), runs_max); }
  /// For calls that need not end.
  std::uint64_t next_id() { return ++last_id_; }

  std::shared_ptr<Closing> close(base::Duration limit) {
    auto closing = std::make_shared<Closing>();
    runtime().executor().spawn("close", close_pool(pool(), limit, closing, world));
    return closing;
  }

  /// A call timed out as it should: not before its deadline, and within a tick after it.
  static void expect_in_time(const Asked& call, base::Duration timeout) {
    EXPECT_GE(call.took(), timeout) << call.message();
    EXPECT_LE(call.took(), timeout + kTick) << call.message();
  }

  sim::World world{7};
  std::deque<TestServer> servers;
  Config config;

 private:
  static Task<void> close_pool(Pool& pool, base::Duration limit, std::shared_ptr<Closing> closing, sim::World& world) {
    const base::TimePoint begun = world.now();
    co_await pool.close(limit);
    closing->done = true;
    closing->took = world.now() - begun;
  }

  std::optional<Pool> pool_;
  std::deque<Asked> asked_;
  std::uint64_t last_id_ = 0;
};

/// One server.
class ClientPoolTest : public PoolFixture<ClientPool, ClientPoolConfig> {
 protected:
  ClientPoolTest() : PoolFixture(1) {}
  TestServer& server() { return servers[0]; }
  std::uint32_t connections() { return state().connections(); }
};

/// Two servers, or more.
class FailoverPoolTest : public PoolFixture<FailoverPool, FailoverPoolConfig> {
 protected:
  explicit FailoverPoolTest(int count = 2) : PoolFixture(count) {}

  void add_server() {
    servers.emplace_back(world, static_cast<int>(servers.size()));
    run_for(1us);
  }
  /// All that are listed are connected, and nothing is under way.
  void connect_all() {
    finish(once());
    run_for(10ms);
    for (const AddressState& one : state().addresses) EXPECT_EQ(one.connections, 1u) << one.to_string();
    for (TestServer& server : servers) server.runs.clear();
  }
};

}  // namespace razor::test
