// What one peer may cost a server: handlers, bytes that wait for a slow reader, and time. At each limit the server does what
// its config says, and neither more nor to anybody else.

#include "tests/stream/server_fixture.h"

namespace razor::stream {
namespace {

using test::joined;
using test::ping;
using test::request;

class RpcServerLimitsTest : public ServerFixture {
 protected:
  // Runs until the server closes the client's connection; gives how long that took.
  Duration time_until_closed(const ScriptedClient& client, Duration limit = 1h) {
    const TimePoint began = world_.now();
    while (client.sees_open() && server_->stats().connections > 0 && world_.now() - began < limit) {
      if (world_.clock().next_timer() > began + limit) break;
      world_.clock().advance_to(world_.clock().next_timer());
      run();
    }
    return world_.now() - began;
  }
  // Some more than `limit`, by less than what a second look takes.
  static void expect_just(Duration took, Duration limit) {
    EXPECT_GE(took, limit);
    EXPECT_LE(took, limit + 1us);
  }
};

// --- Handlers --------------------------------------------------------------------------------------------------------

// A peer that knows only the plain protocol takes rpc_overloaded for a broken answer.
TEST_F(RpcServerLimitsTest, AboveItsHandlersAConnectionIsNotRefusedButReadingPauses) {
  ServerConfig config;
  config.handlers_per_connection_max = 2;
  serve(config);
  ScriptedClient& client = connect();
  send(client, joined(request(1, kHold), request(2, kHold), test::prompt_ping(3), request(4, kEcho, "waits"),
                      request(5, kHold), request(6, kEcho, "waits too")));
  EXPECT_EQ(dispatch_.seen.size(), 2u);
  EXPECT_EQ(client.seqs(), std::vector<std::uint64_t>{3}) << "what came before the request that waits is read";
  EXPECT_TRUE(server_->connections().at(0).paused);
  advance(1h);
  EXPECT_TRUE(client.sees_open()) << "a peer that is not read cannot be late";

  answer_held();
  EXPECT_EQ(client.answer(4).msg, "waits");
  EXPECT_EQ(dispatch_.held.size(), 2u);
  EXPECT_TRUE(server_->connections().at(0).paused) << "the last one waits again";
  answer_held();
  EXPECT_EQ(client.answer(6).msg, "waits too");
  EXPECT_FALSE(server_->connections().at(0).paused);
  EXPECT_EQ(server_->stats().overloaded, 0u);
  EXPECT_EQ(server_->stats().handlers_peak, 2u);
  answer_held();
}

// Found by the swarm: a server that reads no more is not told of a reset. Seconds later a handler ended, and the request that
// had waited for its place was executed for nobody.
TEST_F(RpcServerLimitsTest, ARequestThatWaitsForAHandlerIsDroppedWhenItsConnectionWasReset) {
  ServerConfig config;
  config.handlers_per_connection_max = 1;
  serve(config);
  ScriptedClient& client = connect();
  send(client, joined(request(1, kHold), request(2, kEcho)));
  client.peer().reset();
  advance(10s);
  EXPECT_EQ(server_->stats().connections, 1u) << "it does not know yet";
  answer_held();
  EXPECT_EQ(dispatch_.seen.size(), 1u);
  EXPECT_EQ(server_->stats().connections, 0u);
}

TEST_F(RpcServerLimitsTest, ARequestThatWaitsForAHandlerIsRefusedOnceTheServerDrains) {
  ServerConfig config;
  config.handlers_per_connection_max = 1;
  serve(config);
  ScriptedClient& client = connect();
  send(client, joined(request(1, kHold), request(2, kEcho), request(3, kEcho)));
  test::Running<void> closing(server_->close(60s));
  run();
  expect_framework_error(client, 2, "rpc_draining");
  expect_framework_error(client, 3, "rpc_draining");
  answer_held("the last one");
  EXPECT_EQ(client.answer(1).msg, "the last one");
  EXPECT_TRUE(client.sees_end());
  client.peer().close();
  run();
  EXPECT_TRUE(closing.finished());
}

TEST_F(RpcServerLimitsTest, AServerThatIsDestroyedWhileRequestsWaitForAHandler) {
  ServerConfig config;
  config.handlers_per_connection_max = 1;
  serve(config);
  ScriptedClient& client = connect();
  send(client, joined(request(1, kHold), request(2, kEcho)));
  server_.reset();
  run();
  answer_held();
  EXPECT_EQ(dispatch_.seen.size(), 1u);
}

TEST_F(RpcServerLimitsTest, AboveItsHandlersTheServerRefuses) {
  ServerConfig config;
  config.handlers_max = 3;
  serve(config);
  ScriptedClient& one = connect();
  ScriptedClient& two = connect();
  send(one, joined(request(1, kHold), request(2, kHold)));
  send(two, joined(request(1, kHold), request(2, kHold), test::prompt_ping(3)));
  expect_framework_error(two, 2, "rpc_overloaded");
  EXPECT_EQ(two.answer(3).flag, 0);
  one.peer().reset();  // its handlers go on
  run();
  send(two, request(4, kEcho));
  expect_framework_error(two, 4, "rpc_overloaded");
  answer_held();
  send(two, request(5, kEcho));
  EXPECT_EQ(two.answer(5).flag, 0);
}

// --- Slow readers ----------------------------------------------------------------------------------------------------

TEST_F(RpcServerLimitsTest, ASlowReaderCostsABoundedAmountAndIsReadFromAgainOnceItHasRead) {
  ServerConfig config;
  config.write_queue_max = 100'000;
  serve(config);
  ScriptedClient& client = connect();
  client.reads = false;
  client.peer().in().set_room(5'000);
  client.peer().out().set_room(10'000'000);
  base::Bytes frames;
  for (std::uint64_t seq = 1; seq <= 1000; ++seq) {
    test::put_bytes(frames, request(seq, kEcho, std::string(2'000, 'x')));
  }
  send(client, frames);
  ConnectionStats stats = server_->connections().at(0);
  EXPECT_TRUE(stats.paused);
  EXPECT_GE(stats.bytes_queued, 100'000u);
  EXPECT_LE(stats.bytes_queued, 100'000u + 2'020);
  EXPECT_LE(stats.bytes_received, 105'000u + 2 * 65'536);  // then reading stopped
  EXPECT_LT(dispatch_.seen.size(), 60u);

  // A little that was read does not start it again: half of the queue must go, 5000 bytes at a time.
  const std::size_t dispatched = dispatch_.seen.size();
  for (int i = 0; i < 9; ++i) {
    client.look();
    run();
    EXPECT_EQ(dispatch_.seen.size(), dispatched);
  }
  for (int i = 0; i < 2; ++i) {
    client.look();
    run();
  }
  EXPECT_GT(dispatch_.seen.size(), dispatched);

  while (client.answers.size() < 1000) {
    const std::size_t before = client.answers.size();
    for (int i = 0; i < 10; ++i) {
      client.look();
      run();
    }
    ASSERT_GT(client.answers.size(), before) << "it does not go on";
    EXPECT_LE(server_->connections().at(0).bytes_queued, 102'020u);
  }
  for (std::uint64_t seq = 1; seq <= 1000; ++seq) EXPECT_EQ(client.answers[seq - 1].seq, seq);
}

TEST_F(RpcServerLimitsTest, PingsAreBoundedLikeAnswers) {
  ServerConfig config;
  config.write_queue_max = 10'000;
  serve(config);
  ScriptedClient& client = connect();
  client.reads = false;
  client.peer().in().set_room(10);
  for (int i = 0; i < 20; ++i) {
    base::Bytes pings;
    for (int j = 0; j < 1000; ++j) test::put_bytes(pings, ping(1));
    send(client, pings);
  }
  EXPECT_LE(server_->connections().at(0).bytes_queued, 10'020u);
  EXPECT_TRUE(server_->connections().at(0).paused);
}

TEST_F(RpcServerLimitsTest, APeerThatTakesNothingIsClosed) {
  ScriptedClient& client = connect();
  client.reads = false;
  client.peer().in().set_room(10);
  send(client, request(1, kEcho));
  expect_just(time_until_closed(client), 5s);
  EXPECT_EQ(server_->stats().connections, 0u);
  EXPECT_EQ(server_->stats().connections_overdue, 1u);
}

TEST_F(RpcServerLimitsTest, APeerThatTakesALittleNowAndThenIsNotClosed) {
  ScriptedClient& client = connect();
  client.reads = false;
  client.peer().in().set_room(1);
  send(client, request(1, kEcho));
  for (int i = 0; i < 15; ++i) {
    advance(4900ms);
    EXPECT_EQ(server_->stats().connections, 1u);
    client.look();
    run();
  }
}

TEST_F(RpcServerLimitsTest, HandlersThatRanAlreadyMayAddToAFullQueueUpToAHardLimit) {
  ServerConfig config;
  config.write_queue_max = 1000;
  config.write_queue_hard_max = 10'000;
  serve(config);
  ScriptedClient& client = connect();
  client.reads = false;
  client.peer().in().set_room(10);
  base::Bytes frames;
  for (std::uint64_t seq = 1; seq <= 20; ++seq) test::put_bytes(frames, request(seq, kHold));
  send(client, frames);
  for (int i = 0; i < 9; ++i) answer_held(std::string(1000, 'x'));
  EXPECT_EQ(server_->stats().connections, 1u);
  answer_held(std::string(1000, 'x'));
  EXPECT_EQ(server_->stats().connections, 0u);
  while (!dispatch_.held.empty()) answer_held(std::string(1000, 'x'));
  EXPECT_EQ(server_->stats().responses_dropped, 10u);
  EXPECT_EQ(server_->stats().handlers, 0u);
}

// --- Time ------------------------------------------------------------------------------------------------------------

// There are clients that connect early and send their first call much later.
TEST_F(RpcServerLimitsTest, WhoSaysNothingIsClosedAsWhoIsIdle) {
  expect_just(time_until_closed(connect()), 120s);
  EXPECT_EQ(server_->stats().connections_overdue, 1u);
}

TEST_F(RpcServerLimitsTest, WhoSaysNothingIsClosedEarlyWhileConnectionsAreShort) {
  ServerConfig config;
  config.connections_max = 8;
  serve(config);
  ScriptedClient& speaks = connect();
  send(speaks, request(1, kEcho));
  for (int i = 0; i < 5; ++i) connect();
  advance(60s);
  EXPECT_EQ(server_->stats().connections, 6u) << "three quarters are not short";
  connect();
  advance(1us);
  EXPECT_EQ(server_->stats().connections, 3u) << "those silent for over 10 s, until less than half are taken";
  advance(59s);
  EXPECT_EQ(server_->stats().connections, 3u) << "connections are not short any more";
  EXPECT_TRUE(speaks.sees_open());
}

TEST_F(RpcServerLimitsTest, SilentConnectionsDoNotKeepOthersOutForEver) {
  ServerConfig config;
  config.connections_max = 8;
  serve(config);
  for (int i = 0; i < 8; ++i) connect();
  ScriptedClient& honest = connect();
  send(honest, request(1, kEcho, "let in"));
  EXPECT_TRUE(honest.answers.empty());
  advance(10s + 1us);
  EXPECT_EQ(honest.answer(1).msg, "let in");
}

TEST_F(RpcServerLimitsTest, WhoIsIdleIsClosed) {
  ScriptedClient& client = connect();
  send(client, request(1, kEcho));
  expect_just(time_until_closed(client), 120s);
}

TEST_F(RpcServerLimitsTest, PingsKeepAConnectionOpen) {
  ScriptedClient& client = connect();
  for (int i = 0; i < 10; ++i) {
    send(client, ping(1));
    advance(119s);
  }
  EXPECT_TRUE(client.sees_open());
}

TEST_F(RpcServerLimitsTest, WhoIsOwedAnAnswerIsNotIdle) {
  ScriptedClient& client = connect();
  send(client, request(1, kHold));
  advance(1h);
  EXPECT_TRUE(client.sees_open());
  answer_held("after an hour");
  EXPECT_EQ(client.answer(1).msg, "after an hour");
  advance(119s);
  EXPECT_TRUE(client.sees_open());
  expect_just(time_until_closed(client), 1s);
}

TEST_F(RpcServerLimitsTest, WhoDoesNotCompleteAHeadIsClosed) {
  ScriptedClient& client = connect();
  send(client, request(1, kEcho));
  const base::Bytes head = request(2, kEcho);
  for (int i = 0; i < 4; ++i) {
    send(client, base::Bytes(1, head[static_cast<std::size_t>(i)]));
    if (i > 0) advance(1s);
  }
  expect_just(time_until_closed(client), 2s);
  EXPECT_TRUE(client.sees_end() || client.sees_reset());
}

TEST_F(RpcServerLimitsTest, WhoDoesNotGoOnWithABodyIsClosed) {
  ScriptedClient& client = connect();
  const base::Bytes whole = request(1, kEcho, std::string(100'000, 'x'));
  send(client, base::Bytes(whole.begin(), whole.begin() + 50'000));
  advance(4s);
  send(client, base::Bytes(whole.begin() + 50'000, whole.begin() + 50'500));
  expect_just(time_until_closed(client), 1s);
}

TEST_F(RpcServerLimitsTest, WhoGoesOnWithABodyIsNotClosedHoweverLongItTakes) {
  ScriptedClient& client = connect();
  const base::Bytes whole = request(1, kEcho, std::string(100'000, 'x'));
  for (std::size_t at = 0; at < whole.size(); at += 1024) {
    const auto begin = whole.begin() + static_cast<std::ptrdiff_t>(at);
    send(client, base::Bytes(begin, begin + static_cast<std::ptrdiff_t>(std::min<std::size_t>(1024, whole.size() - at))));
    advance(4900ms);
  }
  EXPECT_EQ(client.answer(1).msg.size(), 100'000u);
}

TEST_F(RpcServerLimitsTest, WhileWeDoNotReadAPeerIsNotLate) {
  ServerConfig config;
  config.write_queue_max = 1000;
  serve(config);
  ScriptedClient& client = connect();
  client.reads = false;
  client.peer().in().set_room(1);
  base::Bytes frames;
  for (std::uint64_t seq = 1; seq <= 10; ++seq) test::put_bytes(frames, request(seq, kEcho, std::string(500, 'x')));
  const base::Bytes next = request(11, kEcho);
  send(client, joined(frames, base::Bytes(next.begin(), next.begin() + 20)));  // it stops in the middle of a head
  EXPECT_TRUE(server_->connections().at(0).paused);
  for (int i = 0; i < 100; ++i) {
    advance(4s);
    client.look();  // a byte
    run();
  }
  EXPECT_TRUE(client.sees_open());
  client.peer().in().set_room(1'000'000);
  client.reads = true;
  run();
  send(client, base::Bytes(next.begin() + 20, next.end()));
  EXPECT_EQ(client.answers.size(), 11u);
}

TEST_F(RpcServerLimitsTest, APauseOfTheServerDoesNotSaveWhoIsLate) {
  ScriptedClient& late = connect();
  const base::Bytes whole = request(2, kEcho, std::string(5000, 'x'));
  send(late, base::Bytes(whole.begin(), whole.begin() + 100));
  late.send(base::Bytes(1, whole[100]));  // one byte is no progress
  world_.pause(1h);
  advance(1us);
  EXPECT_EQ(server_->stats().connections, 0u);
}

}  // namespace
}  // namespace razor::stream
