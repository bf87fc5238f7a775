// A server that closed gracefully in the middle of a large request shut its side, as it should, and dispatched nothing. The
// caller was told connection_lost (ran: maybe), since a part of the request had left; a call that was not idempotent was lost,
// though nobody can run half a request. CONTRACT 31: what was not dispatched is reported ran: no. Without the fix the first
// two tests end with connection_lost, ran: maybe.

#include "tests/pool/pool_fixture.h"

namespace razor::test {
namespace {

class UploadCutOffByAClose : public FailoverPoolTest {
 protected:
  static constexpr std::size_t kBlobBytes = 12'000'000;

  struct Sent {
    int times = 0;
    std::string text = "under way";
    std::size_t blob_bytes = 0;
  };

  // The other one, which the pool takes for the leader, closes in the middle of the upload.
  UploadCutOffByAClose() : FailoverPoolTest(1) {
    world.fabric().set_link_config({.latency = {1ms, 0ms}, .bytes_per_second = 2'000'000, .split_one_in = 0});
    config.balance = Balance::leader;
    config.pool.stream.hello = HelloMode::off;  // else the server asks for no more calls before it refuses any
    closing().start([this](Runtime& runtime) { return serve_until_closed(runtime, *this); });
    run_for(1us);
  }
  sim::Host& closing() { return world.host("closing"); }
  std::vector<Address> listed() const override {
    std::vector<Address> all = {Address::tcp("closing", kPoolPort)};
    if (with_another) all.push_back(servers[0].address());
    return all;
  }

  std::shared_ptr<Sent> upload(const CallOptions& options, std::size_t blob_bytes = kBlobBytes) {
    auto sent = std::make_shared<Sent>();
    ClientTask task(wire::Action(kEcho), std::string("large"), [sent](const Response& answer) {
      ++sent->times;
      sent->blob_bytes = answer.blob().size();
      sent->text = answer.kind() == Response::Kind::failed
                       ? fmt::format("{}, ran: {}", name_of(answer.error().errc()), name_of(answer.error().ran()))
                       : "done";
    });
    pool().submit(std::move(task).with_blob(base::Bytes(blob_bytes)).with_options(options));
    return sent;
  }

  bool with_another = true;
  base::Duration closes_after = 2s;
  stream::ServerStats closed;  // as it was then

 private:
  struct CountsOnly final : Dispatch {
    void dispatch(const Request&, Responder respond) override { respond.reply(); }
  };
  static Task<void> serve_until_closed(Runtime& runtime, UploadCutOffByAClose& test) {
    CountsOnly dispatch;
    RpcServer server(runtime, dispatch);
    EXPECT_TRUE(server.listen(Address::tcp("0.0.0.0", kPoolPort)).ok());
    co_await runtime.clock().sleep_for(test.closes_after);
    co_await server.close(30s);
    test.closed = server.stats();
  }
};

TEST_F(UploadCutOffByAClose, TheCallIsSentToAnotherServerThoughItIsNotIdempotent) {
  const auto sent = upload({.timeout = 60s});
  EXPECT_TRUE(run_until([&] { return sent->times > 0; }, 70s));
  EXPECT_EQ(sent->text, "done");
  EXPECT_EQ(sent->blob_bytes, kBlobBytes);
  EXPECT_EQ(closed.dispatched, 0u);
  EXPECT_GT(closed.bytes_received, 3'000'000u) << "it was in the middle of it";
  EXPECT_EQ(servers[0].blobs.size(), 1u);
  EXPECT_EQ(stats().moves, 1u);
  EXPECT_EQ(stats().retries, 0u);
  EXPECT_EQ(stats().attempts, 2u);
}

// It costs a token: large messages are not sent again and again to whoever breaks them off.
TEST_F(UploadCutOffByAClose, ThatIsPaidForByTheBudget) {
  config.pool.retry.budget_burst = 0;
  const auto sent = upload({.timeout = 20s});
  EXPECT_TRUE(run_until([&] { return sent->times > 0; }, 30s));
  EXPECT_EQ(sent->text, "deadline_exceeded, ran: no");
  EXPECT_EQ(stats().attempts, 1u);
  EXPECT_EQ(servers[0].blobs.size(), 0u);
}

TEST_F(UploadCutOffByAClose, WithoutAnotherServerItDidNotRun) {
  with_another = false;
  const auto sent = upload({.timeout = 20s});
  EXPECT_TRUE(run_until([&] { return sent->times > 0; }, 30s));
  EXPECT_EQ(sent->text, "deadline_exceeded, ran: no");
  EXPECT_EQ(closed.dispatched, 0u);
}

// All of a request is on its way when the server closes, and arrives when it dispatches nothing any more: nobody can tell.
TEST_F(UploadCutOffByAClose, WhatHasLeftWholeMayHaveRun) {
  world.fabric().set_link_config({.latency = {100ms, 0ms}, .split_one_in = 0});
  with_another = false;
  const auto first = upload({.timeout = 20s}, 10);
  run_for(closes_after - 50ms);
  EXPECT_EQ(first->text, "done");
  const auto sent = upload({.timeout = 20s}, 10);
  run_for(1s);
  EXPECT_EQ(sent->text, "connection_lost, ran: maybe");
  EXPECT_EQ(stats().retries, 0u);
}

}  // namespace
}  // namespace razor::test
