#include "faults/network_oracle.h"

namespace razor::faults {

NetworkOracle::NetworkOracle(sim::World& world, const NetworkLimits& limits)
    : limits_(limits), tracker_(world, limits_, *this) {}

void NetworkOracle::check_all() {
  tracker_.check_now();
  calls_.check_all();
}

void NetworkOracle::on_call_assigned(const ConnectionFacts& connection, const ConnectFacts& address) {
  liveness_.on_call_assigned(connection, address);
  connects_.on_call_assigned(connection);
}

void NetworkOracle::on_call_sent(const ConnectionFacts& connection, runtime::SpanId span, std::uint64_t number) {
  calls_.on_sent(connection, span, number);
}

void NetworkOracle::on_call_failed(const ConnectionFacts& connection, const SpanFacts& span, const runtime::SpanEnd& end) {
  calls_.on_failed(connection, span, end);
  liveness_.on_failed(connection, end);
}

void NetworkOracle::on_dispatched(const ConnectionFacts& connection, std::uint64_t number) {
  load_.on_dispatched(connection);
  calls_.on_dispatched(connection, number);
}

void NetworkOracle::on_ended_again(const ConnectionFacts& connection, const SpanFacts& span) {
  calls_.on_ended_again(connection, span);
}

void NetworkOracle::on_check(ConnectionFacts& connection) {
  if (connection.is_reported) return;
  // Each is asked, so that all that is broken is told.
  const bool window = load_.check_window(connection);
  const bool silence = liveness_.check_silence(connection);
  const bool responses = load_.check_responses(connection);
  connection.is_reported = window || silence || responses;
}

void NetworkOracle::on_connect(const ConnectFacts& address) { connects_.on_connect(address); }

void NetworkOracle::on_connect_after_refusal(ConnectFacts& address, base::Duration gap) {
  connects_.on_connect_after_refusal(address, gap);
}

void NetworkOracle::on_connect_alive(const ConnectFacts& address, bool is_last) {
  connects_.on_connect_alive(address, is_last);
}

}  // namespace razor::faults
