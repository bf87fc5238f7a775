// The swarm: servers, callers of every kind and untrusted peers, under faults that the seed chooses, with the oracles of faults/contract.md
// watching; then all is healed, and everything must work again.

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "faults/allocation.h"
#include "faults/bounds.h"
#include "razor/stream/internal/keepalive.h"
#include "tests/swarm/caller.h"
#include "tests/swarm/cancel_watch.h"
#include "tests/swarm/reference.h"
#include "tests/swarm/server.h"
#include "tests/swarm/untrusted_peers.h"

namespace razor::swarm {
namespace {

constexpr base::Duration kFaultsFor = 10min;
// After the last fault: the longest that anything is put off. A retransmission that is under way, a dead connection that has
// to be noticed, the pause between two attempts to connect.
constexpr base::Duration kRecoveryMax = 15s;
constexpr base::Duration kCalmFor = 15s;
// An address in trouble has been asked again by then: the longest pause between two attempts, and the attempt.
constexpr base::Duration kAskedAnewMax = 2s;
// No more at once, whatever peers say they will send: what is queued for slow readers, in a buffer that doubles.
constexpr std::size_t kLargestAllocation = 16 * base::kMiB;

// What the scenario itself keeps an eye on.
class Spans final : public sim::Observer {
 public:
  explicit Spans(Scene& scene) : scene_(scene) { scene.world.watch(*this); }
  Spans(const Spans&) = delete;
  ~Spans() override { scene_.world.unwatch(*this); }

  /// Attempts of Work.often that were answered with the handler's own error.
  std::uint64_t often_errors() const { return often_errors_; }

 private:
  void on_occurrence(const sim::Occurrence& occurrence) override {
    RAZOR_RULE("time", occurrence.at >= last_, "the world's time went back by {} ns", (last_ - occurrence.at).count());
    last_ = occurrence.at;
    if (occurrence.kind == sim::EventKind::paused || occurrence.kind == sim::EventKind::resumed) {
      scene_.stood_still[occurrence.where] = occurrence.at;
    }
  }
  void on_span_begin(const sim::Host&, runtime::SpanId id, const runtime::SpanStart& start) override {
    if (start.side == runtime::SpanStart::Side::asks && start.name == "Work.often") open_.insert(id);
  }
  void on_span_end(const sim::Host&, runtime::SpanId id, const runtime::SpanEnd& end) override {
    if (open_.erase(id) == 0) return;
    if (end.answered && end.outcome.starts_with("error")) ++often_errors_;
  }

