#include "faults/network/load_rules.h"

#include <algorithm>

#include "faults/rule.h"
#include "faults/values.h"

namespace razor::faults {

void LoadRules::on_dispatched(const ConnectionFacts& connection) const {
  RAZOR_RULE(20, connection.answers_open <= limits_.handlers_per_connection_max, "{}: {} handlers at a time, of {}",
             connection.name(), connection.answers_open, limits_.handlers_per_connection_max);
}

bool LoadRules::check_window(const ConnectionFacts& connection) const {
  if (!connection.client.is_up() || connection.client.is_paused() || !connection.over_window_since) return false;
  const base::TimePoint since = std::max(*connection.over_window_since, connection.client_facts.resumed_at);
  const bool is_broken = tracker_.now() - since > limits_.at_once;
  RAZOR_RULE(20, !is_broken, "{}: {} calls are sent and unanswered, of {}", connection.name(), connection.asks_open,
             limits_.window);
  return is_broken;
}

bool LoadRules::check_responses(const ConnectionFacts& connection) const {
  if (!connection.answer_since || connection.server_ended || connection.server_told_at) return false;
  if (!connection.server.is_up() || connection.server.is_paused()) return false;
  const base::TimePoint now = tracker_.now();
  if (now - std::max(*connection.answer_since, connection.server_facts.resumed_at) <= limits_.at_once) return false;
  // A server whose write waits for room can do no more.
  const sim::Connection* made = tracker_.real(connection);
  const bool is_forgotten = made != nullptr && !made->socket(1).is_dead() && !made->socket(1).writer_waits();
  RAZOR_RULE(16, !is_forgotten, "{}: a response was given {} ago, and is not sent", connection.name(),
             to_rounded_text(now - *connection.answer_since));
  return is_forgotten;
}

}  // namespace razor::faults
