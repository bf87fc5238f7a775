// Call hooks at both ends of a connection: each call is told once at its start and once at its end, with what happened; a server's
// hook may refuse a request, which is not dispatched then.

#include "razor/stream/call_hook.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "razor/base/format.h"
#include "razor/stream/client_stream.h"
#include "razor/stream/rpc_server.h"
#include "tests/support/manual_world.h"

namespace razor::stream {
namespace {

using namespace std::chrono_literals;
using base::Errc;

struct ClientNotes final : ClientCallHook {
  void on_start(const CallInfo& call) override {
    lines.push_back(base::format("start {} {}", call.method, call.request_bytes));
  }
  void on_end(const CallInfo& call, const CallOutcome& outcome, const CallTimings& timings) override {
    lines.push_back(base::format("end {} {} {}", call.method, outcome.to_string(), outcome.response_bytes));
    last = timings;
    if (throws) throw std::runtime_error("a hook that fails");
  }
  std::vector<std::string> lines;
  CallTimings last;
  bool throws = false;
};

struct ServerNotes final : ServerCallHook {
  std::optional<Refusal> on_start(const CallInfo& call) override {
    lines.push_back(base::format("start {} {}", call.method, call.request_bytes));
    if (throws) throw std::runtime_error("a hook that fails");
    return refusal;
  }
  void on_end(const CallInfo& call, const CallOutcome& outcome, const CallTimings& timings) override {
    lines.push_back(base::format("end {} {} {}{}", call.method, outcome.to_string(), outcome.response_bytes,
                                 outcome.is_peer_there ? "" : ", nobody waits"));
    last = timings;
  }
  std::vector<std::string> lines;
  CallTimings last;
  std::optional<Refusal> refusal;
  bool throws = false;
};

// Echoes; keeps what is called "hold".
struct EchoDispatch final : Dispatch {
  void dispatch(const Request& request, Responder respond) override {
    ++dispatched;
    if (request.action == wire::Action("hold")) return held.push_back(std::move(respond));
    if (request.action == wire::Action("fail")) return respond.fail(22);
    respond.reply_encoded(request.msg);
  }
  int dispatched = 0;
  std::vector<Responder> held;
};

class CallHookTest : public testing::Test {
 protected:
  CallHookTest() {
    ServerConfig server_config;
    server_config.hook = &server_notes_;
    server_.emplace(world_, dispatch_, server_config);
    const auto address = runtime::Address::tcp("10.0.0.1", 80);
    EXPECT_TRUE(server_->listen(address).ok());
    ClientStreamConfig config;
    config.hook = &client_notes_;
    config.window = 2;
    config.tick = 10ms;
    struct Connecting {
      static runtime::Task<void> run(runtime::Runtime& runtime, runtime::Address to, ClientStreamConfig with,
                                     std::optional<ClientStream>& made) {
        auto connected = co_await ClientStream::connect(runtime, to, with);
        made.emplace(*std::move(connected));
      }
    };
    EXPECT_TRUE(world_.run_task(Connecting::run(world_, address, config, stream_), 1s));
  }
  ~CallHookTest() override {
    dispatch_.held.clear();
    stream_.reset();
    server_.reset();
    world_.run();
  }

  Response::Kind call(const char* action, std::string_view msg = {}) {
    Response::Kind kind{};
    stream_->submit(ClientTask::with_encoded(action, base::as_bytes(msg), [&](const Response& answer) {
      kind = answer.kind();
      number_ = answer.number();
      error_ = kind == Response::Kind::failed ? answer.error().message() : std::string(base::as_text(answer.blob()));
    }));
    world_.run();
    return kind;
  }

