// [quote:program]
#include <razor/razor.h>

#include <cstdio>
#include <map>

using namespace std::chrono_literals;

// Only one of the servers leads. The others name him, and have done nothing: the pool asks him instead.
struct NotLeader {
  std::string leader;
  RAZOR_FIELDS(NotLeader, leader)
};
razor::Failover failover_of(const NotLeader& error) { return razor::Failover::to(error.leader); }

struct Counters {
  virtual razor::Call<int> get(std::string name) = 0;
  virtual razor::Call<int, NotLeader> increment(std::string name) = 0;
  RAZOR_SERVICE(Counters, get, increment)
  RAZOR_IDEMPOTENT(get)  // may run more than once, so it is sent again when a server dies under it
};

struct Cluster {
  std::vector<std::string> addresses;
  std::size_t leader = 0;
  std::map<std::string, int> counters;
};

class CountersImpl final : public Counters {
 public:
  CountersImpl(Cluster& cluster, std::size_t member) : cluster_(cluster), member_(member) {}

  razor::Call<int> get(std::string name) override { return cluster_.counters[name]; }
  razor::Call<int, NotLeader> increment(std::string name) override {
    if (cluster_.leader != member_) return razor::Fail{NotLeader(cluster_.addresses[cluster_.leader])};
    return ++cluster_.counters[name];
  }

 private:
  Cluster& cluster_;
  std::size_t member_;
};

razor::Task<void> talk(razor::Runtime& runtime, std::vector<razor::Address> addresses, Cluster& cluster) {
  razor::FailoverPoolConfig config;
  config.balance = razor::Balance::leader;
  razor::FailoverPool pool(runtime, addresses, config);
  razor::Client<Counters> counters(pool);

  for (cluster.leader = 0; cluster.leader < addresses.size(); ++cluster.leader) {  // nobody tells the pool
    const razor::Reply<int, NotLeader> count = co_await counters.increment("visits");
    if (count.ok()) std::printf("visit %d\n", *count);
  }
  const razor::Reply<int> visits = co_await counters.with({.timeout = 2s}).get("visits");
  if (!visits.ok()) std::printf("%s\n", visits.call_error().message().c_str());
  const razor::PoolState state = pool.state();
  std::printf("%zu addresses, %llu calls, %llu of them sent elsewhere\n", state.addresses.size(),
              static_cast<unsigned long long>(state.stats.calls_submitted),
              static_cast<unsigned long long>(state.stats.redirects));
  co_await pool.close(1s);
}

int main() {
  razor::AsioRuntime runtime;
  Cluster cluster;
  std::vector<std::unique_ptr<razor::Server>> servers;
  std::vector<razor::Address> addresses;
  for (std::size_t member = 0; member < 3; ++member) {
    servers.push_back(std::make_unique<razor::Server>(runtime));
    servers.back()->add(std::make_shared<CountersImpl>(cluster, member));
    addresses.push_back(*servers.back()->listen(*razor::Address::parse("127.0.0.1:0")));
    cluster.addresses.push_back(addresses.back().to_string());
  }
  runtime.block_on(talk(runtime, addresses, cluster));
}
// [/quote]
