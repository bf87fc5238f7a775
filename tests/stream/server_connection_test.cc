// ServerConnection without a Runtime: which requests are dispatched, wait or are refused, what is written, and how it ends.

#include "razor/stream/internal/server_connection.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "tests/stream/served.h"
#include "tests/support/pick.h"

namespace razor::stream {
namespace {

using namespace std::chrono_literals;
using State = Drain::State;

using test::kStart;

TEST(ServerConnection, DispatchesRequestsInTheirOrderAndWritesTheirResponses) {
  Served one;
  EXPECT_TRUE(one.receive(test::joined(test::request(1, 5, "a"), test::request(2, 5, "b"))));
  EXPECT_EQ(one.handler.seqs, (std::vector<wire::Seq>{1, 2}));
  one.answer(2, "later");
  one.answer(1, "first");
  const auto answers = one.take();
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].seq, 2u);
  EXPECT_EQ(answers[1].msg, "first");
  EXPECT_EQ(one.connection.stats().handlers, 0u);
}

TEST(ServerConnection, ARequestAboveItsHandlersWaitsInTheReader) {
  ServerConfig config;
  config.handlers_per_connection_max = 1;
  Served one(config);
  EXPECT_FALSE(one.receive(test::joined(test::request(1, 5), test::request(2, 5))));
  EXPECT_EQ(one.handler.seqs, std::vector<wire::Seq>{1});
  EXPECT_FALSE(one.connection.may_resume());
  one.answer(1);
  ASSERT_TRUE(one.connection.may_resume());
  one.connection.on_resume(one.now, false);
  EXPECT_TRUE(one.go_on());
  EXPECT_EQ(one.handler.seqs, (std::vector<wire::Seq>{1, 2}));
  one.answer(2);
}

TEST(ServerConnection, ARequestThatWaitedForAConnectionThatIsBrokenIsDropped) {
  ServerConfig config;
  config.handlers_per_connection_max = 1;
  Served one(config);
  (void)one.receive(test::joined(test::request(1, 5), test::request(2, 5)));
  one.answer(1);
  one.connection.on_resume(one.now, true);
  EXPECT_TRUE(one.connection.is_closed());
  EXPECT_TRUE(one.go_on() || true);
  EXPECT_EQ(one.handler.seqs, std::vector<wire::Seq>{1});
}

TEST(ServerConnection, APromptPongOvertakesAnOrdinaryOneWaits) {
  Served one;
  (void)one.receive(test::joined(test::request(1, 5), test::ping(2), test::prompt_ping(3)));
  auto answers = one.take();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].seq, 3u);
  one.answer(1);
  answers = one.take();
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].seq, 1u);
  EXPECT_EQ(answers[1].seq, 2u);
}

TEST(ServerConnection, WhileItDrainsRequestsAreRefusedAndTheRestIsAnswered) {
  Served one;
  (void)one.receive(test::request(1, 5));
  one.connection.drain(true);
  EXPECT_EQ(one.connection.next_step(true), Drain::Step::none);
  (void)one.receive(test::request(2, 5));
  EXPECT_EQ(one.handler.seqs, std::vector<wire::Seq>{1});
  one.answer(1);
  const auto answers = one.take();
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].blob, "rpc_draining");
  EXPECT_EQ(one.connection.next_step(false), Drain::Step::shut_write);
  one.connection.on_write_shut(one.now);
  EXPECT_EQ(one.connection.state(), State::lingering);
}

TEST(ServerConnection, AfterOurSideIsShutThePeerHasItsTimeToCloseOnceItHasEverything) {
  ServerConfig config;
  config.linger_timeout = 1s;
  Served one(config);
  one.connection.drain(false);
  one.connection.on_write_shut(kStart);
  one.connection.on_acknowledged(kStart, runtime::Unacknowledged{10, 10});
  EXPECT_GT(one.connection.next_timer(), kStart);
  one.connection.on_acknowledged(kStart + 2s, runtime::Unacknowledged{0, 0});
  EXPECT_EQ(one.connection.check(kStart + 3s - 1ns), ServerConnection::Overdue::no);
  EXPECT_EQ(one.connection.check(kStart + 3s), ServerConnection::Overdue::check_again_now);
  EXPECT_EQ(one.connection.check(kStart + 3s), ServerConnection::Overdue::closed);
}

