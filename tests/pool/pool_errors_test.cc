// What a pool tells a person: the messages of calls that failed, and the text of its state. Without a part that is looked
// for here, whoever reads the log has to guess which server was asked, how often, what it said, or where the time went.

#include <gmock/gmock.h>

#include "tests/pool/pool_fixture.h"

namespace razor::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

class PoolErrorsTest : public ClientPoolTest {
 protected:
  /// What the call ended with.
  std::string message_of(const Asked& call) {
    finish(call);
    return call.message();
  }
};

class FailoverPoolErrorsTest : public FailoverPoolTest {
 protected:
  std::string message_of(const Asked& call) {
    finish(call);
    return call.message();
  }
};

// --- Never sent ------------------------------------------------------------------------------------------------------

TEST_F(PoolErrorsTest, ACallThatFoundNoServerNamesTheServerAndWhatItSaid) {
  server().kill();
  EXPECT_THAT(
      message_of(once(0, {.timeout = 3s})),
      MatchesRegex(
          "deadline_exceeded \\(ran: no\\): call Work.once: no answer within 3 s: no address was healthy; "
          "server0:7000 is (down|probing): connect: Connection refused \\([0-9]+ attempts in a row(, next in [0-9.]+ m?s)?\\); "
          "time: connecting 3(.01)? s"));
}

TEST_F(PoolErrorsTest, ACallThatCouldNotConnectInTimeNamesTheServer) {
  server().crash();
  EXPECT_THAT(message_of(once(0, {.timeout = 5s})),
              AllOf(HasSubstr("deadline_exceeded (ran: no): call Work.once: no answer within 5 s"),
                    HasSubstr("server0:7000 is probing: connect: Connection timed out ("), HasSubstr("time: connecting 5")));
}

// While the first attempt to connect hangs: there is no connection that could have room.
TEST_F(PoolErrorsTest, ACallWithLessTimeThanConnectingTakesSaysThatItWasConnecting) {
  server().crash();
  EXPECT_THAT(message_of(once(0, {.timeout = 300ms})),
              AllOf(HasSubstr("server0:7000"), HasSubstr("connecting"), Not(HasSubstr("room"))));
}

TEST_F(PoolErrorsTest, ACallThatFoundNoRoomSaysSo) {
  config.stream.window = 1;
  config.connections_max = 1;
  once(5000);
  EXPECT_THAT(message_of(once(0, {.timeout = 2s})),
              MatchesRegex("deadline_exceeded \\(ran: no\\): call Work.once: no answer within 2 s: it waited for room on a "
                           "connection; time: connecting 2 ms, window 2(.01)? s"));
}

TEST_F(PoolErrorsTest, ARefusedCallNamesTheLimit) {
  config.queue_calls_max = 2;
  config.bytes_max = 1000;
  once_each(2);
  EXPECT_THAT(message_of(once()), HasSubstr("overloaded (ran: no): call Work.once: 2 calls wait already (limit 2)"));
  EXPECT_THAT(message_of(refused(std::string(1000, 'a'))), AllOf(HasSubstr("overloaded (ran: no): call Work.refused: "),
                                                                 HasSubstr(" bytes "), HasSubstr("(limit 1000)")));
}

TEST_F(PoolErrorsTest, WithFailFastTheMessageSaysWhatIsWrongWithTheServer) {
  config.fail_fast = true;
  server().kill();
  finish(once());
  EXPECT_THAT(message_of(once()),
              HasSubstr("unreachable (ran: no): call Work.once: no address is healthy; server0:7000 is down: connect: "
                        "Connection refused"));
}

TEST_F(FailoverPoolErrorsTest, EveryServerIsNamedWhenNoneIsThere) {
  for (TestServer& server : servers) server.kill();
  EXPECT_THAT(message_of(once(0, {.timeout = 3s})),
              MatchesRegex(".*; server0:7000 is (down|probing): connect: Connection refused.*"
                           "; server1:7000 is (down|probing): connect: Connection refused.*"));
}

TEST_F(FailoverPoolErrorsTest, APoolWithoutAddressesSaysSo) {
  pool().update_addresses({});
  EXPECT_THAT(message_of(once(0, {.timeout = 2s})),
              AllOf(HasSubstr("the pool has no addresses"), HasSubstr("time: connecting 2")));
}

// --- Sent ------------------------------------------------------------------------------------------------------------

