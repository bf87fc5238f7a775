// Calls whose timeouts were shorter than the keepalive's, one after the other, kept a dead connection in use for ever: with
// each call that ended by its deadline nothing was owed any more, and the watch over the server, its unanswered ping
// included, began anew with the next call.

#include "tests/stream/client_fixture.h"

namespace razor::stream {
namespace {

class UnansweredPing : public ClientStreamFixture {};

TEST_F(UnansweredPing, EndsTheConnectionAlsoWhenEveryCallEndsEarlier) {
  server_->peer().in().hold();
  for (int i = 0; i < 20 && stream_->is_open(); ++i) {
    submit("", {.timeout = 300ms});
    advance(700ms);
  }
  EXPECT_FALSE(stream_->is_open());
  EXPECT_LE(since_start(), 5s);
}

}  // namespace
}  // namespace razor::stream
