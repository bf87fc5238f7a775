// A ServerGroup on real threads, over TCP and Unix sockets: connections move between io_contexts, and the group ends while calls are
// under way. TSan watches.

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "razor/api/client.h"
#include "razor/api/server_group.h"
#include "razor/runtime/asio/asio_threads.h"
#include "razor/stream/client_stream.h"

namespace razor::test {
namespace {

using namespace std::chrono_literals;
using base::Duration;

struct Threaded {
  /// The place of the handler's Runtime.
  virtual Call<int> where() = 0;
  virtual Call<int> work(int milliseconds) = 0;
  RAZOR_SERVICE(Threaded, where, work)
  RAZOR_IDEMPOTENT(where)
};

class ThreadedImpl final : public Threaded {
 public:
  ThreadedImpl(Runtime& runtime, int place) : runtime_(runtime), place_(place) {}

  Call<int> where() override {
    ++calls_;  // no lock: TSan would say if another thread were here
    return place_;
  }
  Call<int> work(int milliseconds) override {
    co_await runtime_.clock().sleep_for(std::chrono::milliseconds(milliseconds));
    ++calls_;
    co_return place_;
  }

 private:
  Runtime& runtime_;
  const int place_;
  std::uint64_t calls_ = 0;
};

constexpr std::size_t kServers = 4;

class ServerGroupOnThreads : public testing::TestWithParam<std::string> {
 protected:
  ServerGroupOnThreads() { start(); }
  ~ServerGroupOnThreads() override { stop(5s); }

  void start() {
    const std::string at = GetParam() == "tcp" ? "127.0.0.1:0" : "unix:@razor-group-" + std::to_string(::getpid());
    address = threads.block_on([this, at] { return begin(*this, *Address::parse(at)); });
  }
  void stop(Duration limit) {
    if (group) threads.block_on([this, limit] { return end(*this, limit); });
  }

  static Task<void> again(ServerGroupOnThreads& test) { (void)co_await begin(test, test.address); }

  AsioThreads threads{kServers};
  std::unique_ptr<ServerGroup> group;
  Address address;

 private:
  static Task<Address> begin(ServerGroupOnThreads& test, Address at) {
    const auto runtimes = test.threads.runtimes();
    test.group = std::make_unique<ServerGroup>(runtimes);
    test.group->add([runtimes](Runtime& runtime) {
      const auto found = std::ranges::find(runtimes, &runtime);
      return std::make_shared<ThreadedImpl>(runtime, static_cast<int>(found - runtimes.begin()));
    });
    const auto bound = test.group->listen(at);
    EXPECT_TRUE(bound.ok()) << bound.error().message();
    co_return bound ? *bound : Address();
  }
  static Task<void> end(ServerGroupOnThreads& test, Duration limit) {
    co_await test.group->close(limit);
    test.group.reset();
  }
};

INSTANTIATE_TEST_SUITE_P(Transports, ServerGroupOnThreads, testing::Values("tcp", "unix"),
                         [](const auto& transport) { return transport.param; });

Task<void> call_on_new_streams(Runtime& runtime, Address address, int count, std::vector<ClientStream>& streams,
                               std::map<int, int>& places) {
  for (int i = 0; i < count; ++i) {
    auto stream = co_await ClientStream::connect(runtime, address);
    EXPECT_TRUE(stream.ok()) << stream.error().message();
    if (!stream) co_return;
    streams.push_back(*std::move(stream));
    const Client<Threaded> client(streams.back());
    const Reply<int> place = co_await client.where();
    EXPECT_TRUE(place.ok());
    if (place.ok()) ++places[*place];
  }
}
Task<void> drop(std::vector<ClientStream>& streams) {
  streams.clear();
  co_return;
}

TEST_P(ServerGroupOnThreads, EightConnectionsAreTwoOnEachThread) {
  AsioThread caller;
  std::vector<ClientStream> streams;
  std::map<int, int> places;
  caller.block_on([&] { return call_on_new_streams(caller.runtime(), address, 8, streams, places); });
  EXPECT_EQ(places, (std::map<int, int>{{0, 2}, {1, 2}, {2, 2}, {3, 2}}));
  const ServerStats stats = threads.block_on([this] { return group->stats(); });
  EXPECT_EQ(stats.connections, 8u);
  EXPECT_EQ(stats.dispatched, 8u);
  caller.block_on([&] { return drop(streams); });
}

// Callers on threads of their own, with many connections, while the group closes, ends and comes again.
TEST_P(ServerGroupOnThreads, CallersSeeNothingButEndsWhileGroupsComeAndGo) {
  std::atomic<bool> is_over{false};
  std::atomic<int> answered{0};
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      AsioThread caller;
      while (!is_over) {
        const auto round = [](Runtime& runtime, Address address, std::atomic<int>& good,
                              std::atomic<int>& bad) -> Task<void> {
          auto stream = co_await ClientStream::connect(runtime, address);
          if (!stream) co_return;  // between two groups
          ClientStream kept = *std::move(stream);
          const Client<Threaded> client(kept);
          for (int n = 0; n < 20; ++n) {
            const Reply<int> reply = co_await client.work(n % 3);
            if (!reply.ok() && reply.call_error().errc() == base::Errc::decode) ++bad;
            if (!reply.ok()) break;
            ++good;
          }
        };
        caller.block_on([&] { return round(caller.runtime(), address, answered, wrong); });
      }
    });
  }
  // The address is chosen by the system: all groups have the first one's.
  for (int round = 0; round < 6; ++round) {
    const int before = answered;
    while (answered < before + 200) std::this_thread::yield();
    stop(round % 2 == 0 ? Duration(2s) : Duration::zero());
    threads.block_on([this] { return again(*this); });
  }
  is_over = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace razor::test
