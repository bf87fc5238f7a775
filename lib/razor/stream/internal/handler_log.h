#pragma once
// HandlerLog: what a server says of its handlers: those that hold its thread, those that throw, and requests that do not decode.
// Each line is said once, or once a minute, for each method, however often a peer makes the same mistake. Private to stream.

#include <exception>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "razor/base/log.h"
#include "razor/base/time.h"
#include "razor/runtime/address.h"
#include "razor/stream/server_stats.h"
#include "razor/wire/frame.h"

namespace razor::stream {

class HandlerLog {
 public:
  /// `log` and `stats` outlive it.
  HandlerLog(base::LogSink& log, ServerStats& stats, base::Duration slow_after);

  // --- The turn in which a connection dispatches what it has read
  void begin_turn(base::TimePoint now) {
    turn_began_ = now;
    turn_.clear();
  }
  /// A handler is about to run. The name is borrowed until the turn ends.
  void add(const wire::Action& action) { turn_.push_back(action); }
  /// The turn has to end before another handler runs.
  bool turn_is_full() const { return turn_.size() == kTurnRequestsMax; }
  /// Another turn begins. A handler of this one that held the thread for too long is named.
  void end_turn(base::TimePoint now, const runtime::Address& peer) {
    const base::Duration took = now - turn_began_;
    if (took > slow_after_ && !turn_.empty()) [[unlikely]]
      log_slow_turn(took, peer);
    begin_turn(now);
  }

  void on_exception(std::string_view handler, const std::exception_ptr& exception, const runtime::Address& peer);
  void on_undecodable(std::string_view method, std::string_view why, const runtime::Address& peer, base::TimePoint now);

 private:
  static constexpr std::size_t kTurnRequestsMax = 16;

  [[gnu::cold]] void log_slow_turn(base::Duration took, const runtime::Address& peer);

  base::LogSink& log_;
  ServerStats& stats_;
  base::Duration slow_after_;
  std::vector<wire::Action> turn_;  // of the requests since the clock was read last, what they asked for
  base::TimePoint turn_began_{};
  std::set<std::string> slow_;  // whose slowness was logged
  std::map<std::string, base::TimePoint, std::less<>> undecodable_;  // of methods that are served: when logged last
};

}  // namespace razor::stream
