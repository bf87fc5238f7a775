#include "tests/node/pool_load.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/fmt_address.h"

namespace razor::node {
namespace {

using namespace std::chrono_literals;

// Long enough for a call to outlive one server that has fallen silent; an outage of all is not waited for.
constexpr base::Duration kCloseLimit = 5s;
constexpr base::Duration kHurriedCloseLimit = 1s;
// What close() does not wait for: that callers count the calls which it has ended.
constexpr base::Duration kCountLimit = 1s;

Balance balance_named(const std::string& name) {
  for (const Balance balance : {Balance::round_robin, Balance::leader, Balance::least_in_flight}) {
    if (name_of(balance) == name) return balance;
  }
  RAZOR_CHECK(false, "the command line has let '{}' pass", name);
  return Balance::round_robin;
}

FailoverPoolConfig config_of(const Load& load) {
  FailoverPoolConfig config;
  config.balance = balance_named(load.options.balance);
  config.pool.stream.window = load.window();
  config.pool.stream.hello = hello_named(load.options.hello);
  config.pool.connections_max = load.options.connections;
  config.pool.queue_calls_max = std::max(config.pool.queue_calls_max, load.options.in_flight);
  config.pool.bytes_max = std::max(config.pool.bytes_max, load.bytes_in_flight());
  return config;
}

std::string plural(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace

PoolLoad::PoolLoad(Load& load, std::vector<Address> addresses)
    : load_(load), pool_(load.runtime, std::move(addresses), config_of(load)), callers_(load, pool_) {}

std::vector<std::string> PoolLoad::live_lines() const {
  std::vector<std::string> lines;
  const PoolState state = pool_.state();
  for (const AddressState& address : state.addresses) {
    const bool is_well = address.health == pool::HealthState::healthy;
    lines.push_back(fmt::format("   {:<24} {:<8} {:>14} {:>8} in flight   {}", address.address.to_string(),
                                name_of(address.health), plural(address.connections, "connection"), address.in_flight,
                                is_well ? "" : address.why));
  }
  if (state.waiting > 0) lines.push_back(fmt::format("   {} waiting", plural(state.waiting, "call")));
  return lines;
}

nlohmann::json PoolLoad::state() const {
  const PoolState state = pool_.state();
  nlohmann::json addresses = nlohmann::json::array();
  for (const AddressState& address : state.addresses) {
    addresses.push_back({{"address", address.address.to_string()},
                         {"health", name_of(address.health)},
                         {"share", address.share},
                         {"connections", address.connections},
                         {"in_flight", address.in_flight},
                         {"attempts", address.attempts},
                         {"connects", address.connects},
                         {"why", address.why}});
  }
  const PoolStats& stats = state.stats;
  return {{"addresses", addresses},
          {"waiting", state.waiting},
          {"totals",
           {{"attempts", stats.attempts},
            {"retries", stats.retries},
            {"moves", stats.moves},
            {"redirects", stats.redirects},
            {"hedges", stats.hedges},
            {"connects", stats.connects},
            {"connects_failed", stats.connects_failed},
            {"ejections", stats.ejections}}}};
}

std::string PoolLoad::trouble() const {
  std::string text;
  for (const AddressState& address : pool_.state().addresses) {
    if (!text.empty()) text += "; ";
    text += fmt::format("{} is {}", address.address, name_of(address.health));
    if (!address.why.empty()) text += fmt::format(": {}", address.why);
  }
  return text;
}

Task<void> PoolLoad::close_in_a_hurry(Event& hurry) {
  co_await hurry.wait();
  co_await pool_.close(kHurriedCloseLimit);
}

Task<void> PoolLoad::close(Event& hurry) {
  runtime::TaskScope beside(load_.runtime.executor());
  beside.spawn("close_in_a_hurry", close_in_a_hurry(hurry));
  co_await pool_.close(kCloseLimit);
  // A call that has not ended by then is lost, which the report shows.
  load_.idle.reset();
  if (load_.under_way > 0) {
    runtime::Clock& clock = load_.runtime.clock();
    (void)co_await runtime::with_deadline(clock, clock.now() + kCountLimit, runtime::until_set(load_.idle));
  }
}

void print_pool(const nlohmann::json& state) {
  const auto number = [](const nlohmann::json& of, const char* name) { return of.at(name).get<std::uint64_t>(); };
  const nlohmann::json& totals = state.at("totals");
  fmt::print("{:>12} attempts: {} retries, {} moves, {} redirects, {} hedges; {} connects, {} failed; {} ejections\n",
             number(totals, "attempts"), number(totals, "retries"), number(totals, "moves"), number(totals, "redirects"),
             number(totals, "hedges"), number(totals, "connects"), number(totals, "connects_failed"),
             number(totals, "ejections"));
  for (const nlohmann::json& address : state.at("addresses")) {
    const auto why = address.at("why").get<std::string>();
    fmt::print("{:>12} of them to {}: {}, {}{}{}\n", number(address, "attempts"), address.at("address").get<std::string>(),
               address.at("health").get<std::string>(), plural(number(address, "connections"), "connection"),
               why.empty() ? "" : "; last trouble: ", why);
  }
}

}  // namespace razor::node
