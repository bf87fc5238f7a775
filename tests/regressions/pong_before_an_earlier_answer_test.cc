// A ping was answered at once, so its pong overtook the answers of earlier calls. A reference client reads answers in the
// order in which it registers its requests, takes such a pong for the answer of a request still to be registered, and
// stops reading: a call that takes longer than the second between two pings ends with rpc_timeout after 20 s. Without the
// fix the pong comes first here. A prompt ping, which only clients of ours send, is answered at once all the same.

#include <set>

#include "tests/stream/server_fixture.h"

namespace razor::stream {
namespace {

using test::joined;
using test::ping;
using test::prompt_ping;
using test::request;
using Seqs = std::vector<std::uint64_t>;

class PongBeforeAnEarlierAnswer : public ServerFixture {
 protected:
  // What a reference client reads: it stops at a pong that overtakes an earlier call.
  static std::size_t read_by_a_reference_client(const ScriptedClient& client, const std::set<std::uint64_t>& pings) {
    std::set<std::uint64_t> answered;
    for (const test::SeenAnswer& answer : client.answers) {
      answered.insert(answer.seq);
      if (!pings.contains(answer.seq)) continue;
      for (std::uint64_t earlier = 1; earlier < answer.seq; ++earlier) {
        if (!answered.contains(earlier)) return answered.size() - 1;
      }
    }
    return answered.size();
  }
};

TEST_F(PongBeforeAnEarlierAnswer, AReferenceClientThatPingsDuringALongCallGetsAllItsAnswers) {
  ScriptedClient& client = connect();
  send(client, request(1, kHold));
  std::set<std::uint64_t> pings;
  for (std::uint64_t seq = 2; seq <= 10; ++seq) {  // a ping each second, and a quick call beside each
    advance(1s);
    if (seq % 2 == 0) pings.insert(seq);
    send(client, seq % 2 == 0 ? ping(seq) : request(seq, kEcho));
  }
  EXPECT_EQ(client.seqs(), (Seqs{3, 5, 7, 9})) << "no pong overtakes call 1; answers may";
  answer_held("after nine seconds");
  EXPECT_EQ(read_by_a_reference_client(client, pings), 10u);
  EXPECT_EQ(client.seqs(), (Seqs{3, 5, 7, 9, 1, 2, 4, 6, 8, 10}));
}

TEST_F(PongBeforeAnEarlierAnswer, APromptPingOvertakesRunningHandlersAndAnswersOfItsBatch) {
  ScriptedClient& client = connect();
  send(client, joined(request(1, kHold), request(2, kEcho), prompt_ping(3)));
  EXPECT_EQ(client.seqs(), (Seqs{3, 2}));
  answer_held();
  EXPECT_EQ(client.seqs(), (Seqs{3, 2, 1}));
}

}  // namespace
}  // namespace razor::stream
