#pragma once
// What a ConnectionTracker knows: of hosts, of connections, of attempts to connect, and of the calls and requests that are
// reported as spans. Plain data; the rules read it.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "razor/base/time.h"
#include "razor/runtime/trace.h"

namespace razor::sim {
class Host;
}

namespace razor::faults {

struct HostFacts {
  bool is_untrusted = false;  ///< may send anything: nothing that it says is believed
  bool is_unpooled = false;   ///< its connections are not made by a pool
  base::TimePoint resumed_at = base::TimePoint::min();        ///< of the world
  base::TimePoint resumed_at_local = base::TimePoint::min();  ///< of its clock
};

/// A call (at the client) or a request (at the server).
struct SpanFacts {
  std::uint64_t connection = 0;  ///< 0: of none that is known
  std::uint64_t number = 0;      ///< on its connection; 0: not sent yet
  std::uint64_t host = 0;
  bool asks = false;  ///< a call
  bool is_open = false;
};

/// The errc of an outcome: "unreachable" of "unreachable (ran: no)".
inline std::string_view errc_of(std::string_view outcome) { return outcome.substr(0, outcome.find(' ')); }
/// The caller was told that its call did not run.
inline bool says_not_run(std::string_view outcome) { return outcome.ends_with("(ran: no)"); }

/// One connection, as both ends and the network between them show it. Times are the world's unless they say otherwise.
struct ConnectionFacts {
  std::uint64_t number;
  const sim::Host& client;
  const sim::Host& server;
  const HostFacts& client_facts;
  const HostFacts& server_facts;
  std::uint16_t client_port;
  std::uint16_t server_port;
  bool client_is_trusted;
  bool server_is_trusted;
  base::TimePoint established_at;

  // --- The client's side
  std::uint64_t last_asked = 0;  ///< the highest number that was sent
  runtime::SpanId last_asked_span = runtime::kNoSpan;
  std::uint32_t asks_open = 0;  ///< calls that are sent and have not ended
  std::optional<base::TimePoint> over_window_since{};
  base::TimePoint owed_since{};            ///< of the client's clock: since then at least one call waits
  base::TimePoint heard_at{};              ///< likewise: bytes came
  base::TimePoint acknowledged_at{};       ///< likewise: the server's system had bytes, and could say so
  base::TimePoint asked_at{};              ///< likewise: the server's system had bytes, whether or not it could say so
  base::TimePoint nothing_under_way_at{};  ///< likewise: the client's system had nothing that could be acknowledged
  std::optional<base::TimePoint> took_call_at{};  ///< the last time
  std::vector<std::uint64_t> said_no{};  ///< numbers of calls whose callers were told that they did not run
  bool client_ended = false;     ///< it sent its end or a reset, or is gone
  bool client_was_told = false;  ///< of an end, a reset, or that its system gave up
  bool may_be_leaving = false;   ///< the pool has other addresses since

  // --- The server's side
  std::vector<std::uint64_t> dispatched{};  ///< numbers, rising
  std::optional<base::TimePoint> first_dispatched_at{};
  std::uint32_t answers_open = 0;                   ///< handlers that have not ended
  std::optional<base::TimePoint> answer_since{};    ///< a handler ended then, and the server has written nothing since
  bool server_ended = false;                        ///< it sent its end or a reset, or is gone
  std::optional<base::TimePoint> server_told_at{};  ///< of a reset, or that its system gave up

  bool is_reported = false;  ///< a rule that goes on being broken is reported once

  bool is_live() const { return !client_ended && !client_was_told; }
  bool was_dispatched(std::uint64_t call) const;
  bool has_same_ends(const ConnectionFacts& other) const {
    return &other.client == &client && &other.server == &server && other.server_port == server_port;
  }
  /// "caller:40001 > server:7000"
  std::string name() const;
};

/// Attempts of one host to connect to one address. Times are of the host's clock unless they say otherwise.
struct ConnectFacts {
  const sim::Host& from;
  const sim::Host& to;
  std::uint16_t port;

  struct Attempt {
    std::uint16_t client_port;
    base::TimePoint begun_at;
    bool is_alone;  ///< there was no connection: a pool backs off differently from one that it lacks than from one more
  };
  std::vector<Attempt> open{};  ///< in the order they began; may be given up by now
  std::deque<base::TimePoint> within_a_minute{};
  std::optional<base::TimePoint> refused_that_began_at{};  ///< the last attempt, if it was refused
  std::uint32_t refusals = 0;  ///< since the last connection, or a moment that might have begun the back-off anew
  int gaps_without_jitter = 0;  ///< in a row

  // Of the world's clock
  std::optional<base::TimePoint> lost_at{};  ///< a connection with calls under way was lost, and no byte has come since
  base::TimePoint heard_at = base::TimePoint::min();           ///< bytes came from there
  base::TimePoint had_connection_at = base::TimePoint::min();  ///< a connection that worked ended

  /// "caller > server:7000"
  std::string name() const;
};

}  // namespace razor::faults
