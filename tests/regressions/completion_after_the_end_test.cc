// When several calls failed together and the completion of the first closed or destroyed the stream, the others completed
// after that had returned, though whatever their completions referred to could be gone by then.

#include "tests/stream/client_fixture.h"

namespace razor::stream {
namespace {

using test::Running;

class CompletionAfterTheEnd : public ClientStreamFixture {};

TEST_F(CompletionAfterTheEnd, ACompletionOfAFailureMayDestroyTheStream) {
  submit("1").then = [this] {
    stream_.reset();
    for (const Outcome& outcome : outcomes_) EXPECT_EQ(outcome.times, 1) << "the destructor left a call behind";
  };
  submit("2");
  submit("3");
  server_->peer().shut();
  run();
  EXPECT_TRUE(outcomes_[2].failed_with(Errc::connection_lost, Ran::maybe)) << outcomes_[2];
}

TEST_F(CompletionAfterTheEnd, ACompletionOfARefusalMayDestroyTheStream) {
  ClientStreamConfig config;
  config.queue_calls_max = 0;
  config.limits.msg_bytes_max = 10;
  connect(config);
  for (int i = 0; i < 3; ++i) submit_only(std::string(11, 'x'));
  outcomes_[0].then = [this] {
    stream_.reset();
    for (const Outcome& outcome : outcomes_) EXPECT_EQ(outcome.times, 1) << "the destructor left a call behind";
  };
  run();
  EXPECT_FALSE(stream_.has_value());
}

TEST_F(CompletionAfterTheEnd, ACompletionOfAnExpiredCallMayDestroyTheStream) {
  for (int i = 0; i < 3; ++i) submit("", {.timeout = 500ms});
  submit("", {.timeout = 1h});
  outcomes_[0].then = [this] {
    stream_.reset();
    for (const Outcome& outcome : outcomes_) EXPECT_EQ(outcome.times, 1) << "the destructor left a call behind";
  };
  advance(2s);
  EXPECT_FALSE(stream_.has_value());
  EXPECT_TRUE(outcomes_[3].failed_with(Errc::closed, Ran::maybe)) << outcomes_[3];
}

TEST_F(CompletionAfterTheEnd, NothingCompletesAfterACloseInACompletionReturned) {
  std::optional<Running<void>> closing;
  submit("1").then = [&] {
    closing.emplace(stream_->close(60s));  // the connection has ended: nothing to wait for
    ASSERT_TRUE(closing->finished());
    for (const Outcome& outcome : outcomes_) EXPECT_EQ(outcome.times, 1) << "close() left a call behind";
  };
  submit("2");
  submit("3");
  server_->peer().shut();
  run();
}

}  // namespace
}  // namespace razor::stream
