// A server whose process was stopped for longer than its limits of time found all its peers late when it went on, though
// their requests could be read, and their answers written, in the same instant: it closed them all.

#include "tests/stream/server_fixture.h"

namespace razor::stream {
namespace {

using test::request;

class LateAfterAPause : public ServerFixture {};

TEST_F(LateAfterAPause, APauseOfTheServerMakesNobodyLate) {
  ScriptedClient& idle = connect();
  ScriptedClient& in_a_head = connect();
  ScriptedClient& in_a_body = connect();
  ScriptedClient& silent = connect();
  ScriptedClient& slow = connect();
  const base::Bytes whole = request(2, kEcho, std::string(5000, 'x'));
  send(idle, request(1, kEcho));
  send(in_a_head, base::Bytes(whole.begin(), whole.begin() + 10));
  send(in_a_body, base::Bytes(whole.begin(), whole.begin() + 100));
  slow.reads = false;
  slow.peer().in().set_room(10);
  send(slow, request(1, kEcho, std::string(1000, 'x')));

  idle.send(request(2, kEcho));
  in_a_head.send(base::Bytes(whole.begin() + 10, whole.end()));
  in_a_body.send(base::Bytes(whole.begin() + 100, whole.end()));
  silent.send(request(2, kEcho));
  slow.peer().in().set_room(1'000'000);
  world_.pause(1h);
  run();
  for (ScriptedClient* client : {&idle, &in_a_head, &in_a_body, &silent}) {
    EXPECT_EQ(client->answer(2).flag, 0);
    EXPECT_TRUE(client->sees_open());
  }
  slow.look();
  EXPECT_EQ(slow.answer(1).msg.size(), 1000u);
  EXPECT_EQ(server_->stats().connections, 5u);
}

}  // namespace
}  // namespace razor::stream
