// Deadlines are checked once a tick. A call that waited for the window, and whose deadline had passed since the last tick, was
// still sent when an answer made room: the server ran it for nobody.

#include "tests/stream/client_fixture.h"

namespace razor::stream {
namespace {

class SentAfterItsDeadline : public ClientStreamFixture {
 protected:
  SentAfterItsDeadline() : ClientStreamFixture({.window = 1, .tick = 1s}) {}
};

TEST_F(SentAfterItsDeadline, RoomInTheWindowIsNotForThoseWhoseTimeIsOver) {
  submit("first", {.timeout = 60s});
  submit("too late", {.timeout = 1500ms});
  submit("in time", {.timeout = 60s});
  advance(1600ms);
  ASSERT_FALSE(outcomes_[1].ended()) << "the tick has not come yet";
  server_->answer(0);
  run();
  EXPECT_TRUE(outcomes_[1].failed_with(Errc::deadline_exceeded, Ran::no)) << outcomes_[1];
  ASSERT_EQ(server_->calls.size(), 2u);
  EXPECT_EQ(server_->calls[1].msg, "in time");
}

}  // namespace
}  // namespace razor::stream
