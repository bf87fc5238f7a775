#pragma once
// Load on pools, for scenarios: servers that note what they run, callers that make calls of every kind through a pool, and
// oracles that check the pool's bounds meanwhile.

#include <fmt/format.h>

#include <deque>
#include <map>

#include "razor/pool/failover_pool.h"
#include "razor/runtime/event.h"
#include "razor/stream/deadline_wheel.h"
#include "razor/stream/remote_channel.h"
#include "tests/scenarios/work_server.h"

namespace razor::test {

/// Some servers, each on a host of its own, and who leads them.
class Cluster {
 public:
  class Member final : public WorkHooks {
   public:
    Member(Cluster& cluster, std::string its_name) : name(std::move(its_name)), cluster_(cluster) {}

    std::string name;
    std::uint64_t dispatched = 0;  ///< without those that were sent to the leader
    base::Duration slower_by{};    ///< each call takes so much longer
    bool knows_leader = true;
    bool broken = false;  ///< its handlers fail

   private:
    friend class Cluster;
    std::optional<Elsewhere> elsewhere(const Order&) override {
      if (broken || cluster_.leader == name) return std::nullopt;
      return Elsewhere(knows_leader ? cluster_.address(cluster_.leader).to_string() : std::string());
    }
    bool begin(const Order&) override {
      if (!broken) ++dispatched;
      return broken;
    }
    base::Duration time_of(const Order& order) override {
      return broken ? base::Duration::zero() : std::chrono::milliseconds(order.milliseconds) + slower_by;
    }

    Cluster& cluster_;
  };

  Cluster(sim::World& owner, faults::Ledger& noted, int count, ServerConfig server_config = {})
      : world(owner), ledger(noted), config(server_config) {
    for (int i = 0; i < count; ++i) add(fmt::format("server{}", i));
    leader = members.front()->name;
  }

  Member& add(std::string name) {
    Member& member = *members.emplace_back(std::make_unique<Member>(*this, std::move(name)));
    host(member).start([this, &member](Runtime& runtime) { return serve_work(runtime, ledger, member, config); });
    return member;
  }
  sim::Host& host(const Member& member) const { return world.host(member.name); }
  sim::Host& host(std::size_t index) const { return host(*members[index]); }
  Address address(const std::string& name) const { return Address::tcp(name, kWorkPort); }
  std::vector<Address> addresses() const {
    std::vector<Address> all;
    for (const auto& member : members) all.push_back(address(member->name));
    return all;
  }

  sim::World& world;
  faults::Ledger& ledger;
  ServerConfig config;
  std::string leader;
  std::vector<std::unique_ptr<Member>> members;
};

/// How a caller behaves.
struct PoolLoadConfig {
  FailoverPoolConfig pool{};
  int in_flight = 8;
  base::Duration stop_after = 20s;  ///< makes no more calls then, and waits for the last
  base::Duration pause_max = 20ms;  ///< between the end of one call and the beginning of the next
  base::Duration timeout_min = 500ms;
  base::Duration timeout_max = 5s;
  std::uint64_t handler_ms_max = 30;
  std::uint64_t payload_max = 500;
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
  PoolCaller(sim::World& world, faults::Ledger& ledger, std::vector<Address> addresses, const PoolLoadConfig& config,
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
  std::function<void(std::uint64_t id, bool idempotent, base::TimePoint begun, base::Duration took, const CallError* error)>
      on_end;

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
    explicit UnderWay(runtime::Executor& executor) : one_ended(executor) {}
    int count = 0;
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
    ledger_.opened(host_.name());
    sim::RandomStream random(runtime.random().seed_for("pool load"));
    runtime::Clock& clock = runtime.clock();
    const auto under_way = std::make_shared<UnderWay>(runtime.executor());
    Runtime& network = config_.remote ? host_.add_runtime() : runtime;
    FailoverPool pool(network, addresses_, config_.pool);
    RemoteChannel remote(runtime, pool);
    const Shown shown(*this, pool, under_way->one_ended);
    const Client<Work> client(config_.remote ? remote.channel() : pool.channel());
    const base::TimePoint until = clock.now() + config_.stop_after;
    while (!stopping_ && clock.now() < until) {
      while (!stopping_ && under_way->count < config_.in_flight) start(clock, client, random, under_way);
      under_way->one_ended.reset();
      co_await under_way->one_ended.wait();
      if (config_.pause_max > 0ns) co_await clock.sleep_for(random.between(0ns, config_.pause_max));
    }
    while (!close_now_ && under_way->count > 0) {
      under_way->one_ended.reset();
      co_await under_way->one_ended.wait();
    }
    ledger_.closing(host_.name(), config_.close_limit);
    co_await pool.close(config_.close_limit);
    if (config_.remote) co_await clock.sleep_for(1us);  // the last ends come back from there
    ledger_.closed(host_.name());
    last_state_ = pool.state();
    finished_ = true;
  }

  void start(runtime::Clock& clock, const Client<Work>& client, sim::RandomStream& random,
             const std::shared_ptr<UnderWay>& under_way) {
    const base::Duration timeout = random.between(config_.timeout_min, config_.timeout_max);
    const auto milliseconds = static_cast<std::uint32_t>(random.below(config_.handler_ms_max + 1));
    const std::size_t size = random.below(config_.payload_max + 1);
    const std::uint64_t kind = random.below(10);
    const bool idempotent = kind < config_.idempotent;
    const bool is_led = !idempotent && kind < config_.idempotent + config_.led;
    Order order = order_of(milliseconds, std::string(size, static_cast<char>('a' + ledger_.calls() % 26)));
    note_submitted(ledger_, order, terms_of(timeout, idempotent, is_led));
    const base::TimePoint begun = clock.now();
    ++under_way->count;
    // One function for all: what it keeps is more than a call holds without an allocation.
    const auto done = [this, id = order.id, idempotent, begun, under_way, &clock](const auto& reply) {
      --under_way->count;
      under_way->one_ended.set();
      work::note_end(ledger_, id, reply);
      const CallError* error = reply.has_call_error() ? &reply.call_error() : nullptr;
      if (on_end) on_end(id, idempotent, begun, clock.now() - begun, error);
    };
    const Client<Work> with_options = client.with({.timeout = timeout});
    if (idempotent) return with_options.often.start(done, order);
    if (is_led) return with_options.led.start(done, order);
    with_options.once.start(done, order);
  }

  faults::CallTerms terms_of(base::Duration timeout, bool idempotent, bool is_led) const {
    const ClientPoolConfig& pool = config_.pool.pool;
    faults::CallTerms terms;
    terms.name = idempotent ? "Work.often" : is_led ? "Work.led" : "Work.once";
    terms.caller = host_.name();
    terms.timeout = timeout;
    terms.tick = stream::tick_of(timeout, pool.stream.tick);
    terms.servers_know_deadlines = pool.stream.hello != HelloMode::off;
    terms.runs_max = idempotent ? 1 + pool.retry.limit : 1;
    // A full queue may push it out, and a pool may be told to fail fast.
    terms.may_end_unsent = pool.fail_fast || pool.queue_calls_max < 1024 || pool.bytes_max < 1'000'000;
    return terms;
  }

  sim::World& world_;
  faults::Ledger& ledger_;
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
