// The read loop of a client stream read from the connection without a look at the state first. When the stream was
// destroyed in the turn in which it was made, so before its loops ran for the first time, that was a null pointer.

#include "tests/stream/client_fixture.h"

namespace razor::stream {
namespace {

class GoneInItsFirstTurn : public ClientStreamFixture {};

TEST_F(GoneInItsFirstTurn, AStreamMayGoInTheTurnItWasMade) {
  auto [stream, peer] = world_.network().connected_to_hand();
  {
    const ClientStream short_lived(world_, std::move(stream));
  }
  run();
  EXPECT_TRUE(peer.sees_end());
}

}  // namespace
}  // namespace razor::stream