  Scene& scene_;
  base::TimePoint last_{};
  std::set<runtime::SpanId> open_;
  std::uint64_t often_errors_ = 0;
};

struct Cluster {
  Cluster(sim::World& owner, faults::Exploration& exploration)
      : world(owner),
        run(exploration),
        settings(draw_settings(run)),
        ledger(world, ledger_config()),
        network(world, network_limits()) {
    faults::forget_largest_allocation();
    if (settings.bytes_per_second > 0) {
      sim::LinkConfig link;
      link.bytes_per_second = static_cast<std::uint64_t>(settings.bytes_per_second);
      link.segment_bytes_max = 16 * 1024;
      world.fabric().set_link_config(link);
      if (settings.small_sockets) world.fabric().set_socket_config({32 * base::kKiB, 32 * base::kKiB});
    }
    for (int i = 0; i < settings.servers; ++i) {
      servers.push_back(std::make_unique<SwarmServer>(scene, fmt::format("server{}", i)));
      server_names.push_back(servers.back()->name());
    }
    scene.leader = server_names.front();
    known_names = server_names;
    if (settings.reference_server) {
      reference_worker = std::make_unique<ReferenceWorker>(scene, "reference");
      known_names.push_back(reference_worker->name());
    }
    for (int i = 0; i < settings.callers; ++i) add_caller(fmt::format("caller{}", i), known_names, SwarmCaller::By::pool);
    if (settings.stream_caller) add_caller("streamer", server_names, SwarmCaller::By::stream);
    faults::Roles roles;
    roles.servers = known_names;
    for (const auto& caller : callers) roles.callers.push_back(caller->name());
    if (settings.attacker) {
      attacker = std::make_unique<Attacker>(scene, "attacker");
      roles.untrusted_peers.push_back("attacker");
    }
    if (settings.victim) {
      impostor = std::make_unique<Impostor>(scene, "impostor");
      roles.untrusted_peers.push_back("impostor");
      victim = std::make_unique<SwarmCaller>(scene, "victim", std::vector<std::string>{"impostor", "server0"},
                                             SwarmCaller::By::pool);
      victim->distrust_peers();
    }
    if (settings.reference_caller) {
      reference_caller = std::make_unique<ReferenceCaller>(scene, "reference_caller", server_names);
      roles.callers.push_back("reference_caller");
    }
    roles.foreign = {"reference", "reference_caller"};
    // Reference peers report no spans.
    network.set_untrusted_peers({"attacker", "impostor", "reference", "reference_caller"});
    // The impostor is in trouble and out of it again with every lie.
    network.set_unpooled({"streamer", "attacker", "victim", "reference_caller"});
    run.set_roles(std::move(roles));
    add_actions();
    add_bounds();
  }
  // What runs on the hosts refers to all of this.
  ~Cluster() {
    run.heal();  // no host restarts behind our back
    world.fabric().kill_all();
  }

  static faults::LedgerConfig ledger_config() {
    faults::LedgerConfig config;
    config.untrusted_peers_call = true;
    return config;
  }

  faults::NetworkLimits network_limits() const {
    const ClientPoolConfig& pool = settings.pool.pool;
    faults::NetworkLimits limits;
    limits.window = pool.stream.window;
    limits.handlers_per_connection_max = settings.server.handlers_per_connection_max;
    limits.connections_max = pool.connections_max;
    limits.acknowledgement_check_interval = stream::Keepalive::check_interval_of(limits.ping_interval);
    limits.tick = stream::tick_of(base::Duration::max(), pool.stream.tick);
    return limits;
  }

  void add_caller(std::string name, const std::vector<std::string>& known, SwarmCaller::By by) {
    callers.push_back(std::make_unique<SwarmCaller>(scene, std::move(name), known, by));
  }
  SwarmCaller& caller(const std::string& name) {
    return **std::ranges::find(callers, name, [](const auto& one) { return one->name(); });
  }
  SwarmServer& server(const std::string& name) {
    return **std::ranges::find(servers, name, [](const auto& one) { return one->name(); });
  }

  void add_actions() {
    std::vector<std::string> caller_names;
    for (const auto& one : callers) caller_names.push_back(one->name());
    run.add_action("close_and_reopen", caller_names, [this](const faults::Fault& fault, base::RandomStream& random) {
      caller(fault.where.front()).close_now(random.between(0ns, 3s));
    });
    run.add_action("update_addresses", caller_names, [this](const faults::Fault& fault, base::RandomStream& random) {
      std::vector<std::string> known;
      for (const std::string& name : known_names) {
        if (random.one_in(2)) known.push_back(name);
      }
      if (random.one_in(2)) std::ranges::reverse(known);
      if (known.empty()) known.push_back(known_names[random.below(known_names.size())]);
      caller(fault.where.front()).update_servers(std::move(known));
    });
    run.add_action("restart_gracefully", server_names, [this](const faults::Fault& fault, base::RandomStream& random) {
      server(fault.where.front()).restart_gracefully(random.between(0ns, 5s));
    });
    run.add_action("lead", server_names, [this](const faults::Fault& fault, base::RandomStream& random) {
      scene.leader = fault.where.front();
      scene.leader_is_known = random.one_in(2);
    });
    if (attacker != nullptr) {
      run.add_action("attack", {attacker->name()}, [this](const faults::Fault&, base::RandomStream& random) {
        const std::uint64_t count = 1 + random.below(6);
        for (std::uint64_t i = 0; i < count; ++i) attacker->attack(server_names[random.below(server_names.size())], random);
      });
    }
  }

