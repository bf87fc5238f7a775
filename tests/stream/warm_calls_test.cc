// A warm call takes no memory at either end: coroutine frames, calls and frames on the wire are in memory that is used again. What
// the values of users take (texts, containers) is theirs; the calls here carry numbers.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>

#include "faults/allocation.h"
#include "razor/api/client.h"
#include "razor/api/server.h"
#include "razor/pool/failover_pool.h"
#include "razor/stream/client_stream.h"
#include "sim/world.h"

namespace razor::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kPort = 7000;
constexpr int kWarmUp = 2000;
constexpr int kCalls = 2000;
constexpr int kAtATime = 16;
constexpr std::uint64_t kNever = ~std::uint64_t{0};  // these refuse nothing, and count

struct Adder {
  virtual Call<std::int64_t> add(std::int64_t a, std::int64_t b) = 0;
  virtual Call<std::int64_t> add_later(std::int64_t a, std::int64_t b) = 0;
  RAZOR_SERVICE(Adder, add, add_later)
};

class AdderImpl final : public Adder {
 public:
  explicit AdderImpl(Runtime& runtime) : runtime_(runtime) {}
  Call<std::int64_t> add(std::int64_t a, std::int64_t b) override { return a + b; }
  Call<std::int64_t> add_later(std::int64_t a, std::int64_t b) override {
    co_await runtime_.clock().sleep_for(1ms);
    co_return a + b;
  }

 private:
  Runtime& runtime_;
};

struct Way {
  const char* name;
  bool over_a_pool;
  bool is_awaited;  // by coroutines; else with completions
  bool runs_later;  // the handler is a coroutine that suspends
};
std::ostream& operator<<(std::ostream& out, const Way& way) { return out << way.name; }

class WarmCalls : public testing::TestWithParam<Way> {
 protected:
  WarmCalls() {
    server_.start([](Runtime& runtime) { return serve(runtime); });
    world_.run_for(1ms);
  }
  ~WarmCalls() override {
    pool_.reset();
    stream_.reset();
    world_.run_for(1s);
    world_.fabric().kill_all();
  }

  static runtime::Task<void> serve(Runtime& runtime) {
    Server server(runtime);
    server.add(std::make_shared<AdderImpl>(runtime));
    (void)server.listen(Address::tcp("0.0.0.0", kPort));
    while (true) co_await runtime.clock().sleep_for(1h);
  }
  static runtime::Task<void> connect(Runtime& runtime, Address address, std::optional<ClientStream>& to) {
    auto stream = co_await ClientStream::connect(runtime, address);
    if (stream) to.emplace(*std::move(stream));
  }
  Client<Adder> client() {
    Runtime& runtime = client_.runtime();
    if (GetParam().over_a_pool) {
      if (!pool_) pool_.emplace(runtime, std::vector{server_.address(kPort)});
      return Client<Adder>(*pool_);
    }
    if (!stream_) {
      runtime.executor().spawn("connect", connect(runtime, server_.address(kPort), stream_));
      world_.run_until([this] { return stream_.has_value(); }, 1s);
    }
    return Client<Adder>(*stream_);
  }

  // One of kAtATime callers, which makes the next call when one has ended.
  void begin_next() {
    if (begun_ == wanted_) return;
    const std::int64_t a = begun_++;
    const auto done = [this, a](const Reply<std::int64_t>& reply) {
      is_wrong_ = is_wrong_ || !reply.ok() || *reply != a + 1;
      ++ended_;
      begin_next();
    };
    if (GetParam().runs_later) {
      adder_->add_later.start(done, a, std::int64_t{1});
    } else {
      adder_->add.start(done, a, std::int64_t{1});
    }
  }
  static runtime::Task<void> call_in_turn(WarmCalls& test) {
    while (test.begun_ < test.wanted_) {
      const std::int64_t a = test.begun_++;
      if (test.GetParam().runs_later) {
        const Reply<std::int64_t> reply = co_await test.adder_->add_later(a, std::int64_t{1});
        test.is_wrong_ = test.is_wrong_ || !reply.ok() || *reply != a + 1;
      } else {
        const Reply<std::int64_t> reply = co_await test.adder_->add(a, std::int64_t{1});
        test.is_wrong_ = test.is_wrong_ || !reply.ok() || *reply != a + 1;
      }
      ++test.ended_;
    }
  }
  void make_calls(int count) {
    wanted_ = begun_ + count;
    for (int i = 0; i < kAtATime; ++i) {
      if (GetParam().is_awaited) {
        client_.runtime().executor().spawn("a caller", call_in_turn(*this));
      } else {
        begin_next();
      }
    }
    EXPECT_TRUE(world_.run_until([this] { return ended_ == wanted_; }, 1min));
  }

  sim::World world_{1};
  sim::Host& server_ = world_.host("server");
  sim::Host& client_ = world_.host("client");
  std::optional<ClientStream> stream_;
  std::optional<FailoverPool> pool_;
  std::optional<Client<Adder>> adder_;
  std::int64_t begun_ = 0;
  std::int64_t ended_ = 0;
  std::int64_t wanted_ = 0;
  bool is_wrong_ = false;
};

INSTANTIATE_TEST_SUITE_P(Ways, WarmCalls,
                         testing::Values(Way{"CompletionsOverAStream", false, false, false},
                                         Way{"CompletionsOverAPool", true, false, false},
                                         Way{"CoroutinesOverAStream", false, true, false},
                                         Way{"CoroutinesOverAPool", true, true, false},
                                         Way{"HandlersThatSuspendOverAStream", false, true, true},
                                         Way{"HandlersThatSuspendOverAPool", true, false, true}),
                         [](const auto& way) { return std::string(way.param.name); });

TEST_P(WarmCalls, TakeNoMemory) {
  if (!faults::allocations_are_counted()) GTEST_SKIP() << "a sanitizer stands in front of malloc";
  adder_.emplace(client());
  {
    const faults::AllocationRefusal at_server(server_, 1, kNever, 1);
    const faults::AllocationRefusal at_client(client_, 1, kNever, 1);
    make_calls(kWarmUp);
    EXPECT_GT(at_server.seen(), 0u) << "it counts";
    EXPECT_GT(at_client.seen(), 0u);
  }
  const faults::AllocationRefusal at_server(server_, 1, kNever, 1);
  const faults::AllocationRefusal at_client(client_, 1, kNever, 1);
  make_calls(kCalls);
  EXPECT_FALSE(is_wrong_);
  EXPECT_EQ(at_server.seen(), 0u);
  EXPECT_EQ(at_client.seen(), 0u);
}

}  // namespace
}  // namespace razor::test
