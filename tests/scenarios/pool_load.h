#pragma once
// Load on pools, for scenarios: servers that note what they run, callers that make calls of every kind through a pool, and
// oracles that are looked at while they do.

#include <fmt/format.h>

#include <deque>
#include <map>

#include "razor/api/client.h"
#include "razor/api/server.h"
#include "razor/pool/failover_pool.h"
#include "razor/runtime/event.h"
#include "razor/stream/remote_channel.h"
#include "tests/scenarios/ledger.h"

namespace razor::test {

using namespace std::chrono_literals;

inline constexpr std::uint16_t kPoolPort = 7000;

/// Another server does this.
struct Elsewhere {
  std::string where;  // empty: nobody knows
  RAZOR_FIELDS(Elsewhere, where)
};
inline Failover failover_of(const Elsewhere& error) {
  return error.where.empty() ? Failover::next_address() : Failover::to(error.where);
}

/// Each takes `milliseconds` and gives back `payload`; the ledger knows it as call `id`.
struct PoolWork {
  virtual Call<std::string> once(std::uint64_t id, std::uint32_t milliseconds, std::string payload) = 0;
  virtual Call<std::string> often(std::uint64_t id, std::uint32_t milliseconds, std::string payload) = 0;
  /// Only the leader does it; the others name him, if they know.
  virtual Call<std::string, Elsewhere> led(std::uint64_t id, std::uint32_t milliseconds, std::string payload) = 0;
  RAZOR_SERVICE(PoolWork, once, often, led)
  RAZOR_IDEMPOTENT(often)
};

/// Some servers, each on a host of its own, and who leads them.
class Cluster {
 public:
  struct Member {
    std::string name;
    Cluster* cluster;
    std::uint64_t dispatched = 0;
    int running = 0;                ///< handlers at a time, of this incarnation
    base::Duration slower_by{};     ///< each call takes so much longer
    bool knows_leader = true;
    bool broken = false;            ///< its handlers fail
  };

  Cluster(sim::World& owner, Ledger& noted, int count, ServerConfig server_config = {})
      : world(owner), ledger(noted), config(server_config) {
    for (int i = 0; i < count; ++i) add(fmt::format("server{}", i));
    leader = members.front()->name;
  }

  Member& add(std::string name) {
    members.push_back(std::make_unique<Member>(Member{std::move(name), this}));
    Member& member = *members.back();
    host(member).start([&member](Runtime& runtime) { return serve(runtime, member); });
    return member;
  }
  sim::Host& host(const Member& member) const { return world.host(member.name); }
  sim::Host& host(std::size_t index) const { return host(*members[index]); }
  Address address(const std::string& name) const { return Address::tcp(name, kPoolPort); }
  std::vector<Address> addresses() const {
    std::vector<Address> all;
    for (const auto& member : members) all.push_back(address(member->name));
    return all;
  }

  sim::World& world;
  Ledger& ledger;
  ServerConfig config;
  std::string leader;
  std::vector<std::unique_ptr<Member>> members;

 private:
  static Task<void> serve(Runtime& runtime, Member& member);
};

class PoolWorkImpl final : public PoolWork {
 public:
  PoolWorkImpl(Runtime& runtime, Cluster::Member& member) : runtime_(runtime), member_(member) {}

  Call<std::string> once(std::uint64_t id, std::uint32_t milliseconds, std::string payload) override {
    if (member_.broken) co_return base::Errc::internal;
    begin(id);
    if (const auto time = time_of(milliseconds); time > 0ms) co_await runtime_.clock().sleep_for(time);
    --member_.running;
    co_return payload;
  }
  Call<std::string> often(std::uint64_t id, std::uint32_t milliseconds, std::string payload) override {
    return once(id, milliseconds, std::move(payload));
  }
  Call<std::string, Elsewhere> led(std::uint64_t id, std::uint32_t milliseconds, std::string payload) override {
    if (member_.broken) co_return base::Errc::internal;
    const std::string& leader = member_.cluster->leader;
    if (leader != member_.name) {
      co_return Fail(Elsewhere{member_.knows_leader ? member_.cluster->address(leader).to_string() : ""});
    }
    begin(id);
    if (const auto time = time_of(milliseconds); time > 0ms) co_await runtime_.clock().sleep_for(time);
    --member_.running;
    co_return payload;
  }

 private:
  void begin(std::uint64_t id) {
    member_.cluster->ledger.dispatched(id);
    ++member_.dispatched;
    ++member_.running;
  }
  base::Duration time_of(std::uint32_t milliseconds) const {
    return std::chrono::milliseconds(milliseconds) + member_.slower_by;
  }

