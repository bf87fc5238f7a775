// A handler that computed for 4 s made every caller of its connection lose calls that had 20 s: the ping was not answered for
// 3 s, and the connection was given up. An idempotent call ran 4 times, each time for as long, and was never answered.
// (Servers that answer pings in order: reference_peers_test.cc.) Without the evidence of its machine, the calls of these tests
// end with connection_lost.

#include "tests/pool/pool_fixture.h"

namespace razor::test {
namespace {

class BusyServer : public ClientPoolTest {
 protected:
  // As a handler that computes: the whole process does nothing else, and its machine goes on.
  void compute(TestServer& one, base::Duration span) {
    one.pause();
    run_for(span);
    one.resume();
  }
};

TEST_F(BusyServer, LosesNoCallAndRunsNoneTwice) {
  for (const base::Duration busy : {4s, 10s}) {
    finish(once(1));  // it has shown that it answers pings ahead of calls
    const std::size_t runs_before = server().all_runs.size();
    const Asked asked = once(100, {.timeout = 20s});
    const Asked asked_often = often(100, {.timeout = 20s});
    run_for(10ms);
    compute(server(), busy);
    const Asked later = once(0, {.timeout = 20s});
    finish(asked, asked_often, later);
    EXPECT_EQ(asked.text(), "done by server 0") << asked.message();
    EXPECT_EQ(asked_often.text(), "done by server 0") << asked_often.message();
    EXPECT_EQ(later.text(), "done by server 0") << later.message();
    EXPECT_EQ(server().all_runs.size(), runs_before + 3);
  }
}

// There is no other address: new calls wait for it, and go out as soon as it is heard of again.
TEST_F(BusyServer, NewCallsWaitForItAndAreNotLost) {
  finish(once(1));  // it has shown that it answers pings ahead of calls
  const Asked asked = once(100, {.timeout = 20s});
  run_for(10ms);
  server().pause();
  run_for(5s);
  EXPECT_NE(address(0).health, HealthState::healthy);
  EXPECT_EQ(address(0).silent, 1u);
  const Asked meanwhile = once(0, {.timeout = 20s});
  run_for(5s);
  EXPECT_EQ(meanwhile.text(), "under way");
  server().resume();
  run_for(10ms);
  EXPECT_EQ(address(0).health, HealthState::healthy);
  EXPECT_EQ(meanwhile.text(), "done by server 0");
  finish(asked);
  EXPECT_EQ(asked.text(), "done by server 0");
}

class BusyOneOfTwo : public FailoverPoolTest {};

TEST_F(BusyOneOfTwo, CallsGoToTheOtherAndWhatWasSentIsAnswered) {
  connect_all();
  const std::vector<Asked> sent = once_each(2, 100, {.timeout = 20s});
  std::vector<Asked> sent_often;
  for (int i = 0; i < 4; ++i) sent_often.push_back(often(100, {.timeout = 20s}));
  run_for(10ms);
  servers[0].pause();
  const base::TimePoint stopped_at = world.now();
  run_for(3500ms);
  for (const Asked& call : sent_often) {  // the first answer wins
    EXPECT_EQ(call.text(), "done by server 1") << call.message();
    EXPECT_LE(call.ended_at(), stopped_at + 3500ms);
  }
  EXPECT_NE(address(0).health, HealthState::healthy);
  EXPECT_EQ(stats().hedges, 2u);
  const std::vector<Asked> later = once_each(10);
  finish(later);
  for (const Asked& call : later) EXPECT_EQ(call.text(), "done by server 1");
  run_for(6s);
  servers[0].resume();
  run_for(500ms);
  for (const Asked& call : sent) EXPECT_TRUE(call.text().starts_with("done by server")) << call.message();
  EXPECT_EQ(address(0).health, HealthState::healthy);
}

}  // namespace
}  // namespace razor::test
