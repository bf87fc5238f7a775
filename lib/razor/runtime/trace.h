#pragma once
// TraceSink: who is told what goes on inside the library, as spans and events with names: calls, requests, pings. A sink
// can draw them, or keep a ledger of them, without knowing RPC. A Runtime has no sink unless its maker gives it one, and
// then nobody puts a name together: a call costs a look at a null pointer.

#include <cstdint>
#include <string_view>

#include "razor/runtime/address.h"

namespace razor::runtime {

/// Given by a sink to each span, never twice.
using SpanId = std::uint64_t;
inline constexpr SpanId kNoSpan = 0;

/// What begins. All of it lives during the call only.
struct SpanStart {
  /// A thing that is done over a connection has a span at both ends.
  enum class Side : std::uint8_t { asks, answers };

  Side side;
  std::string_view name;  ///< "CalculatorService.add"; may hold any bytes, where a peer has sent it
  /// The ends of the connection, as both sides name them: the one that connected, and the one that accepted.
  const Address& client;
  const Address& server;
};

/// How a span ends. It lives during the call only.
struct SpanEnd {
  bool answered;             ///< an answer came, or left; false where the asking side gave up
  std::string_view outcome;  ///< a word or two: "ok", "error 22", "deadline_exceeded (ran: maybe)"
  std::string_view detail;   ///< a sentence, or empty
};

/// Threads: those of the Runtimes it is given to.
class TraceSink {
 public:
  virtual ~TraceSink() = default;

  /// Returns the id by which the reporter names the span in what follows; kNoSpan: of this one it need not report more.
  virtual SpanId begin_span(const SpanStart& start) = 0;

  /// The span has its number among those of the connection. The other side's span of the same connection and number
  /// belongs to it. At most once; a span that never leaves its host has none.
  virtual void number_span(SpanId span, std::uint64_t number) = 0;

  /// Something happened in the span: "waits for room", "abandoned". With kNoSpan: somewhere in the Runtime.
  virtual void event(SpanId span, std::string_view name) = 0;

  /// The last of the span. One whose machine crashes may never end.
  virtual void end_span(SpanId span, const SpanEnd& end) = 0;
};

}  // namespace razor::runtime

namespace razor {
using runtime::TraceSink;
}  // namespace razor
