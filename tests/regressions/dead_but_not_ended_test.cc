// A connection on which writing had failed while nothing was owed did not end: it took no calls, but kept its descriptor and
// its loops until the peer closed, which a peer that only stopped reading need never do.

#include "tests/stream/client_fixture.h"

namespace razor::stream {
namespace {

class DeadButNotEnded : public ClientStreamFixture {
 protected:
  bool has_ended() { return server_->peer().in().ended(); }
};

TEST_F(DeadButNotEnded, WhenWritingFailsAndNothingIsOwedTheConnectionEnds) {
  server_->peer().in().fail_writes(std::errc::broken_pipe);
  submit("unsent");
  EXPECT_TRUE(outcomes_[0].failed_with(Errc::connection_lost, Ran::no)) << outcomes_[0];
  EXPECT_TRUE(has_ended());
}

TEST_F(DeadButNotEnded, WhatIsOwedMayStillCome) {
  submit("sent", {.timeout = 60s});
  server_->peer().in().fail_writes(std::errc::broken_pipe);
  submit("unsent");
  EXPECT_FALSE(has_ended());
  server_->answer(0, "in time");
  run();
  EXPECT_TRUE(outcomes_[0].succeeded_with("in time")) << outcomes_[0];
  EXPECT_TRUE(has_ended());
}

}  // namespace
}  // namespace razor::stream
