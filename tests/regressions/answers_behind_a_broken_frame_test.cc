// A peer that broke the protocol while handlers of its earlier requests ran had its connection shut for writing at once. When
// those handlers answered, their answers were written to it nevertheless, which failed, and ended the connection before the
// peer had read why it was refused.

#include "tests/stream/server_fixture.h"

namespace razor::stream {
namespace {

using test::joined;
using test::request;
using test::RequestBytes;

class AnswersBehindABrokenFrame : public ServerFixture {};

TEST_F(AnswersBehindABrokenFrame, WhatItSentBeforeIsStillAnswered) {
  ScriptedClient& client = connect();
  send(client, joined(request(1, kHold), request(2, kHold), RequestBytes{.version = 3, .seq = 3}.bytes()));
  expect_framework_error(client, 3, "rpc_invalid_ver");
  EXPECT_TRUE(client.sees_open()) << "handlers still run";
  answer_held("one");
  answer_held("two");
  EXPECT_EQ(client.answer(1).msg, "one");
  EXPECT_EQ(client.answer(2).msg, "two");
  EXPECT_TRUE(client.sees_end());
}

}  // namespace
}  // namespace razor::stream
