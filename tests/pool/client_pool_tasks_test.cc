// The stream interface over a pool: ClientTasks and StreamCalls, with blobs and errors of handlers.

#include "tests/pool/pool_fixture.h"

namespace razor::test {
namespace {

/// What became of a ClientTask.
struct Ended {
  int times = 0;
  std::string text;
};

stream::Completion note_in(const std::shared_ptr<Ended>& ended) {
  return [ended](const Response& answer) {
    ++ended->times;
    switch (answer.kind()) {
      case Response::Kind::success: {
        std::string message;
        EXPECT_TRUE(answer.decode(message));
        ended->text = fmt::format("'{}' with blob '{}'", message, base::as_text(answer.blob()));
        return;
      }
      case Response::Kind::error_number: ended->text = fmt::format("error {}", answer.number()); return;
      case Response::Kind::error_bytes: ended->text = fmt::format("error '{}'", base::as_text(answer.blob())); return;
      case Response::Kind::failed:
        ended->text = fmt::format("{}, ran: {}", name_of(answer.error().errc()), name_of(answer.error().ran()));
        return;
    }
  };
}

base::Bytes blob(std::string_view text) { return base::to_bytes(base::as_bytes(text)); }

class PoolTasksTest : public ClientPoolTest {
 protected:
  std::shared_ptr<Ended> submit(std::uint32_t action, const std::string& message, std::string_view with_blob = "",
                                const CallOptions& options = {}) {
    auto ended = std::make_shared<Ended>();
    ClientTask task(wire::Action(action), message, note_in(ended));
    pool().submit(std::move(task).with_blob(blob(with_blob)).with_options(options));
    return ended;
  }
};

TEST_F(PoolTasksTest, ATaskBringsItsMessageAndItsBlobAndGetsBoth) {
  const auto task = submit(kEcho, "hello", "blob");
  EXPECT_EQ(task->times, 0);  // never inside of submit
  run_for(1s);
  EXPECT_EQ(task->text, "'hello' with blob 'blob'");
  EXPECT_EQ(task->times, 1);
}

TEST_F(PoolTasksTest, TheBlobIsKeptForARetry) {
  server().dies_on_calls = true;
  server().dies_so_often = 2;
  const std::string large(100'000, 'x');
  const auto task = submit(kEcho, "hello", large, {.idempotent = true});
  run_for(1s);
  EXPECT_EQ(task->text, "'hello' with blob '" + large + "'");
  EXPECT_EQ(server().blobs, (std::vector<std::string>{large, large, large}));
  EXPECT_EQ(state().bytes, 0u);
}

TEST_F(PoolTasksTest, TheBlobCountsAsBytesOfTheCall) {
  config.bytes_max = 1000;
  submit(kEcho, "first", std::string(800, 'x'));
  EXPECT_GE(state().bytes, 800u);
  const auto second = submit(kEcho, "second", std::string(800, 'y'));
  run_for(1us);
  EXPECT_EQ(second->text, "overloaded, ran: no");
}

// CONTRACT 10.
TEST_F(PoolTasksTest, ErrorsOfTheHandlerArriveAsTheyAreAndAreNeverRetried) {
  const auto number = submit(kErrorNumber, "", "", {.idempotent = true});
  const auto text = submit(kErrorBytes, "no such file", "", {.idempotent = true});
  run_for(1s);
  EXPECT_EQ(number->text, "error 42");
  EXPECT_EQ(text->text, "error 'no such file'");
  EXPECT_EQ(server().runs.size(), 2u);
  EXPECT_EQ(stats().calls_answered, 2u);
  EXPECT_EQ(stats().retries, 0u);
}

// CONTRACT 12.
TEST_F(PoolTasksTest, ATaskThatIsNotIdempotentIsSentOnce) {
  server().dies_on_calls = true;
  const auto task = submit(kEcho, "hello");
  run_for(10s);
  EXPECT_EQ(task->text, "connection_lost, ran: maybe");
  EXPECT_EQ(server().runs.size(), 1u);
}

TEST_F(PoolTasksTest, ATaskThatIsDroppedIsCancelled) {
  auto ended = std::make_shared<Ended>();
  {
    const ClientTask task(wire::Action(kEcho), std::string("hello"), note_in(ended));
  }
  EXPECT_EQ(ended->text, "cancelled, ran: no");
}

TEST_F(PoolTasksTest, ACompletionThatThrowsHarmsNobody) {
  std::shared_ptr<Ended> other;
  pool().submit(ClientTask(wire::Action(kEcho), std::string("a"), [](const Response&) { throw std::runtime_error("oh"); }));
  other = submit(kEcho, "b");
  run_for(1s);
  EXPECT_EQ(other->text, "'b' with blob ''");
}

TEST_F(PoolTasksTest, ACompletionMaySubmitTheNextTask) {
  struct Chain {
    static void next(ClientPool& pool, int left, int& done) {
      if (left == 0) return;
      pool.submit(ClientTask(wire::Action(kEcho), std::string("again"), [&pool, left, &done](const Response& answer) {
        EXPECT_TRUE(answer.ok());
        ++done;
        next(pool, left - 1, done);
      }));
    }
  };
  int done = 0;
  Chain::next(pool(), 100, done);
  run_for(1s);
  EXPECT_EQ(done, 100);
}

// A failure that is answered by another submission is no loop inside of one turn.
TEST_F(PoolTasksTest, ACompletionThatSubmitsAgainAfterAFailureLetsOthersRun) {
  config.queue_calls_max = 1;
  server().kill();
  submit(kEcho, "waits", "", {.timeout = 1s});
  int refused = 0;
  struct Chain {
    static void next(ClientPool& pool, int& refused) {
      pool.submit(ClientTask(wire::Action(kEcho), std::string("again"), [&pool, &refused](const Response& answer) {
        EXPECT_EQ(answer.error().errc(), Errc::overloaded);
        if (++refused < 1000) next(pool, refused);
      }));
    }
  };
  Chain::next(pool(), refused);
  world.run_events(100);
  EXPECT_GT(refused, 0);
  EXPECT_LT(refused, 1000);
  run_for(500ms);
  EXPECT_EQ(refused, 1000);
}

TEST_F(PoolTasksTest, AStreamCallIsAwaitedAndGivesTheAnswer) {
  struct Caller {
    static Task<void> call(ClientPool& pool, std::string& got) {
      const OwnedResponse answer = co_await pool.call(wire::Action(kEcho), std::string("hello"), {}, blob("blob"));
      EXPECT_TRUE(answer->ok());
      got = base::as_text(answer->blob());
    }
  };
  std::string got;
  runtime::TaskScope scope(runtime().executor());
  scope.run_inline("a caller", Caller::call(pool(), got));
  run_for(1s);
  EXPECT_EQ(got, "blob");
}

}  // namespace
}  // namespace razor::test