  Runtime& runtime_;
  Cluster::Member& member_;
};

inline Task<void> Cluster::serve(Runtime& runtime, Member& member) {
  member.running = 0;
  Server server(runtime, member.cluster->config);
  server.add(std::make_shared<PoolWorkImpl>(runtime, member));
  const auto bound = server.listen(Address::tcp("0.0.0.0", kPoolPort));
  RAZOR_REQUIRE(bound.ok(), "listen: {}", bound.error().message());
  co_await runtime.clock().sleep_until(base::TimePoint::max());
}

/// How a caller behaves.
struct PoolLoadConfig {
  FailoverPoolConfig pool{};
  int in_flight = 8;
  base::Duration stop_after = 20s;  ///< makes no more calls then, and waits for the last
  base::Duration pause_most = 20ms;  ///< between the end of one call and the beginning of the next
  base::Duration timeout_least = 500ms;
  base::Duration timeout_most = 5s;
  std::uint64_t handler_ms_most = 30;
  std::uint64_t payload_most = 500;
  /// Of ten calls.
  std::uint64_t idempotent = 5;
  std::uint64_t led = 0;
  base::Duration close_limit = 10s;
  /// The pool belongs to another runtime of its host.
  bool remote = false;
};

/// Makes calls through a FailoverPool, on a host of its own.
class PoolCaller {
 public:
  PoolCaller(sim::World& world, Ledger& ledger, std::vector<Address> addresses, const PoolLoadConfig& config,
             std::string_view name = "caller")
      : world_(world), ledger_(ledger), addresses_(std::move(addresses)), config_(config), host_(world.host(name)) {
    host_.start([this](Runtime& runtime) { return call(runtime); });
  }

  /// Null before it begins and after it ends.
  FailoverPool* pool() const { return pool_; }
  sim::Host& host() const { return host_; }
  bool finished() const { return finished_; }
  const PoolState& last_state() const { return last_state_; }
  /// It makes no more calls, and closes as soon as those have ended, or at once.
  void stop(bool close_now = false) {
    stopping_ = true;
    close_now_ = close_now;
    if (changed_ != nullptr) changed_->set();
  }
  void set_in_flight(int count) { config_.in_flight = count; }
  /// Tells of each call: its id, how long it took, whether it succeeded, and by which error not.
  std::function<void(std::uint64_t id, bool idempotent, base::TimePoint begun, base::Duration took, const CallError* error)> on_end;

  /// What must hold at any moment. Called again and again, at least ten times a second.
  void check_bounds() {
    if (pool_ == nullptr || !host_.is_up()) return;
    const PoolState state = pool_->state();
    const ClientPoolConfig& limits = config_.pool.pool;
    RAZOR_EXPECT(state.waiting <= 2 * limits.queue_calls_max, "{} calls wait", state.waiting);
    RAZOR_EXPECT(state.bytes <= limits.bytes_max || state.waiting + state.in_flight <= 1, "{} B are kept", state.bytes);
    for (const AddressState& address : state.addresses) {
      RAZOR_EXPECT(address.connections + address.leaving <= limits.connections_max, "{} connections to {}, and {} more",
                   address.connections, address.address, address.leaving);
      // CONTRACT 30, for every minute that ends here.
      std::deque<Sample>& past = connects_[address.address.to_string()];
      past.push_back({world_.elapsed(), address.connects, 0});
      while (past.back().at - past.front().at > 1min) past.pop_front();
      const std::uint64_t connects = past.back().extra - past.front().extra;
      RAZOR_EXPECT(connects <= limits.connects_per_minute_max, "{} attempts to connect to {} in a minute", connects,
                   address.address);
    }
    // CONTRACT 21, at the sockets: those of an address that is listed no more are there until their calls have ended.
    RAZOR_EXPECT(host_.connection_count() <= connects_.size() * limits.connections_max, "{} sockets for {} addresses",
                 host_.connection_count(), connects_.size());
    // CONTRACT 14, for every 10 s that end here: no more than a tenth of the calls, and a burst.
    const PoolStats& stats = state.stats;
    retries_.push_back({world_.elapsed(), stats.retries + stats.hedges, stats.calls_submitted});
    while (retries_.back().at - retries_.front().at > 10s) retries_.pop_front();
    const std::uint64_t retries = retries_.back().extra - retries_.front().extra;
    const std::uint64_t calls = retries_.back().calls - retries_.front().calls;
    const RetryConfig& retry = limits.retry;
    RAZOR_EXPECT(retries <= calls * retry.budget_percent / 100 + retry.budget_burst + 1, "{} retries for {} calls in 10 s",
                 retries, calls);
  }

