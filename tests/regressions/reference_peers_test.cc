// Two ways in which a peer of the reference implementation and one of ours lost calls that nothing was wrong with, seen with
// reference programs and shown here with models of them (tests/support/reference_client.h, reference_server.h):
//
//  - A reference client pings each second. Our server answered such a ping at once, also where the handler of an earlier call
//    still ran; the client's reader takes that pong for the answer to a request still to be registered, and reads no more. Its
//    callers got rpc_timeout after 20 s for what had been answered after one.
//  - A reference server runs handlers inline, so that our pings wait behind a slow one. Our client took that for a dead peer,
//    and dropped the connection with all its calls after 3 s, though they had 20.

#include <gtest/gtest.h>

#include "razor/api/client.h"
#include "razor/api/server.h"
#include "razor/api/service.h"
#include "razor/pool/client_pool.h"
#include "sim/world.h"
#include "tests/support/reference_client.h"
#include "tests/support/reference_server.h"

namespace razor::test {
namespace {

using namespace std::chrono_literals;
using base::Duration;

constexpr std::uint16_t kPort = 7000;

struct Slow {
  virtual Call<std::uint32_t> sleep(std::uint32_t milliseconds) = 0;
  RAZOR_SERVICE(Slow, sleep)
};

class SlowService final : public Slow {
 public:
  explicit SlowService(Runtime& runtime) : runtime_(runtime) {}
  Call<std::uint32_t> sleep(std::uint32_t milliseconds) override {
    co_await runtime_.clock().sleep_for(std::chrono::milliseconds(milliseconds));
    co_return milliseconds;
  }

 private:
  Runtime& runtime_;
};

struct Ended {
  Ended(ReferenceReply::Kind how, Duration when) : kind(how), at(when) {}
  ReferenceReply::Kind kind;
  Duration at;
};

class ReferencePeers : public testing::Test {
 protected:
  runtime::Task<void> serve(Runtime& runtime) {
    Server server(runtime);
    server.add(std::make_shared<SlowService>(runtime));
    EXPECT_TRUE(server.listen(Address::tcp("0.0.0.0", kPort)).ok());
    runtime::Event never(runtime.executor());
    co_await never.wait();
  }

  // Calls of 5 s, 1.5 s and 0 s, one behind the other without waiting.
  runtime::Task<void> call_three(Runtime& runtime) {
    const std::unique_ptr<ReferenceClient> client =
        co_await ReferenceClient::connect(runtime, Address::tcp("server", kPort));
    if (client == nullptr) co_return;
    runtime::TaskScope calls(runtime.executor());
    for (const std::uint32_t milliseconds : {5000u, 1500u, 0u}) {
      calls.run_inline("a call", call_one(*this, *client, milliseconds));
    }
    co_await runtime.clock().sleep_for(30s);
    stopped_ = client->stopped();
    pongs_ = client->pongs();
  }
  static runtime::Task<void> call_one(ReferencePeers& self, ReferenceClient& client, std::uint32_t milliseconds) {
    const ReferenceReply reply = co_await client.call("Slow.sleep", wire::encoded(milliseconds));
    self.ended_.insert_or_assign(milliseconds, Ended(reply.kind, self.world_.elapsed()));
  }

  static runtime::Task<ReferenceReply> sleep_inline(Runtime& runtime, base::Bytes message) {
    std::uint32_t milliseconds = 0;
    const bool decodes = wire::decode_whole(message, milliseconds);
    EXPECT_TRUE(decodes);
    co_await runtime.clock().sleep_for(std::chrono::milliseconds(milliseconds));
    co_return ReferenceReply(ReferenceReply::Kind::value, wire::encoded(milliseconds));
  }
  runtime::Task<void> serve_as_reference(Runtime& runtime) {
    ReferenceServer server(runtime);
    server.add("Slow", "sleep", [&runtime](base::Bytes message) { return sleep_inline(runtime, std::move(message)); });
    reference_ = &server;
    co_await server.serve(Address::tcp("0.0.0.0", kPort));
  }

  sim::World world_{1};
  std::map<std::uint32_t, Ended> ended_;  // by the time that their handlers take
  ReferenceServer* reference_ = nullptr;
  std::string stopped_;
  std::uint64_t pongs_ = 0;
};

TEST_F(ReferencePeers, APongDoesNotOvertakeTheAnswerToAnEarlierCall) {
  world_.host("server").start([this](Runtime& runtime) { return serve(runtime); });
  world_.run_for(10ms);
  world_.host("client").start([this](Runtime& runtime) { return call_three(runtime); });
  world_.run_for(40s);
  EXPECT_EQ(stopped_, "");
  ASSERT_EQ(ended_.size(), 3u);
  for (const auto& [milliseconds, ended] : ended_) {
    EXPECT_EQ(ended.kind, ReferenceReply::Kind::value) << milliseconds;
    EXPECT_LT(ended.at, std::chrono::milliseconds(milliseconds) + 100ms) << "an answer waits for no other";
  }
  EXPECT_GE(pongs_, 4u) << "its pings were answered all the same";
}

// The first call is answered after 8 s; the second, of no time, behind it.
TEST_F(ReferencePeers, ASlowHandlerOfAReferenceServerLosesNoCall) {
  world_.host("server").start([this](Runtime& runtime) { return serve_as_reference(runtime); });
  world_.run_for(10ms);
  ClientPoolConfig config;
  config.connections_max = 1;
  ClientPool pool(world_.host("client").runtime(), Address::tcp("server", kPort), config);
  std::map<std::uint32_t, std::string> outcomes;
  const Client<Slow> slow = Client<Slow>(pool.channel()).with({.timeout = 20s});
  for (const std::uint32_t milliseconds : {8000u, 0u}) {
    slow.sleep.start(
        [&outcomes, milliseconds](const Reply<std::uint32_t>& reply) {
          outcomes[milliseconds] = reply.ok() ? "ok" : reply.call_error().message();
        },
        milliseconds);
  }
  world_.run_for(30s);
  EXPECT_EQ(outcomes[8000], "ok");
  EXPECT_EQ(outcomes[0], "ok");
  EXPECT_EQ(reference_->requests(), 2u) << "each was sent once";
}

// One that has stopped for good is noticed by the deadline of what it owes.
TEST_F(ReferencePeers, ACallOfAReferenceServerThatHangsEndsAtItsDeadline) {
  world_.host("server").start([this](Runtime& runtime) { return serve_as_reference(runtime); });
  world_.run_for(10ms);
  ClientPool pool(world_.host("client").runtime(), Address::tcp("server", kPort));
  std::string outcome;
  Duration ended_at{};
  Client<Slow>(pool.channel())
      .with({.timeout = 20s})
      .sleep.start(
          [&](const Reply<std::uint32_t>& reply) {
            outcome = reply.ok() ? "ok" : std::string(base::name_of(reply.call_error().errc()));
            ended_at = world_.elapsed();
          },
          3'600'000u);
  world_.run_for(30s);
  EXPECT_EQ(outcome, "deadline_exceeded");
  EXPECT_GE(ended_at, 20s);
  EXPECT_LT(ended_at, 22s);
}

}  // namespace
}  // namespace razor::test
