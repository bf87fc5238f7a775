// Metadata and traces, as a client's connection sends them: only to a peer that takes them, and what must not be lost on the way
// waits until that is known, or fails. A token that a server never sees would be taken for a call of nobody.

#include <gtest/gtest.h>

#include "razor/wire/extension.h"
#include "tests/stream/connected.h"
#include "tests/support/extended_frames.h"

namespace razor::stream {
namespace {

using namespace std::chrono_literals;
using base::Errc;
using base::Ran;

const std::vector<wire::MetadataItem> kTenant = {{"tenant", "acme"}};
// A record of type 3 with the map {"tenant": "acme"}.
constexpr std::string_view kTenantBlock(
    "\x03\0\x0d\0\x81\xa6tenant\xa4"
    "acme",
    17);

wire::TraceContext trace() {
  wire::TraceContext trace;
  trace.trace_id.fill(std::byte{7});
  trace.span_id.fill(std::byte{8});
  trace.flags = 1;
  return trace;
}

ClientStreamConfig with_hello() {
  ClientStreamConfig config;
  config.hello = HelloMode::automatic;
  return config;
}

class Metadata : public testing::Test {
 protected:
  void greet(std::uint8_t features = test::kAllFeatures) {
    one.take();
    one.receive(test::hello_answer(1, features));
    one.seen.clear();
  }
  void submit(NotedCall& call, const CallOptions& options) {
    one.submit(call, "arguments", options);
    one.end_batch();
    one.take();
    one.connection.deliver_failures();
  }
  static void expect_failed(const NotedCall& call, Errc errc) {
    ASSERT_EQ(call.failures, 1);
    EXPECT_EQ(call.error->errc(), errc) << call.error->message();
    EXPECT_EQ(call.error->ran(), Ran::no);
  }

  NotedCall call, other, third;
  Connected one{with_hello()};
};

TEST_F(Metadata, StandBetweenHeadAndAction) {
  greet();
  submit(call, {.metadata = kTenant});
  submit(other, {});
  ASSERT_EQ(one.seen.size(), 2u);
  EXPECT_EQ(one.seen[0].extension, kTenantBlock);
  EXPECT_EQ(one.seen[0].msg, "arguments");
  EXPECT_EQ(one.seen[0].action, Connected::kAction);
  EXPECT_EQ(one.seen[1].extension, "");
}

TEST_F(Metadata, WaitForTheAnswerToTheHello) {
  submit(other, {});
  submit(call, {.metadata = kTenant});
  submit(third, {});
  EXPECT_EQ(one.seen.size(), 2u) << "the hello, and the call without";
  one.receive(test::hello_answer(1, test::kAllFeatures));
  one.take();
  ASSERT_EQ(one.seen.size(), 4u);
  EXPECT_EQ(one.seen[2].extension, kTenantBlock);
  EXPECT_EQ(one.seen[2].seq, 3u) << "in the order of their submission";
  EXPECT_EQ(one.seen[2].msg, "arguments");
  EXPECT_EQ(one.seen[3].extension, "");
  EXPECT_EQ(call.failures, 0);
}

TEST_F(Metadata, ThatWaitAreBoundByTheirDeadline) {
  submit(call, {.timeout = 100ms, .metadata = kTenant});
  one.now += 1s;
  one.connection.check_deadlines(one.now, false);
  one.connection.deliver_failures();
  expect_failed(call, Errc::deadline_exceeded);
}

TEST_F(Metadata, DoNotGoToAPlainPeer) {
  submit(call, {.metadata = kTenant});
  submit(other, {});
  one.receive(test::answer(1));
  one.take();
  one.connection.deliver_failures();
  expect_failed(call, Errc::unsupported);
  EXPECT_NE(call.error->message().find("plain version 1"), std::string::npos) << call.error->message();
  ASSERT_EQ(one.seen.size(), 2u) << "the call behind it goes out";
  EXPECT_EQ(other.failures, 0);
  submit(third, {.metadata = kTenant});
  expect_failed(third, Errc::unsupported);
  EXPECT_EQ(one.connection.state(), ClientConnection::State::open);
  EXPECT_EQ(one.connection.stats().queued, 0u);
}

TEST_F(Metadata, DoNotGoToAPeerThatHasNotSaidThatItTakesThem) {
  submit(call, {.metadata = kTenant});
  one.receive(test::hello_answer(1, test::kFeatureCancel | test::kFeatureTrace));
  one.connection.deliver_failures();
  expect_failed(call, Errc::unsupported);
  submit(other, {.metadata = kTenant});
  expect_failed(other, Errc::unsupported);
}

TEST_F(Metadata, DoNotGoWhereHelloIsOff) {
  Connected off;
  off.submit(call, "arguments", {.metadata = kTenant});
  off.end_batch();
  off.take();
  off.connection.deliver_failures();
  expect_failed(call, Errc::unsupported);
  EXPECT_NE(call.error->message().find("`hello` of this ClientStreamConfig is off"), std::string::npos);
  EXPECT_TRUE(off.seen.empty());
}

TEST_F(Metadata, BeyondTheirLimitsFailTheCallAlone) {
  greet();
  const std::string large(8 * 1024, 'x');
  const std::vector<wire::MetadataItem> too_large = {{"key", large}};
  const std::vector<wire::MetadataItem> twice = {{"key", "a"}, {"key", "b"}};
  submit(call, {.metadata = too_large});
  expect_failed(call, Errc::too_large);
  submit(other, {.metadata = twice});
  expect_failed(other, Errc::encode);
  EXPECT_TRUE(one.seen.empty());
  submit(third, {.metadata = kTenant});
  EXPECT_EQ(one.seen.size(), 1u);
}

TEST_F(Metadata, OfACallThatWaitedForTheWindowGoAlong) {
  ClientStreamConfig config = with_hello();
  config.window = 1;
  Connected narrow(config);
  narrow.take();
  narrow.receive(test::hello_answer(1, test::kAllFeatures));
  narrow.submit(call);
  narrow.submit(other, "arguments", {.metadata = kTenant});
  narrow.end_batch();
  narrow.take();
  narrow.receive(test::answer(2));
  narrow.take();
  ASSERT_EQ(narrow.seen.size(), 3u);
  EXPECT_EQ(narrow.seen[2].extension, kTenantBlock);
  EXPECT_EQ(narrow.seen[2].msg, "arguments");
}

TEST_F(Metadata, ATraceIsLeftOutWhereNobodyReadsIt) {
  const wire::TraceContext at = trace();
  submit(call, {.trace = &at});
  ASSERT_EQ(one.seen.size(), 2u) << "it does not wait for the hello";
  EXPECT_EQ(one.seen[1].extension, "");
  greet(test::kFeatureMetadata);
  submit(other, {.metadata = kTenant, .trace = &at});
  ASSERT_EQ(one.seen.size(), 1u);
  EXPECT_EQ(one.seen[0].extension, kTenantBlock);
}

TEST_F(Metadata, ATraceStandsBeforeThem) {
  greet();
  const wire::TraceContext at = trace();
  submit(call, {.metadata = kTenant, .trace = &at});
  ASSERT_EQ(one.seen.size(), 1u);
  EXPECT_EQ(one.seen[0].extension.size(), 29 + kTenantBlock.size());
  wire::Extension read;
  ASSERT_EQ(wire::decode_extension(base::as_bytes(one.seen[0].extension), read), wire::ExtensionFault::none);
  EXPECT_EQ(read.trace, at);
}

}  // namespace
}  // namespace razor::stream
