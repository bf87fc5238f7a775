#pragma once
// A simulated world with one ServerGroup on a host with several Runtimes, and a client host. Handlers say which Runtime they run on.

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "razor/api/client.h"
#include "razor/api/server_group.h"
#include "razor/runtime/event.h"
#include "razor/runtime/task_scope.h"
#include "razor/stream/client_stream.h"
#include "sim/world.h"

namespace razor::test {

using namespace std::chrono_literals;

inline constexpr std::uint16_t kGroupPort = 7000;

struct Placed {
  /// The place of the Runtime whose handler it is.
  virtual Call<int> where() = 0;
  /// The same, so much later.
  virtual Call<int> work(int milliseconds) = 0;
  RAZOR_SERVICE(Placed, where, work)
};

class PlacedImpl final : public Placed {
 public:
  PlacedImpl(Runtime& runtime, int place) : runtime_(runtime), place_(place) {}

  Call<int> where() override { return place_; }
  Call<int> work(int milliseconds) override {
    co_await runtime_.clock().sleep_for(std::chrono::milliseconds(milliseconds));
    co_return place_;
  }

 private:
  Runtime& runtime_;
  const int place_;
};

class GroupWorld {
 public:
  explicit GroupWorld(std::uint64_t seed, int runtimes = 4, const ServerGroupConfig& config = {})
      : world(seed), server(world.host("server")), client(world.host("client")), count_(runtimes), config_(config) {
    server.start([this](Runtime& first) { return serve(first); });
    world.run_for(1ms);
    EXPECT_NE(group, nullptr);
  }
  GroupWorld(const GroupWorld&) = delete;
  ~GroupWorld() {
    for (auto& stream : streams) stream.reset();
    world.run_for(1s);
    world.fabric().kill_all();
  }

  /// One more connection, kept in `streams`.
  ClientStream& connect() {
    std::optional<ClientStream>& stream = streams.emplace_back();
    ClientStreamConfig config;
    config.tick = 10ms;
    client.runtime().executor().spawn("connect",
                                      connect_there(client.runtime(), server.address(kGroupPort), config, stream));
    EXPECT_TRUE(world.run_until([&] { return stream.has_value(); }, 10s));
    return *stream;
  }
  Client<Placed> placed(ClientStream& stream) { return Client<Placed>(stream).with({.timeout = 5s}); }
  /// What the call gives; -1: it fails.
  template <class Method, class... Argument>
  int result_of(Method method, Argument... argument) {
    int result = -2;
    method.start([&result](const Reply<int>& reply) { result = reply.ok() ? *reply : -1; }, argument...);
    EXPECT_TRUE(world.run_until([&] { return result != -2; }, 20s));
    return result;
  }
  std::vector<std::uint32_t> connections() const {
    std::vector<std::uint32_t> all;
    for (const MemberLoad& load : group->loads()) all.push_back(load.connections);
    return all;
  }
  void close(base::Duration limit) { close_within_ = limit; }

  sim::World world;
  sim::Host& server;
  sim::Host& client;
  ServerGroup* group = nullptr;  ///< while it serves
  std::vector<sim::SimRuntime*> runtimes;
  std::optional<base::Duration> close_took;
  ServerStats stats_at_end;
  std::deque<std::optional<ClientStream>> streams;

 private:
  static runtime::Task<void> connect_there(Runtime& runtime, Address address, ClientStreamConfig config,
                                           std::optional<ClientStream>& to) {
    auto stream = co_await ClientStream::connect(runtime, address, config);
    EXPECT_TRUE(stream.ok()) << stream.error().message();
    if (stream) to.emplace(*std::move(stream));
  }

  runtime::Task<void> serve(Runtime& first) {
    runtimes = {&static_cast<sim::SimRuntime&>(first)};
    while (static_cast<int>(runtimes.size()) < count_) runtimes.push_back(&server.add_runtime());
    const std::vector<Runtime*> all(runtimes.begin(), runtimes.end());
    ServerGroup made(all, config_);
    made.add([this](Runtime& runtime) {
      const auto found = std::ranges::find(runtimes, &runtime);
      return std::make_shared<PlacedImpl>(runtime, static_cast<int>(found - runtimes.begin()));
    });
    const auto bound = made.listen(Address::tcp("0.0.0.0", kGroupPort));
    EXPECT_TRUE(bound.ok()) << bound.error().message();
    group = &made;
    while (!close_within_) co_await first.clock().sleep_for(1ms);
    const base::TimePoint closing = first.clock().now();
    co_await made.close(*close_within_);
    close_took = first.clock().now() - closing;
    group = nullptr;
    for (sim::SimRuntime* runtime : runtimes) {
      if (runtime->withholds() > 0) co_return;  // it would have to be waited for
    }
    stats_at_end = co_await made.stats();
  }

  const int count_;
  const ServerGroupConfig config_;
  std::optional<base::Duration> close_within_;
};

}  // namespace razor::test
