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

}  // namespace
}  // namespace razor::stream