  test::ManualWorld world_;
  ClientNotes client_notes_;
  ServerNotes server_notes_;
  EchoDispatch dispatch_;
  std::optional<RpcServer> server_;
  std::optional<ClientStream> stream_;
  std::uint32_t number_ = 0;
  std::string error_;
};

using Lines = std::vector<std::string>;

TEST_F(CallHookTest, ACallIsToldOnceAtEachEndWithItsSizes) {
  EXPECT_EQ(call("Store.get", "12345"), Response::Kind::success);
  EXPECT_EQ(client_notes_.lines, (Lines{"start Store.get 5", "end Store.get success 5"}));
  EXPECT_EQ(server_notes_.lines, (Lines{"start Store.get 5", "end Store.get success 5"}));
}

TEST_F(CallHookTest, AnErrorOfTheHandlerIsNoFailureOfTheFramework) {
  EXPECT_EQ(call("fail"), Response::Kind::error_number);
  EXPECT_EQ(client_notes_.lines.back(), "end fail error 0");
  EXPECT_EQ(server_notes_.lines.back(), "end fail error 0");
}

TEST_F(CallHookTest, TimingsTellWaitingFromRunning) {
  stream_->submit(ClientTask("hold", [](const Response&) {}));
  stream_->submit(ClientTask("hold", [](const Response&) {}));
  stream_->submit(ClientTask("hold", [](const Response&) {}));  // above the window: it waits
  world_.run();
  world_.advance(100ms);
  dispatch_.held.at(0).reply();
  world_.run();
  EXPECT_EQ(client_notes_.last.total, 100ms);
  EXPECT_EQ(client_notes_.last.waiting, 0ms);
  EXPECT_EQ(server_notes_.last.running, 100ms);
  world_.advance(50ms);
  dispatch_.held.at(2).reply();
  world_.run();
  EXPECT_EQ(client_notes_.last.total, 150ms);
  EXPECT_EQ(client_notes_.last.waiting, 100ms);
  EXPECT_EQ(client_notes_.last.running, 50ms);
}

TEST_F(CallHookTest, AFailureSaysWhetherItMayHaveRun) {
  CallOptions options;
  options.timeout = 100ms;
  stream_->submit(ClientTask("hold", [](const Response&) {}).with_options(options));
  world_.run();
  world_.advance(1s);
  ASSERT_EQ(client_notes_.lines.size(), 2u);
  EXPECT_TRUE(client_notes_.lines[1].starts_with("end hold deadline_exceeded (ran: maybe): call hold on 10.0.0.1:80"))
      << client_notes_.lines[1];
}

TEST_F(CallHookTest, ACancelledCallEndsOnceThoughItsResponseComesLater) {
  {
    const StreamCall call = stream_->call_encoded("hold", {});
    world_.run();
  }
  EXPECT_EQ(client_notes_.lines, (Lines{"start hold 0", "end hold cancelled (ran: maybe) 0"}));
  dispatch_.held.at(0).reply();
  world_.run();
  EXPECT_EQ(client_notes_.lines.size(), 2u);
}

TEST_F(CallHookTest, AResponseThatNobodyWaitsForIsToldSo) {
  stream_->submit(ClientTask("hold", [](const Response&) {}));
  world_.run();
  server_.reset();
  dispatch_.held.at(0).reply();
  EXPECT_EQ(server_notes_.lines.back(), "end hold success 0, nobody waits");
}

TEST_F(CallHookTest, PingsAreNoCalls) {
  const StreamCall ping = stream_->ping();
  world_.run();
  EXPECT_TRUE(ping.done());
  EXPECT_TRUE(client_notes_.lines.empty());
  EXPECT_TRUE(server_notes_.lines.empty());
}

// --- Refusals --------------------------------------------------------------------------------------------------------

TEST_F(CallHookTest, ARefusedRequestIsNotDispatched) {
  server_notes_.refusal = Refusal(Errc::overloaded, "too many calls of 10.0.0.9");
  EXPECT_EQ(call("Store.get", "12345"), Response::Kind::failed);
  EXPECT_EQ(dispatch_.dispatched, 0);
  EXPECT_EQ(server_notes_.lines,
            (Lines{"start Store.get 5", "end Store.get overloaded (ran: no): too many calls of 10.0.0.9 0"}));
  EXPECT_EQ(server_->stats().refused, 1u);
  EXPECT_EQ(server_->stats().handlers, 0u);
  server_notes_.refusal.reset();
  EXPECT_EQ(call("Store.get", "12345"), Response::Kind::success);
}

TEST_F(CallHookTest, ARefusalMayBeAnErrorAsTheHandlersAre) {
  server_notes_.refusal = Refusal::with_number(13);
  EXPECT_EQ(call("Store.get"), Response::Kind::error_number);
  EXPECT_EQ(number_, 13u);
  server_notes_.refusal = Refusal::with_bytes(base::to_bytes(base::as_bytes("not allowed")));
  EXPECT_EQ(call("Store.get"), Response::Kind::error_bytes);
  EXPECT_EQ(error_, "not allowed");
  EXPECT_EQ(server_notes_.lines.back(), "end Store.get error 0");
  EXPECT_EQ(dispatch_.dispatched, 0);
}

TEST_F(CallHookTest, AHookThatThrowsLetsNothingPass) {
  server_notes_.throws = true;
  EXPECT_EQ(call("Store.get"), Response::Kind::failed);
  EXPECT_EQ(dispatch_.dispatched, 0);
  EXPECT_EQ(world_.log().errors.size(), 1u);
}

TEST_F(CallHookTest, AClientsHookThatThrowsChangesNothing) {
  client_notes_.throws = true;
  EXPECT_EQ(call("Store.get", "12345"), Response::Kind::success);
  EXPECT_EQ(world_.log().errors.size(), 1u);
}

}  // namespace
}  // namespace razor::stream
