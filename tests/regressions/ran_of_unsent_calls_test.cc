// What a write that waits had been given counted as sent, and so did all that stood behind what one write can hold: calls of
// which the transport had not taken a byte failed with ran: maybe, and were not tried elsewhere.

#include "tests/stream/client_fixture.h"

namespace razor::stream {
namespace {

class RanOfUnsentCalls : public ClientStreamFixture {};

TEST_F(RanOfUnsentCalls, ACallWhoseBytesWaitForRoomWasNotSent) {
  server_takes_nothing(100);
  submit_only(std::string(100 - 32, 'x'));  // fills the transport to the last byte
  run();
  submit("waits inside the write");
  EXPECT_EQ(stream_->stats().bytes_sent, 100u);
  server_->peer().shut();
  run();
  EXPECT_TRUE(outcomes_[0].failed_with(Errc::connection_lost, Ran::maybe)) << outcomes_[0];
  EXPECT_TRUE(outcomes_[1].failed_with(Errc::connection_lost, Ran::no)) << outcomes_[1];
}

TEST_F(RanOfUnsentCalls, BlobsBeyondWhatOneWriteHoldsWereNotSent) {
  ClientStreamConfig config;
  config.write_buffer_max = 100 * base::kMiB;
  connect(config);
  server_takes_nothing(10);
  for (int i = 0; i < 40; ++i) {
    stream_->submit(task(kAction, "", outcomes_.emplace_back()).with_blob(base::Bytes(20'000)));
  }
  run();
  server_->peer().shut();
  run();
  for (std::size_t i = 0; i < 40; ++i) {  // the first began to be sent, and cannot have run either
    EXPECT_TRUE(outcomes_[i].failed_with(Errc::connection_lost, Ran::no)) << outcomes_[i];
  }
}

}  // namespace
}  // namespace razor::stream
