// The faults handler_delay, handler_throw and handler_drop acted only on handlers that called a function of faults/ by
// themselves. A server that was written without knowing of it was never in trouble: plans drew these faults, played them, and
// nothing happened. The server below includes nothing of faults/ and still meets each of them; without the question that
// ServerStream::handle asks, every expectation of an `acted` above zero fails.

#include <gtest/gtest.h>

#include "faults/injector.h"
#include "razor/api/client.h"
#include "razor/api/server.h"
#include "razor/api/service.h"
#include "razor/pool/client_pool.h"
#include "sim/world.h"

namespace razor::test {
namespace {

using namespace std::chrono_literals;
using base::Duration;

constexpr std::uint16_t kPort = 7000;
constexpr std::uint32_t kStore = 9;

struct Echo {
  virtual Call<std::string> plain(std::string text) = 0;
  virtual Call<std::string> slow(std::string text) = 0;
  RAZOR_SERVICE(Echo, plain, slow)
};

class UntroubledHandlers : public testing::Test {
 protected:
  class EchoService final : public Echo {
   public:
    EchoService(Runtime& runtime, int& entered) : runtime_(runtime), entered_(entered) {}
    Call<std::string> plain(std::string text) override {
      ++entered_;
      return text;
    }
    Call<std::string> slow(std::string text) override {
      ++entered_;
      co_await runtime_.clock().sleep_for(10ms);
      co_return text;
    }

   private:
    Runtime& runtime_;
    int& entered_;
  };

  // Serves the numeric action kStore, for users of the stream interface.
  class Store final : public Dispatch {
   public:
    void dispatch(const Request& request, Responder respond) override {
      if (request.action != Action(kStore)) return respond.fail(base::Errc::decode);
      respond.reply(std::string("stored"), base::Bytes(request.blob.begin(), request.blob.end()));
    }
  };

  UntroubledHandlers() {
    world_.host("server").start([this](Runtime& runtime) { return serve(runtime); });
    pool_ = std::make_unique<ClientPool>(client_.runtime(), Address::tcp("server", kPort));
    world_.run_for(10ms);
  }

  runtime::Task<void> serve(Runtime& runtime) {
    Store store;
    Server server(runtime);
    server.add(std::make_shared<EchoService>(runtime, entered_));
    server.set_fallback(store);
    EXPECT_TRUE(server.listen(Address::tcp("0.0.0.0", kPort)).ok());
    runtime::Event never(runtime.executor());
    co_await never.wait();
  }

  /// Plays one fault from now on.
  void play(const std::string& line) {
    std::string error;
    const auto plan = faults::Plan::parse("#1 at 0s " + line, error);
    ASSERT_TRUE(plan) << error;
    injector_ = std::make_unique<faults::Injector>(world_, *plan, actions_);
    world_.run_for(1ms);
  }
  std::uint64_t effects() const { return injector_->reports().at(0).effects; }

  struct Outcome {
    std::string text;  // the value, or the error
    Duration took{};
    bool operator==(const Outcome&) const = default;
  };
  template <class Start>
  Outcome call(Start&& start) {
    std::optional<std::string> text;
    const Duration began = world_.elapsed();
    start(
        [&text](const auto& reply) { text = reply.ok() ? *reply : std::string(base::name_of(reply.call_error().errc())); });
    EXPECT_TRUE(world_.run_until([&text] { return text.has_value(); }, 1min));
    return {text.value_or(""), world_.elapsed() - began};
  }
  Outcome call_plain(const std::string& text) {
    return call([&](auto done) { Client<Echo>(pool_->channel()).plain.start(done, text); });
  }
  Outcome call_slow(const std::string& text) {
    return call([&](auto done) { Client<Echo>(pool_->channel()).slow.start(done, text); });
  }

  sim::World world_{1};
  sim::Host& client_ = world_.host("client");
  int entered_ = 0;
  faults::Actions actions_;
  std::unique_ptr<faults::Injector> injector_;
  std::unique_ptr<ClientPool> pool_;
};

TEST_F(UntroubledHandlers, AreDelayed) {
  EXPECT_LT(call_plain("a").took, 100ms);
  play("handler_delay server for 10s delay=1s");
  const Outcome late = call_plain("late");
  EXPECT_EQ(late.text, "late");
  EXPECT_GE(late.took, 1s);
  EXPECT_LT(late.took, 1100ms);
  EXPECT_EQ(call_slow("slow").text, "slow");
  EXPECT_EQ(effects(), 2u);
  EXPECT_EQ(entered_, 3);
  injector_->heal();
  EXPECT_LT(call_plain("b").took, 100ms);
}

TEST_F(UntroubledHandlers, AreReplacedByAnException) {
  play("handler_throw server for 10s");
  EXPECT_EQ(call_plain("a").text, "internal");
  EXPECT_EQ(call_slow("a").text, "internal");
  EXPECT_EQ(effects(), 2u);
  EXPECT_EQ(entered_, 0);
  injector_->heal();
  EXPECT_EQ(call_plain("b").text, "b");
}

TEST_F(UntroubledHandlers, AreLeftOut) {
  play("handler_drop server for 10s");
  EXPECT_EQ(call_plain("a").text, "internal");
  EXPECT_EQ(effects(), 1u);
  EXPECT_EQ(entered_, 0);
  injector_->heal();
  EXPECT_EQ(call_plain("b").text, "b");
}

TEST_F(UntroubledHandlers, OneInSoManyOnly) {
  play("handler_throw server for 10s one_in=4");
  int failed = 0;
  for (int i = 0; i < 200; ++i) failed += call_plain("a").text == "internal" ? 1 : 0;
  EXPECT_EQ(effects(), static_cast<std::uint64_t>(failed));
  EXPECT_GT(failed, 20);
  EXPECT_LT(failed, 100);
}

// What a delayed request brought with it is kept: its message, its blob, its numeric action.
TEST_F(UntroubledHandlers, OfTheStreamInterfaceToo) {
  play("handler_delay server for 10s delay=500ms");
  std::string blob;
  stream::submit(pool_->channel(), ClientTask(kStore, std::string("name"), [&blob](const Response& answer) {
                                     blob = std::string(base::as_text(answer.blob()));
                                   }).with_blob(base::Bytes(3, std::byte{'x'})));
  world_.run_for(400ms);
  EXPECT_EQ(blob, "");
  world_.run_for(200ms);
  EXPECT_EQ(blob, "xxx");
  EXPECT_EQ(effects(), 1u);
}

// Nothing is dispatched from a connection that has ended meanwhile, nor after its server is gone.
TEST_F(UntroubledHandlers, DelayedBeyondTheEndOfTheirConnectionDoNotRun) {
  play("handler_delay server for 10s delay=5s");
  bool ended = false;
  Client<Echo>(pool_->channel()).plain.start([&ended](const auto&) { ended = true; }, std::string("a"));
  world_.run_for(1s);
  for (const std::uint64_t connection : world_.fabric().connections_between(client_, world_.host("server"))) {
    world_.fabric().reset(connection);
  }
  world_.run_for(10s);
  EXPECT_TRUE(ended);
  EXPECT_EQ(entered_, 0);
}

}  // namespace
}  // namespace razor::test
