#pragma once
// Load for scenarios: a server, and callers that keep calls under way on one connection, connect again when it is lost, and
// note in the ledger how each call ended.

#include <fmt/format.h>

#include "razor/runtime/event.h"
#include "razor/runtime/task_scope.h"
#include "razor/stream/client_stream.h"
#include "razor/stream/deadline_wheel.h"
#include "tests/scenarios/work_server.h"

namespace razor::test {

struct LoadServer {
  explicit LoadServer(faults::Ledger& noted) : ledger(noted) {}

  faults::Ledger& ledger;
  ServerConfig config{};
  WorkHooks hooks{};
  Server* serving = nullptr;                         ///< while it does
  base::Duration serve_for = base::Duration::max();  ///< then it closes gracefully
  base::Duration close_limit = 5s;

  Task<void> serve(Runtime& runtime) {
    Server server(runtime, config);
    server.add(std::make_shared<WorkService>(runtime, ledger, hooks));
    const auto bound = server.listen(Address::tcp("0.0.0.0", kWorkPort));
    RAZOR_REQUIRE(bound.ok(), "listen: {}", bound.error().message());
    const Serving now_serving(*this, server);
    co_await runtime.clock().sleep_for(serve_for);
    co_await server.close(close_limit);
  }
  sim::Host::Program program() {
    return [this](Runtime& runtime) { return serve(runtime); };
  }

 private:
  struct Serving {
    Serving(LoadServer& owner, Server& server) : load(owner) { load.serving = &server; }
    ~Serving() { load.serving = nullptr; }
    LoadServer& load;
  };
};

/// How a caller behaves.
struct LoadConfig {
  int in_flight = 8;
  base::Duration stop_after = 20s;  ///< makes no more calls then, and waits for the last
  base::Duration timeout_min = 500ms;
  base::Duration timeout_max = 5s;
  std::uint64_t handler_ms_max = 50;
  std::uint64_t payload_max = 2000;
  ClientStreamConfig stream{};
};

class LoadCaller {
 public:
  LoadCaller(faults::Ledger& ledger, Address server, const LoadConfig& config)
      : ledger_(ledger), server_(std::move(server)), config_(config) {}

  /// All its calls have completed, and it makes no more.
  bool finished() const { return finished_; }

  sim::Host::Program program() {
    return [this](Runtime& runtime) { return call(runtime); };
  }

 private:
  // Owned by the coroutine that makes the calls and by their completions, which come after it when its host crashes.
  struct UnderWay {
    explicit UnderWay(runtime::Executor& executor) : one_ended(executor) {}
    int count = 0;
    runtime::Event one_ended;
  };

  Task<void> call(Runtime& runtime) {
    sim::RandomStream random(runtime.random().seed_for("load"));
    const base::TimePoint until = runtime.clock().now() + config_.stop_after;
    while (runtime.clock().now() < until) {
      auto stream = co_await ClientStream::connect(runtime, server_, config_.stream);
      if (!stream) {
        co_await runtime.clock().sleep_for(200ms);
        continue;
      }
      co_await call_on(runtime, *stream, until, random);
      co_await stream->close(1s);
    }
    finished_ = true;
  }

  Task<void> call_on(Runtime& runtime, ClientStream& stream, base::TimePoint until, sim::RandomStream& random) {
    const Client<Work> client(stream);
    const auto under_way = std::make_shared<UnderWay>(runtime.executor());
    while ((stream.is_open() && runtime.clock().now() < until) || under_way->count > 0) {
      while (stream.is_open() && runtime.clock().now() < until && under_way->count < config_.in_flight) {
        ++under_way->count;
        const base::Duration timeout = random.between(config_.timeout_min, config_.timeout_max);
        const auto milliseconds = static_cast<std::uint32_t>(random.below(config_.handler_ms_max + 1));
        const std::size_t size = random.below(config_.payload_max + 1);
        Order order = order_of(milliseconds, std::string(size, static_cast<char>('a' + ledger_.calls() % 26)));
        faults::CallTerms terms{.name = "Work.once", .caller = this_host(), .timeout = timeout};
        terms.tick = stream::tick_of(timeout, config_.stream.tick);
        terms.servers_know_deadlines = config_.stream.hello != HelloMode::off;
        terms.may_end_unsent = true;  // no other connection would cure what ends this one
        note_submitted(ledger_, order, terms);
        client.with({.timeout = timeout})
            .once.start(
                [this, id = order.id, under_way](const Reply<Product, std::string>& reply) {
                  --under_way->count;
                  under_way->one_ended.set();
                  work::note_end(ledger_, id, reply);
                },
                order);
      }
      under_way->one_ended.reset();
      co_await under_way->one_ended.wait();
    }
    const std::uint32_t places_taken = stream.stats().in_flight;
    RAZOR_EXPECT(places_taken == 0, "{} places in the window are taken, and no call is under way", places_taken);
  }

  faults::Ledger& ledger_;
  Address server_;
  LoadConfig config_;
  bool finished_ = false;
};

}  // namespace razor::test
