// Call: what handlers return. Without it a handler could not be a plain function and a coroutine by the same signature,
// and one handler could not await another.

#include "razor/api/call.h"

#include <gtest/gtest.h>

#include "razor/runtime/asio/asio_runtime.h"

namespace razor::api {
namespace {

using namespace std::chrono_literals;

Call<std::string> plain_text() { return "hi"; }
Call<std::string> coroutine_text() { co_return "hi"; }
Call<int, int> plain_error() { return Fail{5}; }
Call<int, int> coroutine_error() { co_return Fail{5}; }
Call<> plain_nothing() { return {}; }
Call<> coroutine_nothing() { co_return; }
Call<void, std::string> coroutine_nothing_or_text(bool ok) {
  if (ok) co_return {};
  co_return Fail{"no"};
}
Call<int> framework_failure() { return Errc::overloaded; }
Call<int> coroutine_framework_failure() { co_return Errc::overloaded; }
Call<int> throwing() {
  throw std::runtime_error("oops");
  co_return 1;
}
Call<std::unique_ptr<int>> move_only(int value) { co_return std::make_unique<int>(value); }
Call<int> delayed(runtime::Clock& clock, int value) {
  co_await clock.sleep_for(1ms);
  co_return value;
}
Call<int> sum_of_two(runtime::Clock& clock) {
  const Reply<int> first = co_await delayed(clock, 1);
  const Reply<int> second = co_await delayed(clock, 2);
  co_return *first + *second;
}

template <class T, class E>
Task<Reply<T, E>> reply_of(Call<T, E> call) {
  co_return co_await call;
}

template <class T, class E>
Reply<T, E> run(Call<T, E> call) {
  AsioRuntime runtime;
  return runtime.block_on(reply_of(std::move(call)));
}

TEST(Call, OfAPlainFunctionHasItsOutcomeAtOnce) {
  Call<std::string> call = plain_text();
  ASSERT_TRUE(call.immediate().has_value());
  EXPECT_EQ(call.coroutine(), nullptr);
  EXPECT_EQ(*run(std::move(call)), "hi");
}

TEST(Call, OfACoroutineRunsWhenItIsAwaited) {
  Call<std::string> call = coroutine_text();
  EXPECT_FALSE(call.immediate().has_value());
  EXPECT_FALSE(call.coroutine()->finished());
  EXPECT_EQ(*run(std::move(call)), "hi");
}

TEST(Call, CarriesErrorsFromBothKindsOfHandler) {
  EXPECT_EQ(run(plain_error()).error(), 5);
  EXPECT_EQ(run(coroutine_error()).error(), 5);
}

TEST(Call, OfNothingSucceedsFromBothKindsOfHandler) {
  EXPECT_TRUE(run(plain_nothing()).ok());
  EXPECT_TRUE(run(coroutine_nothing()).ok());
  EXPECT_TRUE(run(coroutine_nothing_or_text(true)).ok());
  EXPECT_EQ(run(coroutine_nothing_or_text(false)).error(), "no");
}

TEST(Call, MayAnswerAFailureOfTheFramework) {
  EXPECT_EQ(run(framework_failure()).call_error().errc(), Errc::overloaded);
  EXPECT_EQ(run(coroutine_framework_failure()).call_error().errc(), Errc::overloaded);
}

TEST(Call, TurnsAnExceptionIntoInternal) {
  const Reply<int> reply = run(throwing());
  EXPECT_EQ(reply.call_error().errc(), Errc::internal);
  EXPECT_EQ(reply.ran(), Ran::yes);
  EXPECT_NE(reply.call_error().detail().find("oops"), std::string::npos);
}

TEST(Call, CarriesMoveOnlyResults) { EXPECT_EQ(**run(move_only(4)), 4); }

TEST(Call, OfOneHandlerAwaitsAnother) {
  AsioRuntime runtime;
  EXPECT_EQ(*runtime.block_on(reply_of(sum_of_two(runtime.clock()))), 3);
}

TEST(Call, ThatIsDestroyedWhileItWaitsIsCancelled) {
  AsioRuntime runtime;
  {
    Task<Reply<int>> waiting = reply_of(sum_of_two(runtime.clock()));
    waiting.promise().resume();
    EXPECT_FALSE(waiting.promise().finished());
  }
  EXPECT_EQ(*runtime.block_on(reply_of(delayed(runtime.clock(), 9))), 9);
}

}  // namespace
}  // namespace razor::api
