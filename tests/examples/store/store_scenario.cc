// The store in a simulated world: three replicas and some clients, under the faults that a seed draws or a plan says. It must
// lose nothing that it acknowledged, do nothing twice, and answer no read with what was true before.
//
//   store_scenarios --seeds 300
//   STORE_BUG=stale_read store_scenarios --seeds 300        a bug that is planted: acknowledge_early, stale_read, run_twice
//   store_scenarios --plan failover.plan                    which finds each of them; pytests/test_store.py plays it, too

#include <faults/exploration.h>
#include <faults/rule.h>

#include <array>
#include <cstdlib>

#include "replica_services.h"

namespace {

using namespace std::chrono_literals;
using razor::faults::Exploration;

constexpr std::size_t kReplicas = 3;
constexpr std::uint16_t kPort = 8082;
constexpr const char* kCounter = "counter";
constexpr const char* kLadder = "ladder";  // climbed by compare_and_set, one step at a time

std::string replica_name(std::size_t number) { return fmt::format("s{}", number + 1); }

store::Bug planted_bug() {
  const char* name = std::getenv("STORE_BUG");
  const auto bug = store::bug_named(name != nullptr ? name : "");
  RAZOR_CHECK(bug.has_value(), "STORE_BUG: there is no {}", std::string_view(name));
  return *bug;
}

// What clients know, all together. Every value only grows, so reads are judged as they come: one must not be below what was
// acknowledged, or read, before it began.
struct Knowledge {
  std::map<std::string, std::int64_t> floors;  // by key
  std::set<std::string> acknowledged;  // ids of changes
  std::int64_t adds_asked = 0;
  std::int64_t adds_acknowledged = 0;
  std::set<std::int64_t> steps;  // of the ladder that somebody climbed

  void judge(const std::string& key, std::int64_t value, std::int64_t floor) {
    RAZOR_RULE("no stale read", value >= floor, "{} was {} before, and is {}", key, floor, value);
    std::int64_t& known = floors[key];
    known = std::max(known, value);
  }
};

struct Scene {
  explicit Scene(razor::sim::World& owner) : world(owner) { config.bug = planted_bug(); }
  // What runs on the hosts refers to all of this.
  ~Scene() { world.fabric().kill_all(); }

  std::string address_of(std::size_t replica) { return world.host(replica_name(replica)).address(kPort).to_string(); }

  razor::sim::World& world;
  store::ReplicaConfig config;
  std::array<store::MemoryStorage, kReplicas> disks;  // outlive the crashes of their hosts
  Knowledge known;
  bool is_closing = false;
  int clients_at_work = 0;
};

razor::Task<void> run_replica(razor::Runtime& runtime, Scene& scene, std::size_t number) {
  store::Replica replica(runtime, scene.disks[number], scene.config);
  razor::Server server(runtime);
  store::serve(server, replica);
  (void)server.listen(razor::Address::tcp("0.0.0.0", kPort));
  replica.set_address(scene.address_of(number));
  std::vector<std::string> peers;
  for (std::size_t other = 0; other < kReplicas; ++other) {
    if (other != number) peers.push_back(scene.address_of(other));
  }
  (void)replica.join(peers);
  // So that plans know whom they hit first.
  const bool is_first = number == 0 && replica.status().promised == 0;
  if (is_first) (void)co_await replica.promote(1);
  co_await runtime.clock().sleep_for(razor::Duration::max());
}

// One client, which makes one call after the other, each until it is answered: a call that may have run is made again with
// its id.
class StoreClient {
 public:
  StoreClient(razor::Runtime& runtime, Scene& scene, std::string name)
      : runtime_(runtime), scene_(scene), name_(std::move(name)), random_(runtime.random().seed_for("client")) {
    for (std::size_t replica = 0; replica < kReplicas; ++replica) {
      pools_.push_back(std::make_unique<razor::ClientPool>(runtime_, *razor::Address::parse(scene_.address_of(replica))));
      replicas_.emplace_back(*pools_.back());
    }
  }

  /// A client that only reads stays with a replica for as long as that answers, also where others have gone elsewhere.
  razor::Task<void> work(bool only_reads) {
    ++scene_.clients_at_work;
    while (!scene_.is_closing) {
      const std::uint64_t drawn = random_.below(only_reads ? 2 : 8);
      if (drawn == 0) {
        co_await look_at(kCounter);
      } else if (drawn == 1) {
        co_await look_at(fmt::format("of c{}", 1 + random_.below(3)));
      } else if (drawn == 2) {
        co_await climb();
      } else if (drawn < 5) {
        co_await write_next();
      } else {
        co_await add();
      }
      co_await runtime_.clock().sleep_for(random_.between(1ms, 100ms));
    }
    --scene_.clients_at_work;
  }

 private:
  Knowledge& known() { return scene_.known; }
  std::string next_id() { return fmt::format("{}.{}", name_, ++calls_); }

  razor::Task<void> write_next() {
    const std::string key = "of " + name_, id = next_id();
    const std::int64_t value = ++written_;
    while (true) {
      const razor::Reply<void, store::NotPrimary> reply = co_await primary().write(id, key, value);
      if (reply.ok()) break;
      co_await look_elsewhere(reply);
    }
    known().acknowledged.insert(id);
    known().judge(key, value, value);
  }

