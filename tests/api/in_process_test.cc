// An implementation behind the stub, without a network: how services are mocked. An exception that escaped a completion once
// ended the program, or was thrown out of `then`: the tests at the end would do the same.

#include "tests/api/service_fixture.h"

namespace razor::test {
namespace {

struct Greeter {
  virtual Call<std::string, std::string> greet(std::string name) = 0;
  virtual Call<int> later(int value) = 0;
  RAZOR_SERVICE(Greeter, greet, later)
};

struct MockGreeter final : Greeter {
  explicit MockGreeter(runtime::Clock& mock_clock) : clock(mock_clock) {}
  Call<std::string, std::string> greet(std::string name) override {
    names.push_back(name);
    if (name.empty()) return Fail{"nobody"};
    if (name == "throw") throw std::runtime_error("mocked");
    return "hello " + name + std::string(current_context().method());
  }
  Call<int> later(int value) override {
    co_await clock.sleep_for(1ms);
    const CallContext context = co_await razor::context();
    co_return value + static_cast<int>(context.method().size());
  }
  runtime::Clock& clock;
  std::vector<std::string> names;
};

Task<void> use(Client<Greeter> greeter) {
  const auto hello = co_await greeter.greet("you");
  EXPECT_EQ(*hello, "hello you");
  const auto nobody = co_await greeter.greet("");
  EXPECT_EQ(nobody.error(), "nobody");
  const auto thrown = co_await greeter.greet("throw");
  EXPECT_EQ(thrown.call_error().errc(), Errc::internal);
  EXPECT_EQ(thrown.call_error().ran(), Ran::yes);
  EXPECT_EQ(thrown.call_error().detail(), "the handler threw: mocked");
  auto moved = greeter.later(5);
  auto later = std::move(moved);
  const auto value = co_await std::move(later);
  EXPECT_EQ(*value, 5);
  auto abandoned = greeter.later(6);
  abandoned.reset();
  const auto cancelled = co_await std::move(abandoned);
  EXPECT_EQ(cancelled.call_error().errc(), Errc::cancelled);
}

TEST(InProcess, ImplementationIsCalledThroughTheSameStub) {
  AsioRuntime runtime;
  auto mock = std::make_shared<MockGreeter>(runtime.clock());
  runtime.block_on(use(Client<Greeter>(mock)));
  EXPECT_EQ(mock->names.size(), 3u);
}

Task<void> use_without_time(Client<Greeter> greeter) {
  const auto hello = co_await greeter.greet("you");
  EXPECT_EQ(hello.call_error().errc(), Errc::deadline_exceeded);
  EXPECT_EQ(hello.ran(), Ran::no);
}

// A spent timeout was taken for none at all, and the call was carried out.
TEST(InProcess, ACallWithoutTimeLeftIsNotMade) {
  AsioRuntime runtime;
  auto mock = std::make_shared<MockGreeter>(runtime.clock());
  const Client<Greeter> greeter = Client<Greeter>(mock).with({.timeout = -1ns});
  runtime.block_on(use_without_time(greeter));
  EXPECT_EQ(greeter.blocking.greet("you").call_error().errc(), Errc::deadline_exceeded);
  EXPECT_TRUE(mock->names.empty());
}

TEST(InProcess, CallsOfPlainHandlersMayBlock) {
  AsioRuntime runtime;
  const Client<Greeter> greeter(std::make_shared<MockGreeter>(runtime.clock()));
  EXPECT_EQ(*greeter.blocking.greet("you"), "hello you");
}

TEST(DroppedTask, ExceptionsOfItsCompletionAreLogged) {
  testing::internal::CaptureStderr();
  {
    const ClientTask dropped(7u, [](const Response&) { throw std::runtime_error("dropped"); });
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "razor error: the completion of action 7 threw: dropped\n");
}

Task<void> until_set(runtime::Clock& clock, const int& value) {
  while (value == 0) co_await clock.sleep_for(1ms);
}

TEST(InProcess, CallbacksWork) {
  AsioRuntime runtime;
  const Client<Greeter> greeter(std::make_shared<MockGreeter>(runtime.clock()));
  std::string seen;
  greeter.greet.start([&seen](const Reply<std::string, std::string>& reply) { seen = *reply; }, "you");
  EXPECT_EQ(seen, "hello you");
  int later = 0;
  greeter.later.start([&later](const Reply<int>& reply) { later = *reply; }, 8);
  EXPECT_EQ(later, 0);
  runtime.block_on(until_set(runtime.clock(), later));
  EXPECT_EQ(later, 8);
}

TEST(InProcess, ABlockingCallOfAThrowingHandlerGivesAnError) {
  AsioRuntime runtime;
  const Client<Greeter> greeter(std::make_shared<MockGreeter>(runtime.clock()));
  const Reply<std::string, std::string> reply = greeter.blocking.greet("throw");
  EXPECT_EQ(reply.call_error().errc(), Errc::internal);
  EXPECT_EQ(reply.call_error().ran(), Ran::yes);
}

TEST(InProcess, ExceptionsOfCompletionsAreLogged) {
  AsioRuntime runtime;
  const Client<Greeter> greeter(std::make_shared<MockGreeter>(runtime.clock()));
  testing::internal::CaptureStderr();
  greeter.greet.start([](const Reply<std::string, std::string>&) { throw std::runtime_error("at once"); }, "you");
  greeter.greet("you").then([](const Reply<std::string, std::string>&) { throw 1; });
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "razor error: the completion of Greeter.greet threw: at once\n"
            "razor error: the completion of Greeter.greet threw\n");
}

TEST(InProcess, ExceptionsOfCompletionsOfCoroutinesAreLogged) {
  AsioRuntime runtime;
  const Client<Greeter> greeter(std::make_shared<MockGreeter>(runtime.clock()));
  testing::internal::CaptureStderr();
  int later = 0;
  greeter.later.start(
      [&later](const Reply<int>& reply) {
        later = *reply;
        throw std::runtime_error("later");
      },
      8);
  runtime.block_on(until_set(runtime.clock(), later));
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "razor error: the completion of Greeter.later threw: later\n");
}

}  // namespace
}  // namespace razor::test
