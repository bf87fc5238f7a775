// RpcServer::close: what was dispatched is answered, what comes later is told that it did not run, and nobody is reset
// before it has read. Whatever peers and handlers do, close returns by its limit.

#include "tests/stream/server_fixture.h"

namespace razor::stream {
namespace {

using test::joined;
using test::prompt_ping;
using test::request;
using test::Running;

class RpcServerCloseTest : public ServerFixture {};

TEST_F(RpcServerCloseTest, WithoutConnectionsItIsDoneAtOnce) {
  Running<void> closing(server_->close(10s));
  EXPECT_TRUE(closing.finished());
}

TEST_F(RpcServerCloseTest, RunningHandlersAreWaitedForAndLaterRequestsAreRefused) {
  ScriptedClient& client = connect();
  send(client, joined(request(1, kHold), request(2, kHold)));
  Running<void> closing(server_->close(60s));
  run();
  send(client, joined(request(3, kEcho), prompt_ping(4)));
  expect_framework_error(client, 3, "rpc_draining");
  EXPECT_EQ(client.answer(4).flag, 0);
  EXPECT_EQ(dispatch_.seen.size(), 2u);

  answer_held("one");
  EXPECT_TRUE(client.sees_open());
  advance(10s);
  EXPECT_FALSE(closing.finished());
  answer_held("two");
  EXPECT_EQ(client.answer(1).msg, "one");
  EXPECT_EQ(client.answer(2).msg, "two");
  EXPECT_TRUE(client.sees_end()) << "the write side is shut behind the last answer";
  EXPECT_FALSE(closing.finished()) << "before the peer has closed, too";
  client.peer().close();
  run();
  EXPECT_TRUE(closing.finished());
  EXPECT_EQ(server_->stats().draining, 1u);
  EXPECT_EQ(server_->stats().connections, 0u);
}

TEST_F(RpcServerCloseTest, RequestsThatHadArrivedButWereNotReadAreRefusedNotDropped) {
  ScriptedClient& client = connect();
  send(client, request(1, kEcho));
  client.send(joined(request(2, kEcho), request(3, kEcho)));  // nothing runs yet
  Running<void> closing(server_->close(60s));
  run();
  expect_framework_error(client, 2, "rpc_draining");
  expect_framework_error(client, 3, "rpc_draining");
  EXPECT_TRUE(client.sees_end());
}

TEST_F(RpcServerCloseTest, AConnectionThatIsHandedOverWhileItClosesIsRefusedItsRequests) {
  ScriptedClient& holds = connect();
  send(holds, request(1, kHold));
  Running<void> closing(server_->close(60s));
  run();
  auto [stream, peer] = world_.network().connected_to_hand();
  ScriptedClient& client = clients_.emplace_back(std::move(peer));
  client.send(request(1, kEcho));
  server_->serve(std::move(stream));
  run();
  expect_framework_error(client, 1, "rpc_draining");
  EXPECT_TRUE(client.sees_end());
  answer_held();
}

// What is left of a spent budget.
TEST_F(RpcServerCloseTest, WithoutTimeEverythingIsClosedAtOnce) {
  ScriptedClient& client = connect();
  send(client, request(1, kHold));
  Running<void> closing(server_->close(-3s));
  advance(1ns);
  EXPECT_TRUE(closing.finished());
  EXPECT_FALSE(client.sees_open());
  EXPECT_EQ(server_->stats().connections, 0u);
}

TEST_F(RpcServerCloseTest, IdleConnectionsAreClosedAtOnce) {
  ScriptedClient& client = connect();
  send(client, request(1, kEcho));
  Running<void> closing(server_->close(60s));
  run();
  EXPECT_TRUE(client.sees_end());
  client.peer().close();
  run();
  EXPECT_TRUE(closing.finished());
}

TEST_F(RpcServerCloseTest, APeerThatDoesNotCloseIsClosedAfterTheLingerTimeout) {
  ScriptedClient& client = connect();
  send(client, request(1, kEcho));
  Running<void> closing(server_->close(60s));
  advance(1s - 1ms);
  EXPECT_FALSE(closing.finished());
  advance(2ms);
  EXPECT_TRUE(closing.finished());
}

TEST_F(RpcServerCloseTest, WhatAPeerStillSendsWhileItReadsItsLastAnswersDoesNotResetIt) {
  ScriptedClient& client = connect();
  send(client, request(1, kHold));
  Running<void> closing(server_->close(60s));
  client.reads = false;
  answer_held("the last answer");
  for (std::uint64_t seq = 2; seq < 100; ++seq) send(client, request(seq, kEcho, std::string(1000, 'x')));
  EXPECT_FALSE(client.sees_reset());
  client.look();
  EXPECT_EQ(client.answer(1).msg, "the last answer");
  EXPECT_TRUE(client.sees_end());
  EXPECT_EQ(dispatch_.seen.size(), 1u);
  client.peer().close();
  run();
  EXPECT_TRUE(closing.finished());
}

TEST_F(RpcServerCloseTest, ASlowReaderGetsAllItsAnswers) {
  ScriptedClient& client = connect();
  client.reads = false;
  client.peer().in().set_room(1000);
  send(client, joined(request(1, kEcho, std::string(50'000, 'a')), request(2, kHold)));
  Running<void> closing(server_->close(60s));
  answer_held(std::string(50'000, 'b'));
  while (!client.sees_end()) {
    ASSERT_TRUE(client.sees_open());
    client.look();
    run();
    advance(100ms);
  }
  EXPECT_EQ(client.answer(1).msg.size(), 50'000u);
  EXPECT_EQ(client.answer(2).msg.size(), 50'000u);
  client.peer().close();
  run();
  EXPECT_TRUE(closing.finished());
}

TEST_F(RpcServerCloseTest, APeerThatTakesNothingIsCutOffByTheWriteStall) {
  ScriptedClient& client = connect();
  client.reads = false;
  client.peer().in().set_room(10);
  send(client, request(1, kEcho));
  Running<void> closing(server_->close(60s));
  advance(5s + 1ms);
  EXPECT_TRUE(closing.finished());
}

TEST_F(RpcServerCloseTest, ItReturnsByItsLimitAndCutsOffTheRest) {
  dispatch_.other = [](const Request&, Responder respond) {
    struct Forever {
      static runtime::Task<void> sleep(runtime::Clock& clock, Responder) { co_await clock.sleep_for(1h); }
    };
    runtime::TaskScope& handlers = respond.handlers();
    runtime::Clock& clock = respond.runtime().clock();
    handlers.run_inline("forever", Forever::sleep(clock, std::move(respond)));
  };
  ScriptedClient& held = connect();
  ScriptedClient& sleeping = connect();
  send(held, request(1, kHold));
  send(sleeping, request(1, kOther));
  Running<void> closing(server_->close(3s));
  advance(3s - 1ns);
  EXPECT_FALSE(closing.finished());
  advance(1ns);
  EXPECT_TRUE(closing.finished());
  EXPECT_EQ(server_->stats().connections, 0u);
  EXPECT_EQ(server_->stats().handlers, 1u) << "the one whose Responder is held";
  EXPECT_EQ(world_.clock().timers_armed(), 0u) << "coroutines of handlers are destroyed";
  EXPECT_FALSE(dispatch_.held[0].peer_is_there());
  answer_held("too late");
  EXPECT_TRUE(held.answers.empty());
}

TEST_F(RpcServerCloseTest, NewConnectionsAreNotTaken) {
  connect();
  Running<void> closing(server_->close(60s));
  EXPECT_TRUE(world_.network().listen(address_).ok()) << "its address is free";
}

TEST_F(RpcServerCloseTest, APeerThatClosesWhileItIsOwedGetsItsAnswer) {
  ScriptedClient& client = connect();
  send(client, request(1, kHold));
  Running<void> closing(server_->close(60s));
  client.peer().shut();
  run();
  answer_held("still here");
  EXPECT_EQ(client.answer(1).msg, "still here");
  EXPECT_TRUE(client.sees_end());
  EXPECT_TRUE(closing.finished()) << "there is nothing to linger for";
}

TEST_F(RpcServerCloseTest, APeerThatIsResetMeanwhileIsWaitedForNoLonger) {
  ScriptedClient& client = connect();
  send(client, request(1, kHold));
  Running<void> closing(server_->close(60s));
  client.peer().reset();
  run();
  EXPECT_TRUE(closing.finished());
  answer_held();
}

TEST_F(RpcServerCloseTest, ItMayBeCalledAgainAndBeside) {
  ScriptedClient& client = connect();
  send(client, request(1, kHold));
  Running<void> patient(server_->close(60s));
  Running<void> hasty(server_->close(1s));
  advance(1s);
  EXPECT_TRUE(hasty.finished());
  EXPECT_TRUE(patient.finished());
  EXPECT_FALSE(client.sees_open());
  Running<void> again(server_->close(1s));
  EXPECT_TRUE(again.finished());
}

TEST_F(RpcServerCloseTest, ACloseThatIsNotAwaitedStillDrains) {
  ScriptedClient& client = connect();
  send(client, request(1, kHold));
  {
    Running<void> closing(server_->close(60s));
  }
  send(client, request(2, kEcho));
  expect_framework_error(client, 2, "rpc_draining");
  answer_held();
  EXPECT_TRUE(client.sees_end());
}

TEST_F(RpcServerCloseTest, ADispatchMayCloseTheServer) {
  std::optional<Running<void>> closing;
  dispatch_.other = [&](const Request&, Responder respond) {
    closing.emplace(server_->close(60s));
    respond.reply_encoded(base::as_bytes("closing"));
  };
  ScriptedClient& client = connect();
  send(client, joined(request(1, kOther), request(2, kEcho)));
  EXPECT_EQ(client.answer(1).msg, "closing");
  expect_framework_error(client, 2, "rpc_draining");
  EXPECT_TRUE(client.sees_end());
  client.peer().close();
  run();
  EXPECT_TRUE(closing->finished());
}

TEST_F(RpcServerCloseTest, DestroyingTheServerWhileItCloses) {
  ScriptedClient& client = connect();
  send(client, request(1, kHold));
  Running<void> closing(server_->close(60s));
  server_.reset();
  run();
  EXPECT_TRUE(closing.finished());
  EXPECT_FALSE(client.sees_open());
}

TEST_F(RpcServerCloseTest, DestroyingItWithEverythingUnderWay) {
  dispatch_.other = [](const Request&, Responder) { throw 1; };
  ServerConfig config;
  config.write_queue_max = 1000;
  serve(config);
  ScriptedClient& owed = connect();
  ScriptedClient& in_a_head = connect();
  ScriptedClient& in_a_body = connect();
  ScriptedClient& paused = connect();
  ScriptedClient& half_closed = connect();
  ScriptedClient& refused = connect();
  const base::Bytes large = request(1, kEcho, std::string(500'000, 'x'));
  send(owed, joined(request(1, kHold), request(2, kOther)));
  send(in_a_head, base::Bytes(large.begin(), large.begin() + 10));
  send(in_a_body, base::Bytes(large.begin(), large.begin() + 300'000));
  paused.reads = false;
  paused.peer().in().set_room(10);
  for (int i = 0; i < 20; ++i) send(paused, request(1, kEcho, std::string(200, 'x')));
  send(half_closed, request(1, kHold));
  half_closed.peer().shut();
  run();
  refused.reads = false;
  refused.peer().in().set_room(1);
  send(refused, test::RequestBytes{.version = 9}.bytes());
  connect().send(request(1, kEcho));  // readable, not read
  EXPECT_EQ(server_->stats().connections, 7u);
  server_.reset();
  run();
  for (ScriptedClient& client : clients_) {
    client.look();
    EXPECT_FALSE(client.sees_open());
  }
  EXPECT_EQ(world_.clock().timers_armed(), 0u);
  EXPECT_EQ(world_.executor().roots_count(), 0u);
}

}  // namespace
}  // namespace razor::stream
