// A peer that reset its connection was treated as one that had only shut its side: the server kept the connection, and told
// the handlers that somebody waited for their answers, until the last of them had answered.

#include "tests/stream/server_fixture.h"

namespace razor::stream {
namespace {

class ResetAndKept : public ServerFixture {};

TEST_F(ResetAndKept, AConnectionThatIsResetEndsAtOnce) {
  ScriptedClient& client = connect();
  send(client, test::joined(test::request(1, kHold), test::request(2, kHold)));
  EXPECT_TRUE(dispatch_.held[0].peer_is_there());
  client.peer().reset();
  run();
  EXPECT_FALSE(dispatch_.held[0].peer_is_there());
  EXPECT_EQ(server_->stats().connections, 0u);
}

}  // namespace
}  // namespace razor::stream
