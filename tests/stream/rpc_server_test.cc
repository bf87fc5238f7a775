// RpcServer: every request reaches the Dispatch once and in the order it came, and every one that did is answered once,
// whatever its handler does with the Responder, and whoever is gone by then.

#include "razor/stream/rpc_server.h"

#include "tests/stream/server_fixture.h"

namespace razor::stream {
namespace {

using test::joined;
using test::named_request;
using test::ping;
using test::request;
using test::SeenAnswer;

class RpcServerTest : public ServerFixture {};

TEST_F(RpcServerTest, ServesAConnectionThatExists) {
  auto [stream, peer] = world_.network().connected_to_hand();
  ScriptedClient& client = clients_.emplace_back(std::move(peer));
  server_->serve(std::move(stream));
  EXPECT_EQ(server_->stats().connections_accepted, 1u);
  send(client, request(1, kEcho, "hello"));
  EXPECT_EQ(client.answer(1).msg, "hello");
}

TEST_F(RpcServerTest, DispatchesARequestAndSendsItsAnswer) {
  ScriptedClient& client = connect();
  send(client, request(1, kEcho, "question", "blob"));
  ASSERT_EQ(dispatch_.seen.size(), 1u);
  EXPECT_EQ(dispatch_.seen[0].seq, 1u);
  EXPECT_EQ(dispatch_.seen[0].msg, "question");
  EXPECT_EQ(dispatch_.seen[0].blob, "blob");
  EXPECT_EQ(client.answers, (std::vector<SeenAnswer>{{.seq = 1, .msg = "question", .blob = "blob"}}));
}

TEST_F(RpcServerTest, ActionsMayHaveNames) {
  ScriptedClient& client = connect();
  send(client, named_request(1, "Calculator.add", "1 2"));
  ASSERT_EQ(dispatch_.seen.size(), 1u);
  EXPECT_EQ(dispatch_.seen[0].name, "Calculator.add");
  EXPECT_EQ(dispatch_.seen[0].msg, "1 2");
  expect_framework_error(client, 1, "rpc_decode");
}

TEST_F(RpcServerTest, RequestsAreDispatchedInTheOrderOfTheirFrames) {
  ScriptedClient& client = connect();
  base::Bytes frames;
  for (std::uint64_t seq = 1; seq <= 100; ++seq) {
    test::put_bytes(frames, request(seq, seq % 3 == 0 ? kHold : kEcho, std::to_string(seq)));
  }
  for (std::size_t i = 0; i < frames.size(); i += 77) {
    send(client, base::Bytes(frames.begin() + static_cast<std::ptrdiff_t>(i),
                             frames.begin() + static_cast<std::ptrdiff_t>(std::min(i + 77, frames.size()))));
  }
  ASSERT_EQ(dispatch_.seen.size(), 100u);
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(dispatch_.seen[i].msg, std::to_string(i + 1));
  EXPECT_EQ(client.answers.size(), 67u);
}

TEST_F(RpcServerTest, AnswersGoOutInTheOrderTheHandlersAnswer) {
  ScriptedClient& client = connect();
  send(client, joined(request(1, kHold), request(2, kHold), request(3, kHold)));
  dispatch_.held[2].reply_encoded(base::as_bytes("c"));
  run();
  dispatch_.held[0].reply_encoded(base::as_bytes("a"));
  dispatch_.held[1].reply_encoded(base::as_bytes("b"));
  run();
  EXPECT_EQ(client.seqs(), (std::vector<std::uint64_t>{3, 1, 2}));
  EXPECT_EQ(client.answer(1).msg, "a");
  EXPECT_EQ(client.answer(3).msg, "c");
}

TEST_F(RpcServerTest, AnswersOfABatchAreWrittenTogether) {
  ScriptedClient& client = connect();
  std::size_t writes = 0;
  client.peer().in().tap = [&writes](base::ByteView) { ++writes; };
  base::Bytes frames;
  for (std::uint64_t seq = 1; seq <= 50; ++seq) test::put_bytes(frames, request(seq, kEcho));
  send(client, frames);
  EXPECT_EQ(client.answers.size(), 50u);
  EXPECT_EQ(writes, 1u);
}

TEST_F(RpcServerTest, PingsAreAnsweredWithoutTheDispatch) {
  ScriptedClient& client = connect();
  send(client, joined(ping(1), request(2, kHold), test::prompt_ping(3)));
  EXPECT_EQ(client.answers, (std::vector<SeenAnswer>{{.seq = 3}, {.seq = 1}})) << "a prompt pong goes in front";
  EXPECT_EQ(dispatch_.seen.size(), 1u);
  EXPECT_EQ(server_->stats().pings, 2u);
}

TEST_F(RpcServerTest, TheFormatOfARequestIsIgnored) {
  ScriptedClient& client = connect();
  test::RequestBytes hello{.format = 0x80, .action = 0, .seq = 1};
  test::RequestBytes call{.format = 0xff, .action = kEcho, .seq = 2, .client_id = ~std::uint64_t{0}};
  send(client, joined(hello.bytes(), call.bytes()));
  EXPECT_EQ(client.answers, (std::vector<SeenAnswer>{{.seq = 1}, {.seq = 2}}));
}

TEST_F(RpcServerTest, EveryKindOfAnswerArrivesExactly) {
  ScriptedClient& client = connect();
  for (std::uint64_t seq = 1; seq <= 7; ++seq) client.send(request(seq, kHold));
  run();
  dispatch_.held[0].reply();
  dispatch_.held[1].reply(std::string("text"), test::bytes_of("blob"));
  dispatch_.held[2].fail(42);
  dispatch_.held[3].fail(std::errc::no_such_file_or_directory);
  dispatch_.held[4].fail_bytes(base::as_bytes("no such file"));
  dispatch_.held[5].fail(Errc::method_not_found);
  dispatch_.held[6].fail_bytes({});
  run();
  EXPECT_EQ(client.answer(1), (SeenAnswer{.seq = 1}));
  EXPECT_EQ(client.answer(2), (SeenAnswer{.seq = 2, .msg = "\xa4text", .blob = "blob"}));
  EXPECT_EQ(client.answer(3), (SeenAnswer{.seq = 3, .flag = 1, .number = 42}));
  EXPECT_EQ(client.answer(4), (SeenAnswer{.seq = 4, .flag = 1, .number = ENOENT}));
  EXPECT_EQ(client.answer(5), (SeenAnswer{.seq = 5, .flag = 2, .blob = "no such file"}));
  EXPECT_EQ(client.answer(6), (SeenAnswer{.seq = 6, .flag = 2, .blob = "rpc_method_notfound"}));
  EXPECT_EQ(client.answer(7), (SeenAnswer{.seq = 7, .flag = 2}));
}

TEST_F(RpcServerTest, BytesMayComeOneByOne) {
  ScriptedClient& client = connect();
  for (const std::byte byte : joined(ping(1), request(2, kEcho, "message", "blob"), named_request(3, "Name"))) {
    send(client, base::Bytes(1, byte));
  }
  EXPECT_EQ(client.seqs(), (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(client.answer(2).blob, "blob");
}

TEST_F(RpcServerTest, LargeMessagesAndBlobsPassBothWays) {
  ScriptedClient& client = connect();
  std::string msg(3'000'000, 'm');
  std::string blob(5'000'000, 'b');
  for (std::size_t i = 0; i < msg.size(); ++i) msg[i] = static_cast<char>(i * 7 + i / 251);
  for (std::size_t i = 0; i < blob.size(); ++i) blob[i] = static_cast<char>(i * 13 + i / 239);
  send(client, joined(request(1, kEcho, msg, blob), request(2, kEcho, "after")));
  EXPECT_TRUE(client.answer(1).msg == msg);
  EXPECT_TRUE(client.answer(1).blob == blob);
  EXPECT_EQ(client.answer(2).msg, "after");
}

TEST_F(RpcServerTest, AnAnswerThatIsTooLargeFailsAlone) {
  ServerConfig config;
  config.limits.msg_bytes_max = 100;
  config.limits.blob_bytes_max = 200;
  serve(config);
  ScriptedClient& client = connect();
  for (std::uint64_t seq = 1; seq <= 5; ++seq) client.send(request(seq, kHold));
  run();
  dispatch_.held[0].reply_encoded(base::Bytes(101));
  dispatch_.held[1].reply_encoded({}, base::Bytes(201));
  dispatch_.held[2].fail_bytes(base::Bytes(201));
  dispatch_.held[3].reply_encoded(base::Bytes(100), base::Bytes(200));
  dispatch_.held[4].fail_bytes(base::Bytes(200));
  run();
  for (const std::uint64_t seq : {1u, 2u, 3u}) expect_framework_error(client, seq, "rpc_too_large");
  EXPECT_EQ(client.answer(4).msg.size(), 100u);
  EXPECT_EQ(client.answer(4).blob.size(), 200u);
  EXPECT_EQ(client.answer(5).blob.size(), 200u);
}

struct Unencodable {};

}  // namespace
}  // namespace razor::stream

template <>
struct razor::Codec<razor::stream::Unencodable> {
  static void encode(Encoder& to, const stream::Unencodable&) {
    to.put_text("half of it");
    throw std::runtime_error("no such thing");
  }
};

namespace razor::stream {
namespace {

// --- Each request is answered once -----------------------------------------------------------------------------------

TEST_F(RpcServerTest, AResponderThatIsDroppedAnswers) {
  dispatch_.other = [](const Request&, Responder) {};
  ScriptedClient& client = connect();
  send(client, joined(request(1, kOther), request(2, kEcho)));
  expect_framework_error(client, 1, "rpc_internal_err");
  EXPECT_EQ(client.answer(2).flag, 0);
}

TEST_F(RpcServerTest, AHandlerThatThrowsIsAnsweredAndReported) {
  dispatch_.other = [](const Request& request, Responder) {
    if (request.seq == 2) throw 7;
    throw std::runtime_error("out of luck");
  };
  ScriptedClient& client = connect();
  send(client, joined(request(1, kOther), request(2, kOther), request(3, kEcho)));
  expect_framework_error(client, 1, "rpc_internal_err");
  expect_framework_error(client, 2, "rpc_internal_err");
  EXPECT_EQ(client.answer(3).flag, 0);
  EXPECT_EQ(server_->stats().handlers_threw, 2u);
  ASSERT_EQ(world_.log().errors.size(), 2u);
  EXPECT_EQ(world_.log().errors[0], "a Dispatch threw on a request from client:1: out of luck");
  EXPECT_EQ(server_->stats().handlers, 0u);
}

TEST_F(RpcServerTest, AHandlerThatAnswersAndThenThrowsHasAnswered) {
  dispatch_.other = [](const Request&, Responder respond) {
    respond.reply_encoded(base::as_bytes("done"));
    throw std::runtime_error("after all");
  };
  ScriptedClient& client = connect();
  send(client, request(1, kOther));
  EXPECT_EQ(client.answers, (std::vector<SeenAnswer>{{.seq = 1, .msg = "done"}}));
  EXPECT_EQ(server_->stats().handlers_threw, 1u);
}

TEST_F(RpcServerTest, OfSeveralAnswersTheFirstCounts) {
  dispatch_.other = [](const Request&, Responder respond) {
    EXPECT_FALSE(respond.answered());
    respond.reply_encoded(base::as_bytes("first"));
    EXPECT_TRUE(respond.answered());
    respond.reply_encoded(base::as_bytes("second"));
    respond.fail(1);
    respond.fail(Errc::internal);
    respond.fail_bytes(base::as_bytes("third"));
    respond.reply(std::string("fourth"));
  };
  ScriptedClient& client = connect();
  send(client, joined(request(1, kOther), request(2, kEcho)));
  EXPECT_EQ(client.seqs(), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(client.answer(1).msg, "first");
  EXPECT_EQ(server_->stats().responses_repeated, 5u);
  EXPECT_EQ(server_->stats().handlers, 0u);
}

TEST_F(RpcServerTest, AnAnswerThatCannotBeEncodedFailsAlone) {
  dispatch_.other = [](const Request&, Responder respond) { respond.reply(Unencodable()); };
  ScriptedClient& client = connect();
  send(client, joined(request(1, kOther), request(2, kEcho, "fine")));
  expect_framework_error(client, 1, "rpc_encode");
  EXPECT_EQ(client.answer(2).msg, "fine");
}

TEST_F(RpcServerTest, AResponderMayBeKeptMovedAndAssigned) {
  ScriptedClient& client = connect();
  send(client, joined(request(1, kHold), request(2, kHold)));
  Responder first = std::move(dispatch_.held[0]);
  Responder second = std::move(dispatch_.held[1]);
  dispatch_.held.clear();
  run();
  EXPECT_TRUE(client.answers.empty());
  std::swap(first, second);
  first.reply_encoded(base::as_bytes("two"));
  second.reply_encoded(base::as_bytes("one"));
  run();
  EXPECT_EQ(client.answer(1).msg, "one");
  EXPECT_EQ(client.answer(2).msg, "two");
}

TEST_F(RpcServerTest, AssigningOverAResponderAnswersTheOneThereWas) {
  ScriptedClient& client = connect();
  send(client, joined(request(1, kHold), request(2, kHold)));
  {
    Responder one = std::move(dispatch_.held[0]);
    one = std::move(dispatch_.held[1]);
    one.reply();
  }
  dispatch_.held.clear();
  run();
  expect_framework_error(client, 1, "rpc_internal_err");
  EXPECT_EQ(client.answer(2).flag, 0);
}

// --- Whoever is gone by then -----------------------------------------------------------------------------------------

TEST_F(RpcServerTest, AnAnswerToAPeerThatIsGoneIsDropped) {
  ScriptedClient& client = connect();
  send(client, joined(request(1, kHold), request(2, kHold)));
  EXPECT_TRUE(dispatch_.held[0].peer_is_there());
  client.peer().reset();
  run();
  EXPECT_FALSE(dispatch_.held[0].peer_is_there());
  EXPECT_EQ(server_->stats().connections, 0u);
  dispatch_.held[0].reply_encoded(base::as_bytes("nobody reads this"));
  dispatch_.held[1].fail(7);
  EXPECT_EQ(server_->stats().responses_dropped, 2u);
  EXPECT_EQ(server_->stats().handlers, 0u);
  run();
}

TEST_F(RpcServerTest, AnAnswerAfterTheServerIsGoneIsDropped) {
  ScriptedClient& client = connect();
  send(client, joined(request(1, kHold), request(2, kHold), request(3, kHold), request(4, kHold)));
  server_.reset();
  EXPECT_FALSE(dispatch_.held[0].peer_is_there());
  EXPECT_EQ(dispatch_.held[0].peer(), runtime::Address::tcp("client", 1));
  dispatch_.held[0].reply_encoded(base::as_bytes("late"));
  dispatch_.held[1].fail(Errc::overloaded);
  dispatch_.held[2].fail_bytes(base::as_bytes("late"));
  dispatch_.held.clear();
  run();
  EXPECT_TRUE(client.answers.empty());
}

TEST_F(RpcServerTest, APeerThatShutsItsSideStillGetsItsAnswers) {
  ScriptedClient& client = connect();
  send(client, joined(request(1, kHold), request(2, kEcho, "at once")));
  client.peer().shut();
  run();
  EXPECT_EQ(client.answer(2).msg, "at once");
  EXPECT_TRUE(client.sees_open());
  EXPECT_TRUE(dispatch_.held[0].peer_is_there());
  advance(1h);
  answer_held("at last");
  EXPECT_EQ(client.answer(1).msg, "at last");
  EXPECT_TRUE(client.sees_end());
  EXPECT_EQ(server_->stats().connections, 0u);
}

TEST_F(RpcServerTest, APeerThatShutsItsSideAndIsOwedNothingIsClosed) {
  ScriptedClient& client = connect();
  send(client, request(1, kEcho));
  client.peer().shut();
  run();
  EXPECT_TRUE(client.sees_end());
  EXPECT_EQ(server_->stats().connections, 0u);
}

TEST_F(RpcServerTest, NothingIsDispatchedOnceAnswersCannotBeWritten) {
  ScriptedClient& client = connect();
  send(client, request(1, kEcho));
  client.peer().in().fail_writes(std::errc::broken_pipe);
  send(client, request(2, kEcho));  // its answer finds out
  ASSERT_EQ(dispatch_.seen.size(), 2u);
  send(client, request(3, kEcho));
  EXPECT_EQ(dispatch_.seen.size(), 2u);
  EXPECT_EQ(server_->stats().connections, 0u);
}

TEST_F(RpcServerTest, NothingIsDispatchedFromTheBufferOnceAnswersCannotBeWritten) {
  ServerConfig config;
  config.write_queue_max = 100;
  serve(config);
  ScriptedClient& client = connect();
  client.reads = false;
  client.peer().in().set_room(1);
  base::Bytes frames;
  for (std::uint64_t seq = 1; seq <= 20; ++seq) test::put_bytes(frames, request(seq, kEcho, std::string(50, 'x')));
  send(client, frames);  // read at once; it pauses over the second
  const std::size_t before = dispatch_.seen.size();
  EXPECT_LT(before, 20u);
  client.peer().in().fail_writes(std::errc::broken_pipe);
  run();
  EXPECT_EQ(dispatch_.seen.size(), before);
}

// --- Handlers that are coroutines ------------------------------------------------------------------------------------

runtime::Task<void> answer_later(runtime::Clock& clock, Duration delay, Responder respond) {
  co_await clock.sleep_for(delay);
  respond.reply_encoded(base::as_bytes("slept"));
}

TEST_F(RpcServerTest, AHandlerMayBeACoroutine) {
  dispatch_.other = [](const Request& request, Responder respond) {
    runtime::TaskScope& handlers = respond.handlers();
    runtime::Clock& clock = respond.runtime().clock();
    const Duration delay = std::chrono::seconds(4 - request.seq);
    if (request.seq == 1) {
      handlers.spawn("answer_later", answer_later(clock, delay, std::move(respond)));
    } else {
      handlers.run_inline("answer_later", answer_later(clock, delay, std::move(respond)));
    }
  };
  ScriptedClient& client = connect();
  send(client, joined(request(1, kOther), request(2, kOther), request(3, kOther)));
  EXPECT_EQ(server_->stats().handlers, 3u);
  advance(5s);
  EXPECT_EQ(client.seqs(), (std::vector<std::uint64_t>{3, 2, 1}));
}

TEST_F(RpcServerTest, CoroutinesGoWithTheServer) {
  dispatch_.other = [](const Request&, Responder respond) {
    runtime::Clock& clock = respond.runtime().clock();
    runtime::TaskScope& handlers = respond.handlers();
    handlers.run_inline("answer_later", answer_later(clock, 1h, std::move(respond)));
  };
  ScriptedClient& client = connect();
  send(client, joined(request(1, kOther), request(2, kOther)));
  EXPECT_EQ(world_.clock().timers_armed(), 3u);
  server_.reset();
  EXPECT_EQ(world_.clock().timers_armed(), 0u);
  run();
  EXPECT_TRUE(client.answers.empty());
}

// A handler that destroys its own server, or closes it, ends what is around it.
TEST_F(RpcServerTest, ADispatchMayDestroyTheServer) {
  dispatch_.other = [this](const Request&, Responder respond) {
    server_.reset();
    respond.reply();
  };
  ScriptedClient& client = connect();
  send(client, joined(request(1, kEcho), request(2, kOther), request(3, kEcho)));
  EXPECT_EQ(dispatch_.seen.size(), 2u);
  EXPECT_FALSE(client.sees_open());
}

// --- Listening -------------------------------------------------------------------------------------------------------

TEST_F(RpcServerTest, ServesSeveralAddresses) {
  const runtime::Address second = runtime::Address::tcp("server", 2);
  ASSERT_TRUE(server_->listen(second));
  ScriptedClient& client = clients_.emplace_back(world_.network().connect_by_hand(second));
  send(client, request(1, kEcho));
  EXPECT_EQ(client.answer(1).flag, 0);
  EXPECT_EQ(server_->listen(second).error(), std::errc::address_in_use);
}

TEST_F(RpcServerTest, ConnectionsDoNotDisturbEachOther) {
  ScriptedClient& one = connect();
  ScriptedClient& two = connect();
  send(one, joined(request(1, kHold), request(2, kHold)));
  send(two, request(1, kEcho, "two"));
  one.peer().reset();
  run();
  send(two, request(2, kEcho, "two again"));
  EXPECT_EQ(two.seqs(), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_NE(dispatch_.seen[0].peer, dispatch_.seen[2].peer);
}

TEST_F(RpcServerTest, AcceptErrorsDoNotEndTheListenerNorMakeItSpin) {
  const std::size_t before = world_.network().accepts_started();
  world_.network().fail_accepts(30, std::errc::too_many_files_open);
  advance(950ms);
  EXPECT_EQ(server_->stats().accept_errors, 10u) << "one at once, then one after each pause of 100 ms";
  advance(2000ms);
  EXPECT_EQ(server_->stats().accept_errors, 30u);
  EXPECT_LE(world_.network().accepts_started() - before, 30u);
  advance(100ms);
  ScriptedClient& client = connect();
  send(client, request(1, kEcho));
  EXPECT_EQ(client.answer(1).flag, 0);
}

TEST_F(RpcServerTest, AboveItsLimitNewConnectionsWait) {
  ServerConfig config;
  config.connections_max = 2;
  serve(config);
  ScriptedClient& one = connect();
  connect();
  ScriptedClient& three = connect();
  send(three, request(1, kEcho));
  EXPECT_TRUE(three.answers.empty());
  EXPECT_EQ(server_->stats().connections, 2u);
  one.peer().close();
  run();
  EXPECT_EQ(three.answers.size(), 1u);
  EXPECT_EQ(server_->stats().connections, 2u);
}

TEST_F(RpcServerTest, WithoutALimitOfItsOwnTheSystemsCounts) {
  world_.network().set_connections_max(1);
  serve({});
  connect();
  connect();
  EXPECT_EQ(server_->stats().connections, 1u);
}

TEST_F(RpcServerTest, CountersAgreeWithWhatHappened) {
  ScriptedClient& client = connect();
  send(client, joined(request(1, kEcho, "12345"), ping(2), request(3, kHold)));
  const ServerStats stats = server_->stats();
  EXPECT_EQ(stats.connections_accepted, 1u);
  EXPECT_EQ(stats.connections, 1u);
  EXPECT_EQ(stats.requests, 2u);
  EXPECT_EQ(stats.pings, 1u);
  EXPECT_EQ(stats.dispatched, 2u);
  EXPECT_EQ(stats.handlers, 1u);
  EXPECT_EQ(stats.responses, 2u);
  EXPECT_EQ(stats.bytes_received, 37u + 32 + 32);
  EXPECT_EQ(stats.bytes_sent, 25u + 20);
  ASSERT_EQ(server_->connections().size(), 1u);
  const ConnectionStats connection = server_->connections()[0];
  EXPECT_EQ(connection.peer, runtime::Address::tcp("client", 1));
  EXPECT_EQ(connection.requests, 2u);
  EXPECT_EQ(connection.handlers, 1u);
  EXPECT_EQ(connection.bytes_queued, 0u);
  EXPECT_FALSE(connection.paused);
  client.peer().close();
  answer_held();
  EXPECT_EQ(server_->stats().connections, 0u);
  EXPECT_EQ(server_->stats().connections_closed, 1u);
}

}  // namespace
}  // namespace razor::stream
