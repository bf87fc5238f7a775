#pragma once
// CallRules: what holds of single calls and requests on a connection. Rules 1, 6, 8, 9, 13, 16 (each request is answered once),
// 17 and 18.

#include "faults/network/connection_tracker.h"

namespace razor::faults {

class CallRules {
 public:
  /// Both outlive it.
  CallRules(const ConnectionTracker& tracker, const NetworkLimits& limits) : tracker_(tracker), limits_(limits) {}

  void on_sent(const ConnectionFacts& connection, runtime::SpanId span, std::uint64_t number) const;
  void on_dispatched(const ConnectionFacts& connection, std::uint64_t number) const;
  void on_failed(const ConnectionFacts& connection, const SpanFacts& span, const runtime::SpanEnd& end) const;
  void on_ended_again(const ConnectionFacts& connection, const SpanFacts& span) const;
  /// When all handlers have ended.
  void check_all() const;

 private:
  void check_connection_is_open(const ConnectionFacts& connection, std::uint64_t number) const;

  const ConnectionTracker& tracker_;
  const NetworkLimits& limits_;
};

}  // namespace razor::faults