  void add_bounds() {
    for (SwarmCaller* one : all_callers()) {
      bounds.add(22, one->name(), [one] { return one->wrong_bounds(); });
      const RetryConfig& retry = settings.pool.pool.retry;
      faults::RetryBudget budget(retry.budget_percent, retry.budget_burst);
      bounds.add(14, one->name(), [this, one, budget]() mutable {
        if (one->pool() == nullptr || !one->host().is_up()) return std::string();
        const PoolStats stats = one->pool()->state().stats;
        return budget.look(world.now(), stats.retries + stats.hedges, stats.calls_submitted);
      });
    }
    for (const auto& one : servers) {
      bounds.add(20, one->name(), [&server = *one] { return server.wrong_handlers(); });
      bounds.add("watch", one->name(), [&server = *one] { return server.wrong_watches(); });
      bounds.add("cancel", one->name(), [this, &server = *one] {
        return cancels.wrong_at(server.name(), [&](const std::string& peer) { return server.may_leave_unread(peer); });
      });
      bounds.add(24, one->name(), [&server = *one] { return server.wrong_queues(); });
      bounds.add(8, one->name(), [&server = *one] { return server.wrong_frames(); });
      bounds.add(24, one->name() + " stalls", [&server = *one] { return server.wrong_stalls(); });
    }
    bounds.add(23, "memory", [this] {
      const std::size_t largest = faults::allocations().largest;
      return largest <= kLargestAllocation + 3 * std::size_t{settings.large_bytes}
                 ? std::string()
                 : fmt::format("{} B were asked for at once", largest);
    });
  }

  std::vector<SwarmCaller*> all_callers() const {
    std::vector<SwarmCaller*> all;
    for (const auto& one : callers) all.push_back(one.get());
    if (victim != nullptr) all.push_back(victim.get());
    return all;
  }

  /// CONTRACT 27.
  void expect_recovery() {
    run.heal();
    scene.leader_is_known = true;
    for (const auto& one : callers) one->update_servers(known_names);
    // Where much is under way, it has come or timed out by then. In the calm too a server may be busy with uploads for long.
    const base::Duration patience = settings.is_patient() ? settings.timeout_max() : 0s;
    world.run_for(kRecoveryMax + patience);
    std::vector<std::uint64_t> dispatched;
    for (const auto& one : servers) dispatched.push_back(one->dispatched());
    const std::uint64_t reference_dispatched = reference_worker != nullptr ? reference_worker->dispatched() : 0;
    const std::size_t succeeded = ledger.succeeded_count();
    for (const auto& one : callers) one->expect_success();
    if (reference_caller != nullptr) reference_caller->expect_success();
    scene.first_calm_call = scene.calls_made + 1;
    const base::Duration calm = kCalmFor + patience;
    world.run_for(calm);
    RAZOR_RULE(27, ledger.succeeded_count() > succeeded, "no call succeeds within {} s after all faults were healed",
               (kRecoveryMax + patience + calm) / 1s);
    for (const auto& one : callers) {
      if (one->pool() == nullptr) continue;
      for (const AddressState& address : one->pool()->state().addresses) {
        // Behind an answer that takes seconds, small calls miss their deadlines again and again: such an address is asked anew.
        // Large payloads take as long on a connection that was made with buffers of some bytes: it outlives that fault.
        const bool has_slow_answers = settings.is_patient() || settings.payload_max > 10'000;
        const bool is_asked_anew = has_slow_answers && address.connecting && address.health_for < kAskedAnewMax;
        RAZOR_RULE(27, address.health == pool::HealthState::healthy || address.from_redirect || is_asked_anew,
                   "{}: after all faults were healed: {}", one->name(), address.to_string());
      }
    }
    if (settings.pool.balance == Balance::leader || settings.led > 0) return;
    for (std::size_t i = 0; i < servers.size(); ++i) {
      RAZOR_RULE(27, servers[i]->dispatched() > dispatched[i], "{} gets no calls after all faults were healed",
                 server_names[i]);
    }
    if (reference_worker == nullptr) return;
    RAZOR_RULE(27, reference_worker->dispatched() > reference_dispatched, "{} gets no calls after all faults were healed",
               reference_worker->name());
  }

