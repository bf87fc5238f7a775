// What a caller says beside the arguments reaches the handler, over every channel there is; and what a handler calls on its
// caller's behalf ends with its caller.

#include "razor/stream/remote_channel.h"
#include "tests/extended/relay_world.h"

namespace razor::test {
namespace {

using Metadata = RelayTest;

TEST_F(Metadata, ReachTheHandler) {
  const auto as_acme = back().with({.metadata = {{"tenant", "acme"}, {"key", base::as_bytes(std::string_view("\0\1", 2))}}});
  const Ended<std::string> call = run(as_acme.describe());
  ASSERT_TRUE(call.reply.ok()) << text_of(call.reply);
  EXPECT_EQ(*call.reply, std::string("tenant=acme;key=\0\1(2);", 22));
}

TEST_F(Metadata, AreReadByKey) {
  EXPECT_EQ(*run(back().with({.metadata = {{"a", "1"}, {"tenant", "acme"}}}).value_of("tenant")).reply, "acme");
  EXPECT_EQ(*run(back().value_of("tenant")).reply, "(none)");
}

TEST_F(Metadata, BelongToOneClient) {
  const auto as_acme = back().with({.metadata = {{"tenant", "acme"}}});
  EXPECT_EQ(*run(back().describe()).reply, "");
  EXPECT_EQ(*run(as_acme.describe()).reply, "tenant=acme;");
  EXPECT_EQ(*run(as_acme.with({.timeout = 1s}).describe()).reply, "") << "these options have none";
}

TEST_F(Metadata, TravelWithATaskAndASingleStream) {
  std::string seen;
  const std::vector<MetadataItem> items = {{"tenant", "acme"}};
  pool().submit(ClientTask(wire::Action("Back.describe"), wire::Unit(), [&seen](const Response& response) {
                  ASSERT_TRUE(response.ok()) << response.message();
                  EXPECT_TRUE(response.decode(seen));
                }).with_options({.metadata = items}));
  world.run_for(100ms);
  EXPECT_EQ(seen, "tenant=acme;");
}

TEST_F(Metadata, TravelToAnotherThread) {
  RemoteChannel remote(runtime(), pool());
  const auto as_acme = Client<Back>(remote.channel()).with({.metadata = {{"tenant", "acme"}}});
  EXPECT_EQ(*run(as_acme.describe()).reply, "tenant=acme;");
}

// A call that is tried again says what it said.
TEST_F(Metadata, AreSentAgain) {
  ASSERT_TRUE(run(back().describe()).reply.ok());
  const auto as_acme = back().with({.idempotent = true, .metadata = {{"tenant", "acme"}}});
  ClientCall<std::string, api::NoError> slow = as_acme.describe_after(500);
  world.run_for(50ms);
  kill_back();
  const Ended<std::string> call = run(std::move(slow));
  ASSERT_TRUE(call.reply.ok()) << text_of(call.reply);
  EXPECT_EQ(*call.reply, "tenant=acme;");
}

TEST_F(Metadata, NeedAServerOfOurs) {
  restart_back_with_hello(HelloMode::off);
  const Ended<std::string> call = run(back().with({.metadata = {{"tenant", "acme"}}}).describe());
  ASSERT_FALSE(call.reply.ok());
  EXPECT_EQ(call.reply.call_error().errc(), Errc::unsupported) << text_of(call.reply);
  EXPECT_EQ(call.reply.call_error().ran(), base::Ran::no);
  EXPECT_LE(call.took, 100ms) << "it is not tried again and again";
  EXPECT_EQ(pool().state().addresses.at(0).plain, 1u) << pool().state().to_string();
  EXPECT_TRUE(run(back().describe()).reply.ok());
}

TEST_F(Metadata, AreShownToTheServersHook) {
  refuse_tenant("evil");
  const Ended<std::string> call = run(back().with({.metadata = {{"tenant", "evil"}}}).describe());
  ASSERT_FALSE(call.reply.ok());
  EXPECT_EQ(call.reply.call_error().errc(), Errc::denied);
  EXPECT_EQ(*run(back().with({.metadata = {{"tenant", "acme"}}}).describe()).reply, "tenant=acme;");
}

// --- On a caller's behalf --------------------------------------------------------------------------------------------

using OnBehalf = RelayTest;

TEST_F(OnBehalf, ACallHasTheCallersTraceAndDeadlineAndNoneOfItsMetadata) {
  ASSERT_TRUE(run(front().relay(0)).reply.ok());  // both connections are there
  wire::TraceContext trace;
  trace.trace_id.fill(std::byte{0xab});
  trace.span_id.fill(std::byte{0xcd});
  trace.tracestate = "vendor=1";
  const auto traced = front().with({.timeout = 2s, .metadata = {{"tenant", "acme"}}, .trace = &trace});
  const Ended<std::string> call = run(traced.relay(0));
  ASSERT_TRUE(call.reply.ok()) << text_of(call.reply);
  EXPECT_EQ(*call.reply, "ok: trace abababab vendor=1; left 2000 ms; metadata 0");
}

TEST_F(OnBehalf, ACallEndsWhenItsCallerWaitsNoMore) {
  ASSERT_TRUE(run(front().relay(0)).reply.ok());
  drop_after(front().relay(10'000), 50ms);
  world.run_for(10ms);
  EXPECT_EQ(front_saw, "cancelled (ran: maybe)");
  EXPECT_EQ(back_destroyed, 1) << "the server behind hears it, too";
}

TEST_F(OnBehalf, ACallThatBeginsWhenNobodyWaitsAnyMoreEndsInTheNextTurn) {
  ASSERT_TRUE(run(front().relay(0)).reply.ok());
  drop_after(front().relay_late(100), 50ms);
  world.run_for(200ms);
  EXPECT_EQ(front_saw, "cancelled (ran: maybe)");
}

TEST_F(OnBehalf, AFinishedCallHearsNothing) {
  ASSERT_TRUE(run(front().relay(0)).reply.ok());
  drop_after(front().relay_and_stay(10'000), 50ms);
  world.run_for(200ms);
  EXPECT_EQ(front_saw, "ok") << "its call was answered before";
}

// A call that is handed to a completion belongs to the handler no more, and still ends with its caller.
TEST_F(OnBehalf, ACallWithACompletionEndsToo) {
  ASSERT_TRUE(run(front().relay(0)).reply.ok());
  drop_after(front().relay_and_stay(-1), 50ms);
  world.run_for(10ms);
  EXPECT_EQ(completion_saw, "cancelled (ran: maybe)");
}

TEST_F(OnBehalf, ACallOverAnotherThreadsChannelEnds) {
  relays_over_remote_channel = true;
  restart_front();
  ASSERT_TRUE(run(front().relay(0)).reply.ok());
  drop_after(front().relay(10'000), 50ms);
  world.run_for(20ms);
  EXPECT_EQ(front_saw, "cancelled (ran: maybe)");
  EXPECT_EQ(back_destroyed, 1);
}

}  // namespace
}  // namespace razor::test
