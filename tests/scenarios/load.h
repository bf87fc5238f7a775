#pragma once
// Load for scenarios: a service that notes what it runs, and callers that keep calls under way, connect again when their
// connection is lost, and note in the ledger how each call ended.

#include <fmt/format.h>

#include "razor/api/client.h"
#include "razor/api/server.h"
#include "razor/api/service.h"
#include "razor/runtime/event.h"
#include "razor/runtime/task_scope.h"
#include "razor/stream/client_stream.h"
#include "tests/scenarios/ledger.h"

namespace razor::test {

using namespace std::chrono_literals;

inline constexpr std::uint16_t kLoadPort = 7000;

struct Work {
  /// Takes `milliseconds` and gives back `payload`, which the ledger knows as call `id`.
  virtual Call<std::string> run(std::uint64_t id, std::uint32_t milliseconds, std::string payload) = 0;
  RAZOR_SERVICE(Work, run)
};

class WorkImpl final : public Work {
 public:
  WorkImpl(Runtime& runtime, Ledger& ledger, int& running_peak)
      : runtime_(runtime), ledger_(ledger), running_peak_(running_peak) {}

  Call<std::string> run(std::uint64_t id, std::uint32_t milliseconds, std::string payload) override {
    ledger_.dispatched(id);
    running_peak_ = std::max(running_peak_, ++running_);
    if (milliseconds > 0) co_await runtime_.clock().sleep_for(std::chrono::milliseconds(milliseconds));
    --running_;
    co_return payload;
  }

 private:
  Runtime& runtime_;
  Ledger& ledger_;
  int& running_peak_;
  int running_ = 0;
};

struct LoadServer {
  explicit LoadServer(Ledger& noted) : ledger(noted) {}

  Ledger& ledger;
  ServerConfig config{};
  int running_peak = 0;                              ///< handlers at a time, of one incarnation
  Server* serving = nullptr;                         ///< while it does
  base::Duration serve_for = base::Duration::max();  ///< then it closes gracefully
  base::Duration close_limit = 5s;

  Task<void> serve(Runtime& runtime) {
    Server server(runtime, config);
    server.add(std::make_shared<WorkImpl>(runtime, ledger, running_peak));
    const auto bound = server.listen(Address::tcp("0.0.0.0", kLoadPort));
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
  base::Duration timeout_least = 500ms;
  base::Duration timeout_most = 5s;
  std::uint64_t handler_ms_most = 50;
  std::uint64_t payload_most = 2000;
  ClientStreamConfig stream{};
};

class LoadCaller {
 public:
  LoadCaller(Ledger& ledger, Address server, const LoadConfig& config)
      : ledger_(ledger), server_(std::move(server)), config_(config) {}

  /// All its calls have completed, and it makes no more.
  bool finished() const { return finished_; }

  sim::Host::Program program() {
    return [this](Runtime& runtime) { return call(runtime); };
  }

 private:
  // Owned by the coroutine that makes the calls and by their completions, which come after it when its host crashes.
  struct UnderWay {
    explicit UnderWay(runtime::Spawner& spawner) : one_ended(spawner) {}
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
    const Client<Work> work(stream);
    const auto under_way = std::make_shared<UnderWay>(runtime.spawner());
    while ((stream.is_open() && runtime.clock().now() < until) || under_way->count > 0) {
      while (stream.is_open() && runtime.clock().now() < until && under_way->count < config_.in_flight) {
        ++under_way->count;
        const base::Duration timeout = random.between(config_.timeout_least, config_.timeout_most);
        const auto milliseconds = static_cast<std::uint32_t>(random.below(config_.handler_ms_most + 1));
        const std::size_t size = random.below(config_.payload_most + 1);
        const std::uint64_t id = ledger_.submitted(runtime.clock().now(), timeout);
        const std::string payload(size, static_cast<char>('a' + id % 26));
        work.with({.timeout = timeout})
            .run.start(
                [this, id, payload, under_way, &clock = runtime.clock()](const Reply<std::string>& reply) {
                  --under_way->count;
                  under_way->one_ended.set();
                  if (!reply.ok()) return ledger_.failed(id, reply.call_error(), clock.now(), config_.stream.tick);
                  ledger_.succeeded(id);
                  RAZOR_EXPECT(*reply == payload, "call {} got the answer of another", id);
                },
                id, milliseconds, payload);
      }
      under_way->one_ended.reset();
      co_await under_way->one_ended.wait();
    }
    const std::uint32_t places_taken = stream.stats().in_flight;
    RAZOR_EXPECT(places_taken == 0, "{} places in the window are taken, and no call is under way", places_taken);
  }

  Ledger& ledger_;
  Address server_;
  LoadConfig config_;
  bool finished_ = false;
};

}  // namespace razor::test
