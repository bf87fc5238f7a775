// Which calls a ClientPool sends again, how often, when, and with what.

#include "tests/pool/pool_fixture.h"

namespace razor::test {
namespace {

class ClientPoolRetryTest : public ClientPoolTest {
 protected:
  /// Between one run and the next, less the way there.
  base::Duration pause_before(std::size_t run) { return server().runs[run].at - server().runs[run - 1].at - kRoundTrip; }
};

// CONTRACT 12.
TEST_F(ClientPoolRetryTest, ACallThatIsNotIdempotentIsNotSentAgainWhenItMayHaveRun) {
  server().dies_on_calls = true;
  const Asked call = once();
  finish(call);
  EXPECT_EQ(call.text(), "connection_lost, ran: maybe");
  run_for(10s);
  EXPECT_EQ(server().runs.size(), 1u);
  EXPECT_EQ(stats().retries, 0u);
}

TEST_F(ClientPoolRetryTest, AMethodThatIsListedAsIdempotentIsSentAgain) {
  server().dies_on_calls = true;
  server().dies_so_often = 1;
  const Asked call = often();
  finish(call);
  EXPECT_EQ(call.text(), "done by server 0");
  EXPECT_EQ(server().runs.size(), 2u);
  EXPECT_EQ(stats().retries, 1u);
  EXPECT_EQ(stats().attempts, 2u);
}

TEST_F(ClientPoolRetryTest, ACallWhoseOptionsSaySoIsSentAgain) {
  server().dies_on_calls = true;
  server().dies_so_often = 1;
  const Asked call = once(0, {.idempotent = true});
  finish(call);
  EXPECT_EQ(call.text(), "done by server 0");
  EXPECT_EQ(server().runs.size(), 2u);
}

// CONTRACT 14.
TEST_F(ClientPoolRetryTest, ACallIsSentAsOftenAsTheLimitSaysAndOnce) {
  config.retry.limit = 3;
  server().dies_on_calls = true;
  const Asked call = often();
  finish(call);
  EXPECT_EQ(call.text(), "connection_lost, ran: maybe");
  run_for(10s);
  EXPECT_EQ(server().runs.size(), 4u);
  EXPECT_EQ(stats().attempts, 4u);
  EXPECT_EQ(stats().retries, 3u);
}

TEST_F(ClientPoolRetryTest, WithALimitOfZeroNothingIsRetried) {
  config.retry.limit = 0;
  server().dies_on_calls = true;
  const Asked call = often();
  finish(call);
  EXPECT_EQ(call.text(), "connection_lost, ran: maybe");
  EXPECT_EQ(server().runs.size(), 1u);
}

TEST_F(ClientPoolRetryTest, TheBackOffDoublesFromTheLeastToTheMostAndHalfOfItIsDrawn) {
  config.retry.limit = 4;
  config.retry.backoff_min = 1s;
  config.retry.backoff_max = 4s;
  server().dies_on_calls = true;
  const Asked call = often(0, {.timeout = 1min});
  finish(call);
  ASSERT_EQ(server().runs.size(), 5u);
  const base::Duration full[] = {0s, 1s, 2s, 4s, 4s};
  for (std::size_t retry = 1; retry <= 4; ++retry) {
    EXPECT_GE(pause_before(retry), full[retry] / 2);
    EXPECT_LE(pause_before(retry), full[retry]);
  }
  EXPECT_NE(pause_before(3), pause_before(4));
}

TEST_F(ClientPoolRetryTest, ARetryThatWouldComeTooLateIsNotWaitedFor) {
  config.retry.backoff_min = config.retry.backoff_max = 10s;
  server().dies_on_calls = true;
  const Asked call = often(0, {.timeout = 3s});
  finish(call);
  EXPECT_EQ(call.text(), "connection_lost, ran: maybe");
  EXPECT_EQ(call.took(), 3 * kRoundTrip / 2 + kRoundTrip / 2);  // connected, sent, lost
}

TEST_F(ClientPoolRetryTest, AnErrorOfTheFrameworkThatTheServerAnswersIsRetriedWhenTheCallIsIdempotent) {
  server().fails = true;
  const Asked careful = once();
  finish(careful);
  EXPECT_EQ(careful.text(), "internal, ran: yes");
  EXPECT_EQ(server().runs.size(), 1u);
  const Asked call = often();
  finish(call);
  EXPECT_EQ(call.text(), "internal, ran: yes");
  EXPECT_EQ(server().runs.size(), 1u + 4u);
}

// CONTRACT 10.
TEST_F(ClientPoolRetryTest, AnErrorOfTheHandlerArrivesAsItIsAndIsNeverRetried) {
  const Asked call = refused("no such file", {.idempotent = true});
  finish(call);
  EXPECT_EQ(call.text(), "error of the handler: no such file");
  EXPECT_EQ(server().runs.size(), 1u);
  EXPECT_EQ(stats().calls_answered, 1u);
  EXPECT_EQ(stats().calls_failed_total(), 0u);
}

TEST_F(ClientPoolRetryTest, AnErrorThatSendsCallsElsewhereIsJustAnErrorWhereThereIsOneAddress) {
  server().leads = false;
  server().names = "server9:7000";
  const Asked call = led();
  finish(call);
  EXPECT_EQ(call.text(), "error of the handler: go to 'server9:7000'");
  EXPECT_EQ(server().asked_to_lead, 1);
  EXPECT_EQ(stats().redirects, 0u);
}

TEST_F(ClientPoolRetryTest, ARetryThatTheBudgetDoesNotAllowWaitsForOneThatItDoes) {
  config.retry.budget_burst = 1;
  config.retry.budget_percent = 0;
  server().dies_on_calls = true;
  server().dies_so_often = 2;
  const Asked first = often();
  run_for(1s);
  EXPECT_EQ(first.text(), "under way");  // it has had the token and lost it: the next retry waits
  EXPECT_EQ(server().runs.size(), 2u);
  EXPECT_EQ(state().retry_tokens, 0);
  run_for(10s);
  EXPECT_EQ(first.text(), "done by server 0");
  EXPECT_EQ(server().runs.size(), 3u);
}

TEST_F(ClientPoolRetryTest, OtherCallsPayInForARetryThatWaits) {
  config.retry.budget_burst = 1;
  config.retry.budget_percent = 10;
  server().dies_on_calls = true;
  server().dies_so_often = 2;
  const Asked call = often();
  run_for(1s);
  EXPECT_EQ(call.text(), "under way");
  finish(once_each(9));
  run_for(10ms);
  EXPECT_EQ(call.text(), "under way");
  finish(once_each(1));
  run_for(10ms);
  EXPECT_EQ(call.text(), "done by server 0");
}

TEST_F(ClientPoolRetryTest, ABudgetOfNothingAllowsNoRetry) {
  config.retry.budget_burst = 0;
  server().dies_on_calls = true;
  const Asked call = often(0, {.timeout = 30s});
  finish(call);
  EXPECT_EQ(call.text(), "deadline_exceeded, ran: maybe");
  expect_in_time(call, 30s);
  EXPECT_EQ(server().runs.size(), 1u);
}

}  // namespace
}  // namespace razor::test
