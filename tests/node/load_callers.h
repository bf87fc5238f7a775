#pragma once
// Callers: they keep calling through one ClientStream or FailoverPool. Each makes its next call when its last one has ended;
// all stop with the load, or when the stream has ended. A pool never does: it fails over.
//
// With a rate each of them waits for its turn in between (Pace), so calls begin whether or not others are answered.
//
// Four ways to call: the api or the stream interface, each with callbacks (no coroutine frame anywhere) or with coroutines
// at both ends. And WorkerService.work, for tests of overload.

#include <fmt/format.h>

#include "razor/razor.h"
#include "tests/node/calculator.h"
#include "tests/node/file_actions.h"
#include "tests/node/load.h"
#include "tests/node/worker.h"

namespace razor::node {

// --- How calls end ---------------------------------------------------------------------------------------------------

inline std::string kind_of(const CallError& error) {
  return fmt::format("{} (ran: {})", base::name_of(error.errc()), base::name_of(error.ran()));
}

template <class T, class E>
std::string kind_of(const Reply<T, E>& reply) {
  return reply.has_call_error() ? kind_of(reply.call_error()) : "application_error";
}

inline std::string kind_of(const Response& answer) {
  return answer.kind() == Response::Kind::failed ? kind_of(answer.error()) : "application_error";
}

template <class T, class E>
bool is_expired(const Reply<T, E>& reply) {
  return reply.has_call_error() && reply.call_error().errc() == Errc::deadline_exceeded;
}
inline bool is_expired(const Response& answer) {
  return answer.kind() == Response::Kind::failed && answer.error().errc() == Errc::deadline_exceeded;
}

// --- Callers ---------------------------------------------------------------------------------------------------------

inline bool is_open(const ClientStream& stream) { return stream.is_open(); }
inline bool is_open(const FailoverPool&) { return true; }

template <class Through>
class Callers {
 public:
  /// Both outlive the callers.
  Callers(Load& load, Through& through)
      : load_(load),
        through_(through),
        calculator_(Client<CalculatorService>(through).with(load.call_options)),
        worker_(Client<WorkerService>(through).with(load.call_options)),
        callers_(load.runtime.executor()),
        finished_(load.runtime.executor()) {}

  /// As many as calls are to be in flight; done when all have stopped.
  Task<void> run() {
    for (unsigned caller = 0; caller < load_.options.in_flight; ++caller) {
      ++callers_left_;
      start_caller();
    }
    co_await finished_.wait();
  }
  bool has_answered() const { return has_answered_; }

 private:
  bool goes_on() const { return load_.goes_on() && is_open(through_); }

  void start_caller() {
    if (load_.options.interface == "worker") return worker_call();
    const bool coroutine = load_.options.handler == "coroutine";
    if (load_.options.interface == "api") {
      if (coroutine) return callers_.spawn("api caller", api_caller());
      return api_call();
    }
    if (coroutine) return callers_.spawn("stream caller", stream_caller());
    stream_call();
  }

  void succeeded(base::TimePoint begun) {
    has_answered_ = true;
    load_.end(begun);
  }

  void caller_done() {
    if (--callers_left_ == 0) finished_.set();
  }

  // Begins a call of a caller without a coroutine; when there is a rate, in its turn.
  void call_in_turn(void (Callers::*begin_call)(base::TimePoint)) {
    if (!goes_on()) return caller_done();
    const std::optional<base::TimePoint> turn = load_.next_turn();
    if (turn) return callers_.spawn("turn of a caller", wait_for_turn(*turn, begin_call));
    (this->*begin_call)(load_.begin());
  }
  Task<void> wait_for_turn(base::TimePoint turn, void (Callers::*begin_call)(base::TimePoint)) {
    co_await load_.runtime.clock().sleep_until(turn);
    if (!goes_on()) {
      caller_done();
      co_return;
    }
    (this->*begin_call)(load_.begin(turn));
  }

  // With a history: the id of the call that begins now. Else empty.
  std::string recorded() {
    if (load_.history == nullptr) return {};
    return load_.history->invoke({.op = "echo", .timeout = load_.call_options.timeout});
  }
  // What a call carries: with a history, its text begins with its id.
  std::string text_of(std::string id) const {
    if (id.empty()) return load_.payload;
    if (id.size() < load_.payload.size()) id.resize(load_.payload.size(), ' ');
    return id;
  }

