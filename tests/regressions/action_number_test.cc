// Action numbers that are none were sent. One with the bit of names went out as the length of a name that was not there:
// the frame was shorter than its head said, and with it broke every frame behind it on that connection. Number 0 went out
// as a ping, and the pong was taken for the result of a call that had never run.

#include "tests/stream/client_fixture.h"

namespace razor::stream {
namespace {

class ActionNumber : public ClientStreamFixture {};

TEST_F(ActionNumber, ThatIsNoneFailsAlone) {
  submit("before");
  for (const std::uint32_t number : {0u, 0x8000'0005u, ~0u}) {
    Outcome& impossible = outcomes_.emplace_back();
    stream_->submit(task(wire::Action(number), "", impossible));
    run();
    EXPECT_TRUE(impossible.failed_with(Errc::encode, Ran::no)) << impossible;
  }
  submit("after");
  ASSERT_EQ(server_->calls.size(), 2u);
  EXPECT_EQ(server_->calls[1].msg, "after");
  server_->answer(0);
  server_->answer(1);
  run();
}

}  // namespace
}  // namespace razor::stream
