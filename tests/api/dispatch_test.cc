// Routing requests to services, and what handlers may do: without it requests end at the wrong handler, or an exception
// takes the server down.

#include "tests/api/service_fixture.h"

namespace razor::test {
namespace {

class DispatchTest : public ServiceTest {};

struct Other {
  virtual Call<std::string> add(std::string a, std::string b) = 0;
  RAZOR_SERVICE(Other, add)
};
struct OtherImpl final : Other {
  Call<std::string> add(std::string a, std::string b) override { return a + b; }
};

Task<void> two_services(Client<Store>& store, Client<Other>& other) {
  const auto number = co_await store.add(1, 2);
  EXPECT_EQ(*number, 3);
  const auto text = co_await other.add("1", "2");
  EXPECT_EQ(*text, "12");
}

TEST_F(DispatchTest, RoutesByTheNameOfTheService) {
  server.add(std::make_shared<OtherImpl>());
  Client<Other> other(*stream);
  run(two_services(*client, other));
  EXPECT_EQ(server.methods().front(), "Other.add");
}

using DispatchDeathTest = DispatchTest;

// Served were the first, and nobody learned that the second was not.
TEST_F(DispatchDeathTest, ASecondServiceOfTheSameNameEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(server.add(std::make_shared<StoreImpl>(runtime.clock())), "a service named 'test.Store' is served already");
}

Task<void> expect_failure(ClientStream& stream, Action action, Errc expected) {
  const OwnedResponse answer = co_await stream.call(action, std::tuple(1, 2));
  CO_ASSERT_TRUE(answer->kind() == Response::Kind::failed);
  EXPECT_EQ(answer->error().errc(), expected) << action.name();
  EXPECT_EQ(answer->error().ran(), Ran::no);
}

TEST_F(DispatchTest, SaysWhatItDoesNotKnow) {
  run(expect_failure(*stream, "Nobody.add", Errc::service_not_found));
  run(expect_failure(*stream, "test.Store.subtract", Errc::method_not_found));
  run(expect_failure(*stream, "test.Store.", Errc::method_not_found));
  run(expect_failure(*stream, ".add", Errc::service_not_found));
  run(expect_failure(*stream, "add", Errc::decode));
  run(expect_failure(*stream, "", Errc::decode));
  run(expect_failure(*stream, 7u, Errc::decode));
  run(expect_failure(*stream, "test.Store.slow", Errc::decode));
}

// The reference splits an action at its first dot. Split at the last one, "Other.add.x" asks for a service "Other.add" that
// nobody knows. Services of ours may have dots in their names, so "test" alone is none.
TEST_F(DispatchTest, FindsTheServiceInFrontOfAnyDot) {
  server.add(std::make_shared<OtherImpl>());
  run(expect_failure(*stream, "Other.add.x", Errc::method_not_found));
  run(expect_failure(*stream, "Other..", Errc::method_not_found));
  run(expect_failure(*stream, "test.Store.add.x.y", Errc::method_not_found));
  run(expect_failure(*stream, "test.add", Errc::service_not_found));
  run(expect_failure(*stream, "test.Stores.add", Errc::service_not_found));
  run(expect_failure(*stream, "Others.add", Errc::service_not_found));
  run(expect_failure(*stream, "..", Errc::service_not_found));
}

struct Dotted {
  virtual Call<int> plain() = 0;
  virtual Call<int> dotted() = 0;
  RAZOR_SERVICE_AS(Dotted, "test", plain, RAZOR_METHOD_AS(dotted, "deep.down"))
};
struct DottedImpl final : Dotted {
  Call<int> plain() override { return 1; }
  Call<int> dotted() override { return 2; }
};
struct Deep {
  virtual Call<int> down() = 0;
  RAZOR_SERVICE_AS(Deep, "test.deep", down)
};
struct DeepImpl final : Deep {
  Call<int> down() override { return 3; }
};

Task<void> call_dotted(Client<Store>& store, Client<Dotted>& dotted) {
  const Reply<int> sum = co_await store.add(1, 2);
  EXPECT_EQ(*sum, 3);
  const Reply<int> plain = co_await dotted.plain();
  EXPECT_EQ(*plain, 1);
  const Reply<int> deep = co_await dotted.dotted();
  EXPECT_EQ(*deep, 2);
}

TEST_F(DispatchTest, ServesNamesWithDotsInThem) {
  server.add(std::make_shared<DottedImpl>());
  Client<Dotted> dotted(*stream);
  run(call_dotted(*client, dotted));
  run(expect_failure(*stream, "test.deep.up", Errc::method_not_found));
}

TEST_F(DispatchDeathTest, AMethodOfTheSameFullNameEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  server.add(std::make_shared<DottedImpl>());
  EXPECT_DEATH(server.add(std::make_shared<DeepImpl>()), "a method named 'test.deep.down' is served already");
}

// A peer of another version got rpc_decode for every call, and the server's people saw nothing at all.
Task<void> call_with_text(ClientStream& stream, Action action) {
  const OwnedResponse answer = co_await stream.call(action, std::tuple(1, "two"));
  CO_ASSERT_TRUE(answer->kind() == Response::Kind::failed);
  EXPECT_EQ(answer->error().errc(), Errc::decode);
}

TEST_F(DispatchTest, SaysOnceAMinuteWhatDoesNotDecode) {
  const auto warned_of = [this](std::string_view text) {
    return std::ranges::count_if(log.lines, [&](const std::string& line) { return line.find(text) != line.npos; });
  };
  for (int i = 0; i < 3; ++i) run(call_with_text(*stream, "test.Store.add"));
  EXPECT_EQ(server.stats().undecodable, 3u);
  EXPECT_EQ(warned_of("the arguments of test.Store.add from 127.0.0.1:"), 1);
  EXPECT_EQ(warned_of("expected an integer, found a string, at byte 2"), 1);
}

struct Fallback final : Dispatch {
  void dispatch(const Request& request, Responder respond) override {
    seen.push_back(request.action.is_name() ? std::string(request.action.name()) : std::to_string(request.action.number()));
    respond.reply();
  }
  std::vector<std::string> seen;
};

Task<void> call_plainly(ClientStream& stream, Action action) {
  const OwnedResponse answer = co_await stream.call_encoded(action, {});
  EXPECT_TRUE(answer->ok()) << answer->message();
}

TEST_F(DispatchTest, HandsToItsFallbackWhatNoServiceIsMeantFor) {
  Fallback fallback;
  server.set_fallback(fallback);
  run(call_plainly(*stream, 7u));
  run(call_plainly(*stream, "nodot"));
  run(expect_failure(*stream, "Nobody.add", Errc::service_not_found));
  EXPECT_EQ(fallback.seen, (std::vector<std::string>{"7", "nodot"}));
}

Task<void> exceptions(Client<Store>& store) {
  const auto plain = co_await store.throws(false);
  EXPECT_EQ(plain.call_error().errc(), Errc::internal);
  const auto coroutine = co_await store.throws(true);
  EXPECT_EQ(coroutine.call_error().errc(), Errc::internal);
  const auto sum = co_await store.add(1, 2);
  EXPECT_EQ(*sum, 3);
}

TEST_F(DispatchTest, AnswersInternalWhenAHandlerThrows) {
  run(exceptions(*client));
  EXPECT_EQ(server.stats().handlers_threw, 2u);
  EXPECT_EQ(server.stats().handlers, 0u);
  ASSERT_EQ(log.lines.size(), 2u);
  EXPECT_NE(log.lines[0].find("throw threw on a request from 127.0.0.1"), std::string::npos) << log.lines[0];
  EXPECT_NE(log.lines[1].find("a coroutine"), std::string::npos) << log.lines[1];
}

Task<void> contexts(Client<Store>& store) {
  const auto plain = co_await store.who(false);
  EXPECT_EQ(*plain, "who from 127.0.0.1");
  const auto coroutine = co_await store.who(true);
  EXPECT_EQ(*coroutine, "who from 127.0.0.1");
}

TEST_F(DispatchTest, GivesHandlersTheContextOfTheirCall) {
  run(contexts(*client));
  EXPECT_EQ(current_context().method(), "") << "outside of a handler there is none";
}

Task<void> start_slow(Client<Store>& store, runtime::Clock& clock, const int& started) {
  auto slow = store.slow(60'000, "never");
  while (started == 0) co_await clock.sleep_for(1ms);
  slow.reset();
}

// A handler that waits for a minute: when the server has to end now, it is destroyed, and nothing leaks.
TEST_F(DispatchTest, DestroysSuspendedHandlersWithTheServer) {
  run(start_slow(*client, runtime.clock(), store->slow_started));
  EXPECT_EQ(server.stats().handlers, 1u);
  run(server.close(1ms));
  EXPECT_EQ(server.stats().handlers, 0u);
  EXPECT_EQ(store->slow_finished, 0);
}

Task<void> close_while_running(Client<Store>& store, Server& server, runtime::Clock& clock, const int& started) {
  auto running = store.slow(50, "answered");
  while (started == 0) co_await clock.sleep_for(1ms);
  auto [reply, closed] = co_await when_all(std::move(running), server.close(5s));
  (void)closed;
  EXPECT_EQ(*reply, "answered");
}

TEST_F(DispatchTest, AnswersRunningHandlersBeforeAGracefulClose) {
  run(close_while_running(*client, server, runtime.clock(), store->slow_started));
  EXPECT_EQ(server.stats().connections, 0u);
}

Task<void> disconnect(std::optional<ClientStream>& stream, Client<Store>& store, StoreImpl& impl, Server& server,
                      runtime::Clock& clock) {
  auto slow = store.slow(30, "nobody waits");
  while (impl.slow_started == 0) co_await clock.sleep_for(1ms);
  slow.reset();
  stream.reset();
  while (server.stats().connections > 0) co_await clock.sleep_for(1ms);
}

TEST_F(DispatchTest, LetsAHandlerFinishWhoseCallerIsGone) {
  run(disconnect(stream, *client, *store, server, runtime.clock()));
  EXPECT_EQ(store->slow_finished, 1);
  EXPECT_EQ(server.stats().handlers, 0u);
}

}  // namespace
}  // namespace razor::test
