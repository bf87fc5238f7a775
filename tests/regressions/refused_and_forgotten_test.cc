// Calls that were submitted to a connection that had ended wait for a turn of their own to fail. A stream that was destroyed
// before that turn took them along: their completions never ran, and a call that was awaited went on to use the memory of
// the stream when it was destroyed itself. A completion that submitted while the stream was being destroyed used a null
// pointer.

#include "tests/stream/client_fixture.h"

namespace razor::stream {
namespace {

class RefusedAndForgotten : public ClientStreamFixture {};

TEST_F(RefusedAndForgotten, DestroyingItCompletesWhatWasSubmittedAfterTheEnd) {
  server_->peer().shut();
  run();
  Outcome& late = submit_only("late");
  EXPECT_FALSE(late.ended());
  stream_.reset();
  EXPECT_TRUE(late.failed_with(Errc::unreachable, Ran::no)) << late;
}

TEST_F(RefusedAndForgotten, ACallThatWasRefusedMayOutliveTheStream) {
  server_->peer().shut();
  run();
  StreamCall call = stream_->call_encoded(kAction, base::as_bytes("late"));
  stream_.reset();
  EXPECT_TRUE(call.done());
  await(std::move(call), outcomes_.emplace_back());
  run();
  EXPECT_TRUE(outcomes_[0].failed_with(Errc::unreachable, Ran::no)) << outcomes_[0];
}

TEST_F(RefusedAndForgotten, ACompletionMaySubmitToAStreamThatIsBeingDestroyed) {
  submit("1").then = [this] { submit_only("2").then = [this] { submit_only("3"); }; };
  stream_->~ClientStream();
  ASSERT_EQ(outcomes_.size(), 3u);
  EXPECT_TRUE(outcomes_[0].failed_with(Errc::closed, Ran::maybe)) << outcomes_[0];
  EXPECT_TRUE(outcomes_[1].failed_with(Errc::unreachable, Ran::no)) << outcomes_[1];
  EXPECT_TRUE(outcomes_[2].failed_with(Errc::unreachable, Ran::no)) << outcomes_[2];
  auto [stream, peer] = world_.network().connected_to_hand();
  new (&*stream_) ClientStream(world_, std::move(stream));  // for the fixture to destroy
  server_.emplace(std::move(peer));
}

}  // namespace
}  // namespace razor::stream
