#include "faults/network/liveness_rules.h"

#include <algorithm>

#include "faults/rule.h"
#include "faults/values.h"

namespace razor::faults {

using base::Duration;
using base::TimePoint;

void LivenessRules::on_call_assigned(const ConnectionFacts& connection, const ConnectFacts& address) const {
  if (!address.lost_at) return;
  const Duration lost_for = tracker_.now() - *address.lost_at;
  // Bytes that came shortly before the loss may have been taken for the answer to the ping that came of it.
  const bool is_known_lost = lost_for < kPoolForgetsAfter && address.heard_at + limits_.ping_timeout < tracker_.now();
  RAZOR_RULE(29, !is_known_lost, "{}: a call goes there, where the last was lost {} ago and nothing was heard since",
             connection.name(), to_rounded_text(lost_for));
}

void LivenessRules::on_failed(const ConnectionFacts& connection, const runtime::SpanEnd& end) const {
  if (errc_of(end.outcome) != "connection_lost" || connection.client_was_told) return;
  const bool was_awake = connection.client_facts.resumed_at + limits_.at_once < tracker_.now();
  if (!was_awake || end.detail.find("memory") != end.detail.npos) return;
  const TimePoint now = connection.client.clock_now();
  const Duration silence = now - connection.heard_at;
  RAZOR_RULE(26, silence >= limits_.ping_interval + limits_.ping_timeout - limits_.at_once,
             "{}: given up, and bytes had come {} ago: {}", connection.name(), to_rounded_text(silence), end.detail);
  const Duration unacknowledged = now - connection.acknowledged_at;
  RAZOR_RULE(26, unacknowledged >= limits_.ping_timeout - limits_.at_once,
             "{}: given up, and its machine had acknowledged bytes {} ago: {}", connection.name(),
             to_rounded_text(unacknowledged), end.detail);
  sim::Connection* made = tracker_.real(connection);
  RAZOR_RULE(26, made == nullptr || made->from(0).unacknowledged().bytes > 0,
             "{}: given up, and its machine had acknowledged everything: {}", connection.name(), end.detail);
}

bool LivenessRules::check_silence(const ConnectionFacts& connection) const {
  if (!connection.client.is_up() || connection.client.is_paused() || connection.asks_open == 0) return false;
  const TimePoint now = connection.client.clock_now();
  const TimePoint asked_since = std::max(
      {connection.owed_since, connection.heard_at, connection.acknowledged_at, connection.client_facts.resumed_at_local});
  const Duration silence = now - std::max(asked_since, connection.nothing_under_way_at);
  const bool is_dead = silence > limits_.ping_interval + limits_.ping_timeout + limits_.acknowledgement_check_interval +
                                     limits_.tick + limits_.at_once;
  RAZOR_RULE(26, !is_dead, "{}: {} calls wait, and for {} nothing came or was acknowledged", connection.name(),
             connection.asks_open, to_rounded_text(silence));
  // A process that owes responses, on a machine that is alive, is pinged again and again: else it would not show that the
  // machine has died meanwhile.
  const sim::Connection* made = tracker_.real(connection);
  const auto unacknowledged = made == nullptr ? std::nullopt : made->socket(0).unacknowledged();
  const bool is_not_asked = unacknowledged && unacknowledged->bytes == 0 &&
                            now - std::max(asked_since, connection.asked_at) >
                                2 * (limits_.ping_interval + limits_.ping_timeout) + limits_.at_once;
  RAZOR_RULE(26, !is_not_asked, "{}: {} calls wait, nothing came for {}, and nothing was asked", connection.name(),
             connection.asks_open, to_rounded_text(now - connection.heard_at));
  return is_dead || is_not_asked;
}

}  // namespace razor::faults