  /// CONTRACT 21: what nobody uses is closed.
  void expect_to_shrink() {
    for (SwarmCaller* one : all_callers()) one->rest();
    if (reference_caller != nullptr) reference_caller->rest();
    world.run_for(settings.timeout_max() + settings.pool.pool.idle_timeout + 3s);
    for (const auto& one : callers) {
      if (one->pool() == nullptr) continue;
      const PoolState state = one->pool()->state();
      RAZOR_RULE(21, state.connections() == 0, "{} has made no call for longer than its idle timeout: {}", one->name(),
                 state.to_string());
    }
    // CONTRACT 10: no attempt followed on an error of the handler. Of hedged and abandoned calls more may be answered.
    const bool is_known = settings.pool.hedge_after == 0ns;
    RAZOR_RULE(10, !is_known || watch.often_errors() <= scene.often_errors + ledger.abandoned_count(),
               "{} attempts were answered with the handler's own error, and {} calls ended with it", watch.often_errors(),
               scene.often_errors);
  }

  /// All calls end, and everything is given back.
  void expect_quiet() {
    for (SwarmCaller* one : all_callers()) one->stop();
    if (reference_caller != nullptr) reference_caller->stop();
    const bool finished = world.run_until(
        [this] {
          if (reference_caller != nullptr && !reference_caller->finished()) return false;
          return std::ranges::all_of(all_callers(), [](const SwarmCaller* one) { return one->finished(); });
        },
        2min);
    RAZOR_REQUIRE(finished, "rule 1: the callers do not finish: {} calls are under way", ledger.under_way());
    ledger.check_all();
    bounds.check_all();
    for (const auto& one : servers) one->stop();
    world.run_for(1min);
    listeners_end();
    network.check_all();
    faults::check_quiescence(world);
  }

  // They listen for ever.
  void listeners_end() {
    if (impostor != nullptr) impostor->host().kill();
    if (reference_worker != nullptr) reference_worker->host().kill();
  }

  sim::World& world;
  faults::Exploration& run;
  Settings settings;
  faults::Ledger ledger;
  faults::NetworkOracle network;
  Scene scene{world, run, ledger, network, settings};
  std::vector<std::unique_ptr<SwarmServer>> servers;
  std::vector<std::string> server_names;
  std::vector<std::string> known_names;  // to callers: with that of the reference server
  std::vector<std::unique_ptr<SwarmCaller>> callers;
  std::unique_ptr<Attacker> attacker;
  std::unique_ptr<Impostor> impostor;
  std::unique_ptr<SwarmCaller> victim;
  std::unique_ptr<ReferenceWorker> reference_worker;
  std::unique_ptr<ReferenceCaller> reference_caller;
  faults::Bounds bounds{world, 200ms};
  Spans watch{scene};
  CancelWatch cancels{scene};
};

RAZOR_SCENARIO(cluster) {
  faults::Exploration run(world);
  Cluster cluster(world, run);
  run.start(kFaultsFor);
  world.run_for(kFaultsFor);
  cluster.expect_recovery();
  cluster.expect_to_shrink();
  cluster.expect_quiet();
  sim::report_count("calls", cluster.ledger.calls());
  sim::report_count("calls that succeeded", cluster.ledger.succeeded_count() + cluster.ledger.error_count());
}

}  // namespace
}  // namespace razor::swarm