TEST(ServerConnection, ABrokenHeadIsAnsweredAndNothingBehindItIsRead) {
  Served one;
  test::RequestBytes broken;
  broken.version = 9;
  broken.seq = 7;
  (void)one.receive(test::joined(test::request(1, 5), broken.bytes(), test::request(8, 5)));
  EXPECT_EQ(one.handler.seqs, std::vector<wire::Seq>{1});
  EXPECT_EQ(one.connection.state(), State::refusing);
  one.answer(1);
  const auto answers = one.take();
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].blob, "rpc_invalid_ver");
  EXPECT_EQ(one.connection.next_step(true), Drain::Step::shut_write);
}

TEST(ServerConnection, AResponseThatIsTooLargeFailsAlone) {
  ServerConfig config;
  config.limits.msg_bytes_max = 4;
  Served one(config);
  (void)one.receive(test::request(1, 5));
  one.answer(1, "too large");
  const auto answers = one.take();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].blob, "rpc_too_large");
  EXPECT_EQ(one.connection.state(), State::serving);
}

TEST(ServerConnection, WhatIsAnsweredToNobodyIsDroppedAndCounted) {
  Served one;
  (void)one.receive(test::request(1, 5));
  one.connection.close("the test says so");
  one.answer(1);
  EXPECT_EQ(one.common.stats.responses_dropped, 1u);
  EXPECT_EQ(one.connection.stats().handlers, 0u);
}

// Whatever arrives in whatever pieces: every request is answered once, in any order, and a pong never overtakes what it waits for.
RC_GTEST_PROP(ServerConnection, EveryRequestIsAnsweredOnce, ()) {
  ServerConfig config;
  config.handlers_per_connection_max = test::pick<std::uint32_t>(1, 5);
  config.handlers_max = test::pick<std::uint32_t>(1, 8);
  config.control_responses_max = test::pick<std::uint32_t>(1, 5);
  config.write_queue_max = test::pick<base::ByteCount>(1, 400);
  Served one(config);
  base::Bytes all;
  std::set<wire::Seq> owed;  // of all that was sent: a response
  const auto requests = test::pick<wire::Seq>(0, 40);
  for (wire::Seq seq = 1; seq <= requests; ++seq) {
    const int kind = test::pick(0, 6);
    test::put_bytes(all, kind == 0 ? test::ping(seq) : kind == 1 ? test::prompt_ping(seq) : test::request(seq, 5, "xyz"));
    owed.insert(seq);
  }
  base::ByteView left = all;
  std::vector<wire::Seq> running;
  bool may_read = true;
  const auto note = [&] {
    for (const test::SeenAnswer& answer : one.take()) RC_ASSERT(owed.erase(answer.seq) == 1u);
  };
  for (int i = 0; i < 2000 && !(left.empty() && may_read && one.connection.stats().handlers == 0); ++i) {
    if (may_read && !left.empty() && !test::one_in(3)) {
      const std::size_t count = std::min<std::size_t>(left.size(), test::pick<std::size_t>(1, 100));
      may_read = one.receive(left.first(count));
      left = left.subspan(count);
    } else if (!one.handler.seqs.empty() && test::one_in(2)) {
      const auto n = test::pick<std::size_t>(0, one.handler.seqs.size());
      const wire::Seq seq = one.handler.seqs[n];
      one.handler.seqs.erase(one.handler.seqs.begin() + static_cast<std::ptrdiff_t>(n));
      one.answer(seq, "result");
    } else {
      note();
    }
    if (!may_read && one.connection.may_resume()) {
      one.connection.on_resume(one.now, false);
      may_read = one.go_on();
    }
    RC_ASSERT(one.connection.stats().handlers <= config.handlers_per_connection_max);
  }
  note();
  RC_ASSERT(owed.empty());
}

}  // namespace
}  // namespace razor::stream