 private:
  struct Sample {
    base::Duration at;
    std::uint64_t extra;
    std::uint64_t calls;
  };
  // While calls are under way; their completions may come when the coroutine is gone.
  struct UnderWay {
    explicit UnderWay(runtime::Spawner& spawner) : one_ended(spawner) {}
    int count = 0;
    bool pool_closed = false;
    runtime::Event one_ended;
  };
  // What the pointers of the caller point at, while it is there.
  struct Shown {
    Shown(PoolCaller& owner, FailoverPool& pool, runtime::Event& changed) : caller(owner) {
      caller.pool_ = &pool;
      caller.changed_ = &changed;
    }
    ~Shown() {
      caller.pool_ = nullptr;
      caller.changed_ = nullptr;
    }
    PoolCaller& caller;
  };

  Task<void> call(Runtime& runtime) {
    sim::RandomStream random(runtime.random().seed_for("pool load"));
    runtime::Clock& clock = runtime.clock();
    const auto under_way = std::make_shared<UnderWay>(runtime.spawner());
    Runtime& network = config_.remote ? host_.add_runtime() : runtime;
    FailoverPool pool(network, addresses_, config_.pool);
    RemoteChannel remote(runtime, pool);
    const Shown shown(*this, pool, under_way->one_ended);
    const Client<PoolWork> work(config_.remote ? remote.channel() : pool.channel());
    const base::TimePoint until = clock.now() + config_.stop_after;
    while (!stopping_ && clock.now() < until) {
      while (!stopping_ && under_way->count < config_.in_flight) start(clock, work, random, under_way);
      under_way->one_ended.reset();
      co_await under_way->one_ended.wait();
      if (config_.pause_most > 0ns) co_await clock.sleep_for(random.between(0ns, config_.pause_most));
    }
    while (!close_now_ && under_way->count > 0) {
      under_way->one_ended.reset();
      co_await under_way->one_ended.wait();
    }
    const base::TimePoint closing = clock.now();
    co_await pool.close(config_.close_limit);
    RAZOR_EXPECT(clock.now() - closing <= config_.close_limit, "close took {} ns", (clock.now() - closing).count());
    if (config_.remote) co_await clock.sleep_for(1us);  // the last ends come back from there
    under_way->pool_closed = true;
    RAZOR_EXPECT(under_way->count == 0, "{} calls have not ended, and the pool is closed", under_way->count);
    last_state_ = pool.state();
    finished_ = true;
  }

  void start(runtime::Clock& clock, const Client<PoolWork>& work, sim::RandomStream& random,
             const std::shared_ptr<UnderWay>& under_way) {
    const base::Duration timeout = random.between(config_.timeout_least, config_.timeout_most);
    const auto milliseconds = static_cast<std::uint32_t>(random.below(config_.handler_ms_most + 1));
    const std::size_t size = random.below(config_.payload_most + 1);
    const std::uint64_t kind = random.below(10);
    const bool idempotent = kind < config_.idempotent;
    const base::TimePoint begun = clock.now();
    const int runs_max = idempotent ? 1 + static_cast<int>(config_.pool.pool.retry.limit) : 1;
    const std::uint64_t id = ledger_.submitted(begun, timeout, runs_max);
    const std::string payload(size, static_cast<char>('a' + id % 26));
    ++under_way->count;
    // One function for all: what it keeps is more than a call holds without an allocation.
    const auto done = [this, id, idempotent, begun, payload, under_way, &clock](const auto& reply) {
      RAZOR_EXPECT(!under_way->pool_closed, "call {}, begun at {} ns, ended after the pool was closed: {}", id,
                   begun.time_since_epoch().count(), reply.has_call_error() ? reply.call_error().message() : "with an answer");
      --under_way->count;
      under_way->one_ended.set();
      const CallError* error = reply.has_call_error() ? &reply.call_error() : nullptr;
      if (error != nullptr) {
        ledger_.failed(id, *error, clock.now(), config_.pool.pool.stream.tick);
      } else if (reply.ok()) {
        ledger_.succeeded(id);
        RAZOR_EXPECT(*reply == payload, "call {} got the answer of another", id);
      } else {
        ledger_.refused(id);
      }
      if (on_end) on_end(id, idempotent, begun, clock.now() - begun, error);
    };
    const Client<PoolWork> with_options = work.with({.timeout = timeout});
    if (idempotent) return with_options.often.start(done, id, milliseconds, payload);
    if (kind < config_.idempotent + config_.led) return with_options.led.start(done, id, milliseconds, payload);
    with_options.once.start(done, id, milliseconds, payload);
  }

  sim::World& world_;
  Ledger& ledger_;
  std::vector<Address> addresses_;
  PoolLoadConfig config_;
  sim::Host& host_;
  FailoverPool* pool_ = nullptr;
  runtime::Event* changed_ = nullptr;
  PoolState last_state_;
  bool stopping_ = false;
  bool close_now_ = false;
  bool finished_ = false;
  std::map<std::string, std::deque<Sample>> connects_;
  std::deque<Sample> retries_;
};

}  // namespace razor::test
