#include "faults/network/call_rules.h"

#include <algorithm>

#include "faults/rule.h"
#include "faults/values.h"

namespace razor::faults {

void CallRules::on_sent(const ConnectionFacts& connection, runtime::SpanId span, std::uint64_t number) const {
  RAZOR_RULE(8, number > connection.last_asked, "{} #{}: the number is not above {}, which was there before",
             connection.name(), number, connection.last_asked);
  RAZOR_RULE(18, span > connection.last_asked_span, "{} #{}: sent behind a call that was made later", connection.name(),
             number);
}

void CallRules::on_dispatched(const ConnectionFacts& connection, std::uint64_t number) const {
  check_connection_is_open(connection, number);
  if (!connection.client_is_trusted) return;
  const bool is_next = connection.dispatched.empty() || number > connection.dispatched.back();
  const bool was_dispatched = connection.was_dispatched(number);
  RAZOR_RULE(8, !was_dispatched, "{} #{}: dispatched twice", connection.name(), number);
  RAZOR_RULE(18, is_next || was_dispatched, "{} #{}: dispatched behind #{}", connection.name(), number,
             connection.dispatched.back());
  RAZOR_RULE(6, number <= connection.last_asked, "{} #{}: dispatched, and was never sent", connection.name(), number);
  RAZOR_RULE(13, std::ranges::find(connection.said_no, number) == connection.said_no.end(),
             "{} #{}: dispatched, and its caller was told that it did not run", connection.name(), number);
}

void CallRules::check_connection_is_open(const ConnectionFacts& connection, std::uint64_t number) const {
  RAZOR_RULE(17, !connection.server_ended, "{} #{}: dispatched, and the server has ended the connection", connection.name(),
             number);
  if (!connection.server_told_at) return;
  const base::TimePoint told_at = *connection.server_told_at;
  const base::Duration told_for = tracker_.now() - told_at;
  const bool was_accepted_then = connection.first_dispatched_at < told_at;
  const bool had_time = told_for > limits_.at_once && connection.server_facts.resumed_at < told_at && was_accepted_then;
  RAZOR_RULE(17, !had_time, "{} #{}: dispatched {} after the connection was reset", connection.name(), number,
             to_rounded_text(told_for));
}

void CallRules::on_failed(const ConnectionFacts& connection, const SpanFacts& span, const runtime::SpanEnd& end) const {
  if (connection.client_is_trusted && connection.server_is_trusted) {
    RAZOR_RULE(9, errc_of(end.outcome) != "bad_frame", "{}: ended for what an honest peer sent: {}", connection.name(),
               end.detail);
  }
  if (span.number == 0 || !says_not_run(end.outcome)) return;
  RAZOR_RULE(13, !connection.was_dispatched(span.number),
             "{} #{}: dispatched, and its caller was told that it did not run: {}", connection.name(), span.number,
             end.outcome);
}

void CallRules::on_ended_again(const ConnectionFacts& connection, const SpanFacts& span) const {
  RAZOR_RULE(span.asks ? 1 : 16, false, "{} #{}: ended twice", connection.name(), span.number);
}

void CallRules::check_all() const {
  for (const SpanFacts& span : tracker_.spans()) {
    if (!span.is_open || span.asks) continue;
    const ConnectionFacts* connection = tracker_.find_connection(span.connection);
    RAZOR_RULE(16, connection == nullptr, "{} #{}: the request was never answered", connection->name(), span.number);
  }
}

}  // namespace razor::faults
