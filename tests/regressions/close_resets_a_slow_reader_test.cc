// A server that closed gracefully closed each connection one second after its last answer had gone to the transport. A
// peer on a slow link had not got it by then: its next ping met a closed connection, the reset destroyed what was under way,
// and of an answer of 3 MB 0.6 MB arrived. RFC 9112, 9.6: read on until the peer has closed, or has acknowledged everything.
// Without the fix the peer sees the reset after a second.

#include "tests/stream/server_fixture.h"

namespace razor::stream {
namespace {

using test::ping;
using test::request;
using test::Running;

class CloseResetsASlowReader : public ServerFixture {
 protected:
  // Of what the server wrote, the link lets nothing through by itself.
  ScriptedClient& connect_over_a_slow_link() {
    ScriptedClient& client = connect();
    client.peer().in().hold();
    client.peer().in().set_room(10'000'000);
    return client;
  }
};

TEST_F(CloseResetsASlowReader, AllOfALargeAnswerArrivesHoweverSlowTheLink) {
  ScriptedClient& client = connect_over_a_slow_link();
  send(client, request(1, kEcho, std::string(3'000'000, 'x')));
  Running<void> closing(server_->close(60s));
  run();
  for (int second = 0; second < 30; ++second) {
    client.send(ping(static_cast<std::uint64_t>(second) + 2));
    client.peer().in().let_through(100'100);
    advance(1s);
    ASSERT_FALSE(client.sees_reset()) << "after " << second << " s";
  }
  client.peer().in().release();
  run();
  EXPECT_EQ(client.answer(1).msg.size(), 3'000'000u);
  EXPECT_TRUE(client.sees_end());
  EXPECT_FALSE(closing.finished()) << "it has a second to close";
  client.peer().close();
  run();
  EXPECT_TRUE(closing.finished());
}

TEST_F(CloseResetsASlowReader, SoDoesWhatWasAskedBeforeABrokenFrame) {
  ScriptedClient& client = connect_over_a_slow_link();
  send(client, test::joined(request(1, kEcho, std::string(300'000, 'x')), test::RequestBytes{.magic = 1}.bytes()));
  for (int second = 0; second < 10; ++second) {
    client.send(ping(9));
    client.peer().in().let_through(30'100);
    advance(1s);
    ASSERT_FALSE(client.sees_reset());
  }
  EXPECT_EQ(client.answer(1).msg.size(), 300'000u);
}

TEST_F(CloseResetsASlowReader, ADeadPeerIsWaitedForNoLongerThanAStalledWrite) {
  ScriptedClient& client = connect_over_a_slow_link();
  send(client, request(1, kEcho, std::string(3'000'000, 'x')));
  Running<void> closing(server_->close(60s));
  run();
  advance(3s);
  client.peer().in().let_through(1000);  // the last sign of life
  advance(5s);
  EXPECT_FALSE(closing.finished());
  advance(1s + 1us);
  EXPECT_TRUE(closing.finished());
}

TEST_F(CloseResetsASlowReader, TheLimitOfTheServerCutsASlowPeerOff) {
  ScriptedClient& client = connect_over_a_slow_link();
  send(client, request(1, kEcho, std::string(3'000'000, 'x')));
  Running<void> closing(server_->close(7s));
  for (int second = 0; second < 7; ++second) {
    EXPECT_FALSE(closing.finished());
    client.peer().in().let_through(1000);
    advance(1s);
  }
  EXPECT_TRUE(closing.finished());
}

TEST_F(CloseResetsASlowReader, ATransportThatTakesNothingForLongIsNoStallWhileThePeerAcknowledges) {
  ScriptedClient& client = connect_over_a_slow_link();
  client.reads = false;  // so no room appears
  client.peer().in().set_room(100'000);
  send(client, request(1, kEcho, std::string(3'000'000, 'x')));
  for (int second = 0; second < 60; ++second) {
    client.peer().in().let_through(1000);
    advance(1s);
    ASSERT_EQ(server_->stats().connections, 1u) << "after " << second << " s";
  }
  advance(6s + 1us);
  EXPECT_EQ(server_->stats().connections, 0u) << "and none any more is one";
}

}  // namespace
}  // namespace razor::stream