TEST_F(PoolErrorsTest, ACallThatWasNotAnsweredNamesTheServerAndHowLongItWaited) {
  EXPECT_THAT(
      message_of(once(5000, {.timeout = 2s})),
      AllOf(HasSubstr("deadline_exceeded (ran: maybe): call Work.once: no answer within"),
            HasSubstr("tried server0:7000 1 time: deadline_exceeded"), HasSubstr("time: connecting 2 ms, waiting 2")));
}

// The caller gave it 2 s; what was left of them when it was sent tells nobody anything.
TEST_F(PoolErrorsTest, TheTimeoutInTheMessageIsTheCallers) {
  EXPECT_THAT(message_of(once(5000, {.timeout = 2s})), HasSubstr("no answer within 2 s"));
}

TEST_F(PoolErrorsTest, ALostCallSaysHowItWasLostAndThatItMayHaveRun) {
  server().dies_on_calls = true;
  EXPECT_EQ(message_of(once()),
            "connection_lost (ran: maybe): call Work.once: server0:7000 closed the connection; tried server0:7000 1 time: "
            "connection_lost: server0:7000 closed the connection; time: connecting 2 ms, waiting 2 ms");
}

TEST_F(PoolErrorsTest, ACallThatWasSentAgainAndAgainSaysHowOftenAndHowLongItBackedOff) {
  server().dies_on_calls = true;
  EXPECT_THAT(message_of(often()),
              MatchesRegex("connection_lost \\(ran: maybe\\): call Work.often: .*; tried server0:7000 4 times: "
                           "connection_lost: server0:7000 closed the connection; "
                           "time: connecting [0-9.]+ ms, back-off [0-9.]+ ms, waiting 8 ms"));
}

TEST_F(FailoverPoolErrorsTest, EveryServerThatWasTriedIsNamedWithItsCount) {
  connect_all();
  for (TestServer& server : servers) server.dies_on_calls = true;
  EXPECT_THAT(message_of(often()),
              AllOf(HasSubstr("tried server0:7000 2 times: connection_lost: server0:7000 closed the connection"),
                    HasSubstr("tried server1:7000 2 times: connection_lost: server1:7000 closed the connection")));
}

TEST_F(FailoverPoolErrorsTest, ARedirectSaysWhomTheServerNamed) {
  config.balance = Balance::leader;
  servers[0].leads = false;
  servers[0].names = servers[1].address().to_string();
  servers[1].takes = 1min;
  EXPECT_THAT(message_of(led(0, {.timeout = 2s})), AllOf(HasSubstr("tried server0:7000 1 time: named server1:7000"),
                                                         HasSubstr("tried server1:7000 1 time: deadline_exceeded")));
}

TEST_F(PoolErrorsTest, ACallThatTheBudgetStoppedSaysSo) {
  config.retry.budget_burst = 0;
  server().dies_on_calls = true;
  EXPECT_THAT(message_of(often(0, {.timeout = 3s})),
              AllOf(HasSubstr("deadline_exceeded (ran: maybe): call Work.often: no answer within 3 s: the retry budget "
                              "was spent"),
                    HasSubstr("tried server0:7000 1 time"), HasSubstr("back-off 3")));
}

// What it waited for in the end is what its reader has to mend.
TEST_F(PoolErrorsTest, ACallThatWasLostOnceAndThenFoundNoServerSaysWhatIsWrongWithTheServerNow) {
  server().dies_on_calls = true;
  server().dies_so_often = 1;
  config.retry.backoff_min = config.retry.backoff_max = 100ms;
  const Asked call = often(0, {.timeout = 3s});
  run_for(10ms);
  server().kill();
  EXPECT_THAT(message_of(call),
              AllOf(HasSubstr("tried server0:7000 1 time"), HasSubstr("is down: connect: Connection refused")));
}

// A framework error that the server answers passes through the pool as it is.
TEST_F(PoolErrorsTest, AFailureThatTheServerAnswersNamesTheServerAndHowOftenItWasAsked) {
  server().fails = true;
  EXPECT_THAT(message_of(often()), AllOf(HasSubstr("internal (ran: yes)"), HasSubstr("server0:7000"), HasSubstr("4 times")));
}

// --- Closed ----------------------------------------------------------------------------------------------------------