  void count(const Reply<std::string>& reply, base::TimePoint begun, const std::string& id) {
    if (!id.empty()) record(reply, id);
    if (!reply.ok()) return load_.end_failed(begun, kind_of(reply), is_expired(reply));
    const bool is_echo = id.empty() ? reply->size() == load_.payload.size() : *reply == text_of(id);
    is_echo ? succeeded(begun) : load_.end_failed(begun, "another text came back", false);
  }
  void record(const Reply<std::string>& reply, const std::string& id) {
    if (reply.ok()) return load_.history->ok(id);
    if (reply.has_call_error()) return load_.history->complete(id, reply.call_error());
    load_.history->failed(id, kind_of(reply), base::Ran::yes);
  }

  Task<void> api_caller() {
    while (goes_on()) {
      const std::optional<base::TimePoint> turn = load_.next_turn();
      if (turn) co_await load_.runtime.clock().sleep_until(*turn);
      if (!goes_on()) break;
      const base::TimePoint begun = load_.begin(turn);
      const std::string id = recorded();
      std::string recorded_text;
      if (!id.empty()) recorded_text = text_of(id);
      const std::string& text = id.empty() ? load_.payload : recorded_text;
      const Reply<std::string> reply = co_await calculator_.echo_coroutine(text);
      count(reply, begun, id);
    }
    caller_done();
  }

  void api_call() { call_in_turn(&Callers::begin_api_call); }
  void begin_api_call(base::TimePoint begun) {
    if (load_.history != nullptr) return begin_recorded_call(begun);
    calculator_.echo.start(
        [this, begun](const Reply<std::string>& reply) {
          count(reply, begun, {});
          api_call();
        },
        load_.payload);
  }
  void begin_recorded_call(base::TimePoint begun) {
    const std::string id = recorded();
    calculator_.echo.start(
        [this, begun, id](const Reply<std::string>& reply) {
          count(reply, begun, id);
          api_call();
        },
        text_of(id));
  }

  void worker_call() { call_in_turn(&Callers::begin_worker_call); }
  void begin_worker_call(base::TimePoint begun) {
    const base::TimePoint until = load_.runtime.clock().now() + *load_.call_options.timeout;
    worker_.work.start(
        [this, begun](const Reply<std::int64_t>& reply) {
          reply.ok() ? succeeded(begun) : load_.end_failed(begun, kind_of(reply), is_expired(reply));
          worker_call();
        },
        until.time_since_epoch().count());
  }

  bool goes_up() const { return load_.options.direction == "up"; }
  std::uint32_t io_action() const { return goes_up() ? kWrite : kRead; }
  IoRequest io_request() const { return IoRequest(1, 0, load_.options.payload); }

  void count(const Response& answer, base::TimePoint begun) {
    IoResponse response;
    const bool is_whole = goes_up() || is_read_blob(answer.blob(), load_.options.payload);
    if (answer.decode(response) && response.ret_size == load_.options.payload && is_whole) {
      succeeded(begun);
    } else {
      load_.end_failed(begun, kind_of(answer), is_expired(answer));
    }
  }

  Task<void> stream_caller() {
    while (goes_on()) {
      const std::optional<base::TimePoint> turn = load_.next_turn();
      if (turn) co_await load_.runtime.clock().sleep_until(*turn);
      if (!goes_on()) break;
      const base::TimePoint begun = load_.begin(turn);
      const OwnedResponse answer = co_await through_.call(io_action(), io_request(), load_.call_options, load_.blob);
      count(*answer, begun);
    }
    caller_done();
  }

  void stream_call() { call_in_turn(&Callers::begin_stream_call); }
  void begin_stream_call(base::TimePoint begun) {
    through_.submit(ClientTask(io_action(), io_request(),
                               [this, begun](const Response& answer) {
                                 count(answer, begun);
                                 stream_call();
                               })
                        .with_blob(load_.blob)
                        .with_options(load_.call_options));
  }

  Load& load_;
  Through& through_;
  Client<CalculatorService> calculator_;
  Client<WorkerService> worker_;
  unsigned callers_left_ = 0;
  bool has_answered_ = false;
  runtime::TaskScope callers_;
  Event finished_;
};

}  // namespace razor::node
