// The order of pongs, as protocol.md says: an ordinary ping is answered after all requests that came before it on its
// connection, a prompt ping at once. A reference client that gets the pong of an ordinary ping before the answer of an
// earlier call stops reading, and its callers time out; a client of ours whose prompt ping waits behind a slow handler
// takes a busy server for a stopped one.

#include "tests/stream/server_fixture.h"

namespace razor::stream {
namespace {

using test::joined;
using test::ping;
using test::prompt_ping;
using test::request;
using Seqs = std::vector<std::uint64_t>;

class RpcServerPingTest : public ServerFixture {};

TEST_F(RpcServerPingTest, APingWithABlobIsAPingAndReachesNoHandler) {
  ScriptedClient& client = connect();
  send(client, joined(request(1, 0, "", "a blob"), request(2, kEcho, "behind it")));
  EXPECT_EQ(client.answer(1).flag, 0);
  EXPECT_EQ(client.answer(1).blob, "");
  EXPECT_EQ(client.answer(2).msg, "behind it");
  EXPECT_EQ(dispatch_.seen.size(), 1u);
  EXPECT_EQ(server_->stats().pings, 1u);
  EXPECT_EQ(server_->stats().requests, 1u);
}

TEST_F(RpcServerPingTest, ActionZeroWithAMessageIsARequest) {
  ScriptedClient& client = connect();
  send(client, request(1, 0, "a message"));
  EXPECT_EQ(dispatch_.seen.size(), 1u);
  EXPECT_EQ(server_->stats().pings, 0u);
}

TEST_F(RpcServerPingTest, TheBlobOfAPingHasTheLimitOfBlobs) {
  ServerConfig config;
  config.limits.blob_bytes_max = 100;
  serve(config);
  ScriptedClient& client = connect();
  send(client, request(1, 0, "", std::string(101, 'x')));
  expect_framework_error(client, 1, "rpc_too_large");
}

TEST_F(RpcServerPingTest, APromptPongWaitsForTheAnswerThatIsHalfWrittenAndForNoOther) {
  ScriptedClient& client = connect();
  client.reads = false;
  client.peer().in().set_room(1'000);
  send(client, joined(request(1, kEcho, std::string(50'000, 'a')), request(2, kEcho, std::string(50'000, 'b'))));
  send(client, prompt_ping(3));
  client.reads = true;
  run();
  EXPECT_EQ(client.seqs(), (Seqs{1, 3, 2}));
  EXPECT_EQ(client.answer(2).msg, std::string(50'000, 'b'));
}

TEST_F(RpcServerPingTest, AnyFormatButThatOfPromptPingsIsAnOrdinaryPing) {
  for (const int format : {0, 1, 0x80, 0x84, 0x86, 0xc5, 0xff}) {
    ScriptedClient& client = connect();
    send(client, joined(request(1, kHold), ping(2, static_cast<std::uint8_t>(format))));
    EXPECT_EQ(client.seqs(), Seqs{}) << format;
    answer_held();
    EXPECT_EQ(client.seqs(), (Seqs{1, 2})) << format;
  }
}

TEST_F(RpcServerPingTest, PingsThatWaitForAHandlerAreBounded) {
  ScriptedClient& client = connect();
  client.peer().out().set_room(100'000'000);
  send(client, request(1, kHold));
  base::Bytes pings;
  for (std::uint64_t seq = 2; seq <= 100'001; ++seq) test::put_bytes(pings, ping(seq));
  send(client, pings);
  EXPECT_TRUE(server_->connections().at(0).paused);
  EXPECT_EQ(server_->stats().pings, 1000u);
  EXPECT_LE(server_->stats().bytes_received, 1000u * 32 + 2 * 65'536);
  answer_held();
  ASSERT_EQ(client.answers.size(), 100'001u);
  for (std::size_t i = 0; i < client.answers.size(); ++i) ASSERT_EQ(client.answers[i].seq, i + 1);
}

TEST_F(RpcServerPingTest, PromptPingsOfAPeerThatDoesNotReadAreBounded) {
  ScriptedClient& client = connect();
  client.reads = false;
  client.peer().in().set_room(10);
  client.peer().out().set_room(100'000'000);
  base::Bytes pings;
  for (std::uint64_t seq = 1; seq <= 100'000; ++seq) test::put_bytes(pings, prompt_ping(seq));
  send(client, pings);
  EXPECT_LE(server_->connections().at(0).bytes_queued, 20'000u);
  EXPECT_TRUE(server_->connections().at(0).paused);
  client.peer().in().set_room(1'000'000);
  client.reads = true;
  run();
  EXPECT_EQ(client.answers.size(), 100'000u);
}

TEST_F(RpcServerPingTest, PingsOfAPeerWhoseSeqsDoNotGrowAreAnsweredOnceNothingRuns) {
  ScriptedClient& client = connect();
  send(client, joined(request(9, kHold), ping(5), request(9, kHold), ping(5), request(1, kHold), ping(5)));
  for (int i = 0; i < 3; ++i) answer_held();
  EXPECT_EQ(client.answers.size(), 6u);
}

// --- Handlers that hold the thread -----------------------------------------------------------------------------------

TEST_F(RpcServerPingTest, AHandlerThatHoldsTheThreadIsNamedOnce) {
  dispatch_.other = [&](const Request&, Responder respond) {
    world_.clock().advance(4s);
    respond.reply();
  };
  const auto warnings = [&] {
    std::vector<std::string> found;
    for (const std::string& line : world_.log().lines) {
      if (line.find("held the server's thread") != std::string::npos) found.push_back(line);
    }
    return found;
  };
  ScriptedClient& client = connect();
  send(client, test::named_request(1, "Report.quick"));
  ASSERT_EQ(warnings().size(), 1u);
  EXPECT_NE(warnings()[0].find("the handler of Report.quick held the server's thread for 4000 ms"), std::string::npos)
      << warnings()[0];
  send(client, test::named_request(2, "Report.quick"));
  EXPECT_EQ(warnings().size(), 1u);
  send(client, joined(request(3, kEcho), test::named_request(4, "Report.other")));
  ASSERT_EQ(warnings().size(), 2u);
  EXPECT_NE(warnings()[1].find("a handler of one of action 1, Report.other"), std::string::npos) << warnings()[1];
  advance(1h);
  EXPECT_EQ(warnings().size(), 2u) << "time that passes while nothing runs is nobody's";
}

}  // namespace
}  // namespace razor::stream