  razor::Task<void> add() {
    const std::string id = next_id();
    const std::int64_t floor = known().floors[kCounter];
    const auto amount = static_cast<std::int64_t>(1 + random_.below(10));
    known().adds_asked += amount;
    while (true) {
      const razor::Reply<std::int64_t, store::NotPrimary> reply = co_await primary().add(id, kCounter, amount);
      if (reply.ok()) {
        known().judge(kCounter, *reply, floor + amount);
        break;
      }
      co_await look_elsewhere(reply);
    }
    known().acknowledged.insert(id);
    known().adds_acknowledged += amount;
  }

  razor::Task<void> climb() {
    const std::optional<std::int64_t> seen = co_await read(kLadder);
    const std::int64_t step = seen.value_or(0) + 1;
    const std::string id = next_id();
    while (true) {
      const razor::Reply<bool, store::NotPrimary> reply = co_await primary().compare_and_set(id, kLadder, seen, step);
      if (reply.ok() && *reply) {
        RAZOR_RULE("one winner", known().steps.insert(step).second, "two have climbed to {}", step);
        known().judge(kLadder, step, step);
      }
      if (reply.ok()) break;
      co_await look_elsewhere(reply);
    }
    known().acknowledged.insert(id);
  }

  razor::Task<void> look_at(std::string key) {
    const std::int64_t floor = known().floors[key];
    const std::optional<std::int64_t> value = co_await read(key);
    known().judge(key, value.value_or(0), floor);
    if (key == kCounter) {
      RAZOR_RULE("nothing is done twice", value.value_or(0) <= known().adds_asked, "the counter is {}, {} were asked for",
                 value.value_or(0), known().adds_asked);
    }
  }

  razor::Task<std::optional<std::int64_t>> read(std::string key) {
    const std::string id = next_id();
    while (true) {
      const razor::Reply<std::optional<std::int64_t>, store::NotPrimary> reply = co_await primary().read(id, key);
      if (reply.ok()) co_return *reply;
      co_await look_elsewhere(reply);
    }
  }

  auto primary() -> decltype(std::declval<razor::Client<store::Store>&>().with({})) {
    return replicas_[at_].with({.timeout = 300ms});
  }

  template <class T>
  razor::Task<void> look_elsewhere(const razor::Reply<T, store::NotPrimary>& reply) {
    at_ = (at_ + 1) % kReplicas;
    if (reply.has_error()) {
      for (std::size_t replica = 0; replica < kReplicas; ++replica) {
        if (scene_.address_of(replica) == reply.error().primary) at_ = replica;
      }
    }
    co_await runtime_.clock().sleep_for(20ms);
  }

  razor::Runtime& runtime_;
  Scene& scene_;
  std::string name_;
  razor::base::RandomStream random_;
  std::vector<std::unique_ptr<razor::ClientPool>> pools_;
  std::vector<razor::Client<store::Store>> replicas_;
  std::size_t at_ = 0;  // the replica that it takes for the primary
  std::int64_t calls_ = 0;
  std::int64_t written_ = 0;
};

razor::Task<void> run_client(razor::Runtime& runtime, Scene& scene, std::string name, bool only_reads) {
  StoreClient client(runtime, scene, std::move(name));
  co_await client.work(only_reads);
}

}  // namespace

RAZOR_SCENARIO(store) {
  Exploration run(world);
  Scene scene(world);
  razor::faults::Roles roles;
  for (std::size_t number = 0; number < kReplicas; ++number) {
    roles.servers.push_back(replica_name(number));
    world.host(roles.servers.back()).start([&scene, number](razor::Runtime& runtime) {
      return run_replica(runtime, scene, number);
    });
  }
  const auto clients = run.number("clients", 2, 4);
  for (int number = 0; number < clients; ++number) {
    const std::string name = fmt::format("c{}", number);
    roles.callers.push_back(name);
    world.host(name).start(
        [&scene, name, number](razor::Runtime& runtime) { return run_client(runtime, scene, name, number == 0); });
  }
  run.set_roles(roles);
  run.leave_out("corrupt");  // neither the wire nor the store has checksums
  run.play(60s);
  run.heal();

  scene.is_closing = true;
  const Knowledge& known = scene.known;
  RAZOR_RULE("recovery", world.run_until([&] { return scene.clients_at_work == 0; }, 60s), "{} calls have no answer",
             scene.clients_at_work);
  std::vector<store::Snapshot> held;
  for (store::MemoryStorage& disk : scene.disks) held.push_back(disk.load().current);
  for (const std::string& id : known.acknowledged) {
    const auto copies = std::ranges::count_if(held, [&id](const auto& one) { return one.state.results.contains(id); });
    RAZOR_RULE("acknowledged is stored", copies >= 2, "{} is acknowledged, and has {} copies", id, copies);
  }
  std::ranges::sort(held, [](const auto& one, const auto& other) { return one.is_newer_than(other); });
  const std::int64_t counted = held.front().state.values[kCounter];
  RAZOR_RULE("nothing is done twice", counted == known.adds_acknowledged || scene.clients_at_work > 0,
             "the counter is {}, {} were acknowledged", counted, known.adds_acknowledged);
  razor::sim::report_count("changes acknowledged", known.acknowledged.size());
}
