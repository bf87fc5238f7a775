// What a TraceSink is told of calls, here on real sockets. Without it both lists below would be empty; with addresses or
// numbers that the two ends do not agree on, nobody could tell which request a call became.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "razor/runtime/asio/asio_runtime.h"
#include "razor/stream/client_stream.h"
#include "razor/stream/rpc_server.h"
#include "sim/fmt_address.h"
#include "tests/support/plain_config.h"

namespace razor::stream {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

// Writes each span down as lines: what, whose side, name and connection, or what the end said.
class Notes final : public runtime::TraceSink {
 public:
  runtime::SpanId begin_span(const runtime::SpanStart& start) override {
    const bool asks = start.side == runtime::SpanStart::Side::asks;
    connections.push_back(fmt::format("{} > {}", start.client.to_string(), start.server.to_string()));
    spans.push_back(fmt::format("{} {}", asks ? "call" : "request", start.name));
    return spans.size();
  }
  void number_span(runtime::SpanId span, std::uint64_t number) override {
    spans.at(span - 1) += fmt::format(" #{}", number);
  }
  void event(runtime::SpanId span, std::string_view name) override { spans.at(span - 1) += fmt::format(", {}", name); }
  void end_span(runtime::SpanId span, const runtime::SpanEnd& end) override {
    spans.at(span - 1) += fmt::format("; {}{}", end.answered ? "answered " : "", end.outcome);
  }

  std::vector<std::string> spans;
  std::vector<std::string> connections;
};

struct Answerer final : Dispatch {
  void dispatch(const Request& request, Responder respond) override {
    if (request.action == wire::Action("late")) {
      kept.push_back(std::move(respond));
    } else if (request.action == wire::Action(7)) {
      respond.fail(22);
    } else {
      respond.reply();
      for (Responder& one : kept) one.fail(base::Errc::internal);
      kept.clear();
    }
  }
  std::vector<Responder> kept;
};

runtime::Task<void> call(runtime::Runtime& runtime, runtime::Address address) {
  ClientStreamConfig config = test::plain_config();
  config.window = 2;
  config.queue_calls_max = 1;
  auto stream = co_await ClientStream::connect(runtime, address, config);
  {
    auto late = stream->call("late", 0);
    auto second = stream->call(7, 0);
    auto third = stream->call("now", 0);
    const auto refused = co_await stream->call("too many", 0);
    (void)co_await std::move(second);
    (void)co_await std::move(third);
    (void)co_await std::move(late);
  }
  {
    const auto abandoned = stream->call("now", 0);
  }
  co_await stream->close(1s);
}

TEST(CallTrace, TellsHowEachCallWentAndWhichRequestItBecame) {
  Notes calls, requests;
  Answerer answerer;
  asio::AsioConfig server_config;
  server_config.trace = &requests;
  asio::AsioConfig client_config;
  client_config.trace = &calls;
  boost::asio::io_context context;
  asio::AsioRuntime server_runtime(context, server_config);
  asio::AsioRuntime client_runtime(context, client_config);
  RpcServer server(server_runtime, answerer);
  const auto address = server.listen(*runtime::Address::parse("127.0.0.1:0"));
  ASSERT_TRUE(address.ok());
  client_runtime.executor().spawn("caller", call(client_runtime, *address));
  const auto all_ended = [&] { return calls.spans.size() == 5 && calls.spans[4].find(';') != std::string::npos; };
  while (!all_ended()) ASSERT_GT(context.run_one_for(10s), 0u);

  EXPECT_THAT(calls.spans, ElementsAre("call late #1; answered internal", "call action 7 #2; answered error 22",
                                       "call now, waits for room #3; answered ok", "call too many; overloaded (ran: no)",
                                       "call now #4, abandoned; answered ok"));
  EXPECT_THAT(requests.spans, ElementsAre("request late #1; answered internal", "request action 7 #2; answered error 22",
                                          "request now #3; answered ok", "request now #4; answered ok"));
  EXPECT_THAT(calls.connections, testing::Each(requests.connections.at(0)));
  EXPECT_THAT(requests.connections, testing::Each(requests.connections.at(0)));
}

TEST(CallTrace, IsNobodysByDefault) {
  asio::AsioRuntime runtime;
  EXPECT_EQ(runtime.trace(), nullptr);
}

}  // namespace
}  // namespace razor::stream