TEST_F(PoolErrorsTest, ACallThatTheClosingCutOffSaysThatItMayHaveRun) {
  const Asked call = once(5000);
  run_for(1s);
  close(1s);
  EXPECT_THAT(message_of(call), AllOf(HasSubstr("closed (ran: maybe): call Work.once: "), HasSubstr("waiting 2 s")));
}

TEST_F(PoolErrorsTest, ACallOnAClosedPoolSaysSo) {
  close(1s);
  run_for(1us);
  EXPECT_THAT(message_of(once()), HasSubstr("closed (ran: no): call Work.once: the pool is closed"));
}

TEST_F(PoolErrorsTest, AClosedPoolDoesNotClaimThatItHasNoAddresses) {
  close(1s);
  run_for(1us);
  EXPECT_THAT(message_of(once()), Not(HasSubstr("no addresses")));
}

// --- The state -------------------------------------------------------------------------------------------------------

TEST_F(FailoverPoolErrorsTest, TheStateCountsWhatHappened) {
  connect_all();
  for (TestServer& server : servers) {
    server.dies_on_calls = true;
    server.dies_so_often = 1;
  }
  finish(often());  // lost twice, then done
  servers[0].takes = servers[1].takes = 1min;
  finish(once(0, {.timeout = 1s}));
  once(0, {.timeout = 1min});
  run_for(100ms);
  const PoolState now = state();
  EXPECT_EQ(now.in_flight, 1u);
  EXPECT_EQ(now.waiting, 0u);
  EXPECT_EQ(now.stats.calls_submitted, 4u);
  EXPECT_EQ(now.stats.calls_answered, 2u);
  EXPECT_EQ(now.stats.calls_failed.at(Errc::deadline_exceeded), 1u);
  EXPECT_EQ(now.stats.attempts, 6u);
  EXPECT_EQ(now.stats.retries, 2u);
  EXPECT_EQ(now.retry_tokens, 98);
  EXPECT_THAT(now.to_string(), AllOf(HasSubstr("4 calls: 2 answered, 1 failed, 0 abandoned, 1 in flight, 0 waiting"),
                                     HasSubstr("6 attempts: 2 retries"), HasSubstr("\n  1 deadline_exceeded"),
                                     HasSubstr("\n  server0:7000: healthy"), HasSubstr("\n  server1:7000: healthy")));
}

TEST_F(FailoverPoolErrorsTest, TheStateSaysWhatIsWrongWithAnAddress) {
  config.pool.stream.hello = HelloMode::off;  // a server that closes is lost to such a pool
  connect_all();
  servers[0].kill();
  run_for(5s);
  EXPECT_THAT(
      address(0).to_string(),
      MatchesRegex("server0:7000: (down|probing)( for [0-9.]+ m?s)?, 0 connections( and one on its way)?, 0 in flight; "
                   "last trouble: connect: Connection refused \\([0-9]+ attempts in a row(, next in [0-9.]+ m?s)?\\)"));
  EXPECT_EQ(address(1).to_string(), "server1:7000: healthy, 1 connection, 0 in flight");
}

TEST_F(FailoverPoolErrorsTest, TheStateSaysWhoLeadsAndWhomAnErrorNamed) {
  config.balance = Balance::leader;
  add_server();
  pool().update_addresses({servers[0].address(), servers[1].address()});
  servers[0].leads = false;
  servers[0].names = servers[2].address().to_string();
  finish(led());
  EXPECT_EQ(address(0).to_string(), "server0:7000: healthy, 1 connection, 0 in flight");
  EXPECT_EQ(address(1).to_string(), "server1:7000: healthy, 0 connections, 0 in flight");
  EXPECT_EQ(address(2).to_string(), "server2:7000: healthy, leads, named by an error, 1 connection, 0 in flight");
}

TEST_F(FailoverPoolErrorsTest, TheStateSaysThatAnAddressIsComingBack) {
  config.pool.stream.hello = HelloMode::off;  // a server that closes is lost to such a pool
  connect_all();
  servers[0].kill();
  run_for(10s);
  servers[0].start();
  EXPECT_TRUE(run_until([&] { return address(0).health == HealthState::healthy; }));
  run_for(config.health.ramp / 2);
  EXPECT_THAT(address(0).to_string(), HasSubstr("server0:7000: healthy for 2.5 s, 55 % of its share, 1 connection"));
}

}  // namespace
}  // namespace razor::test
