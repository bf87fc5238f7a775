#pragma once
// Callers: they keep calling through one ClientStream or FailoverPool. Each makes its next call when its last one has ended;
// all stop with the load, or when the stream has ended. A pool never does: it fails over.
//
// Four ways to call: the api or the stream interface, each with callbacks (no coroutine frame anywhere) or with coroutines
// at both ends.

#include <fmt/format.h>

#include "razor/razor.h"
#include "tests/node/calculator.h"
#include "tests/node/file_actions.h"
#include "tests/node/load.h"

namespace razor::node {

// --- How calls end ---------------------------------------------------------------------------------------------------

inline std::string kind_of(const CallError& error) {
  return fmt::format("{} (ran: {})", base::name_of(error.errc()), base::name_of(error.ran()));
}

template <class T, class E>
std::string kind_of(const Reply<T, E>& reply) {
  return reply.has_call_error() ? kind_of(reply.call_error()) : "application_error";
}

inline std::string kind_of(const Answer& answer) {
  return answer.kind() == Answer::Kind::failed ? kind_of(answer.error()) : "application_error";
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
        callers_(load.runtime.spawner()),
        finished_(load.runtime.spawner()) {}

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
  bool goes_on() const { return !load_.stopping && is_open(through_); }

  void start_caller() {
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

  void count(const Reply<std::string>& reply, base::TimePoint begun) {
    if (reply.ok() && reply->size() == load_.payload.size()) {
      succeeded(begun);
    } else {
      load_.end_failed(begun, kind_of(reply));
    }
  }

  Task<void> api_caller() {
    while (goes_on()) {
      const base::TimePoint begun = load_.begin();
      const Reply<std::string> reply = co_await calculator_.echo_coroutine(load_.payload);
      count(reply, begun);
    }
    caller_done();
  }

  void api_call() {
    if (!goes_on()) return caller_done();
    const base::TimePoint begun = load_.begin();
    calculator_.echo.start(
        [this, begun](const Reply<std::string>& reply) {
          count(reply, begun);
          api_call();
        },
        load_.payload);
  }

  IoRequest write_request() const { return IoRequest(1, 0, load_.payload.size()); }

  void count(const Answer& answer, base::TimePoint begun) {
    IoResponse response;
    if (answer.decode(response) && response.ret_size == load_.payload.size()) {
      succeeded(begun);
    } else {
      load_.end_failed(begun, kind_of(answer));
    }
  }

  Task<void> stream_caller() {
    while (goes_on()) {
      const base::TimePoint begun = load_.begin();
      const OwnedAnswer answer = co_await through_.call(kWrite, write_request(), load_.call_options, load_.blob);
      count(*answer, begun);
    }
    caller_done();
  }

  void stream_call() {
    if (!goes_on()) return caller_done();
    const base::TimePoint begun = load_.begin();
    through_.submit(ClientTask(kWrite, write_request(),
                               [this, begun](const Answer& answer) {
                                 count(answer, begun);
                                 stream_call();
                               })
                        .with_blob(load_.blob)
                        .with_options(load_.call_options));
  }

  Load& load_;
  Through& through_;
  Client<CalculatorService> calculator_;
  unsigned callers_left_ = 0;
  bool has_answered_ = false;
  runtime::TaskScope callers_;
  Event finished_;
};

}  // namespace razor::node
