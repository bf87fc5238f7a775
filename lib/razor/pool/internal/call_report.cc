#include "razor/pool/internal/call_report.h"

#include <algorithm>

#include "razor/base/format.h"
#include "razor/base/out_of_memory.h"
#include "razor/base/time_text.h"

namespace razor::pool {

using base::Duration;
using base::Errc;

namespace {

std::string_view reason_of(CallState state, bool any_healthy, bool is_connected) {
  switch (state) {
    case CallState::queued:
      if (!any_healthy) return "no address was healthy";
      return is_connected ? "it waited for room on a connection" : "it waited for a connection";
    case CallState::backing_off: return "its next attempt was still to come";
    case CallState::awaiting_budget: return "the retry budget was spent";
    case CallState::draft:
    case CallState::in_flight:
    case CallState::failing:
    case CallState::ended: break;
  }
  return "its deadline had passed when it was submitted";
}

}  // namespace

void TriedAddresses::note(const runtime::Address& address, std::string said) {
  auto found = std::ranges::find(tried_, address, &Tried::address);
  if (found == tried_.end()) {
    if (!base::catching_bad_alloc([&] { tried_.push_back({address, 0, {}}); })) return;
    found = tried_.end() - 1;
  }
  ++found->times;
  found->said = std::move(said);
}

std::string TriedAddresses::to_string() const {
  std::string text;
  for (const Tried& tried : tried_) {
    text += base::format("; tried {} {} time{}: {}", tried.address, tried.times, tried.times == 1 ? "" : "s", tried.said);
  }
  return text;
}

std::string report_text(std::string_view call_name, std::string_view what, const TriedAddresses* tried,
                        std::string_view addresses, const CallStages& stages) {
  std::string text = base::format("call {}: {}", call_name, what);
  if (tried != nullptr) text += tried->to_string();
  text += addresses;
  return text + "; time: " + stages.to_string();
}

std::string cause_text(std::string_view call_name, const base::CallError& error, Duration timeout) {
  if (error.errc() == Errc::deadline_exceeded) return "no answer within " + base::span_text(timeout);
  const std::string name = base::format("call {}", call_name);
  std::string_view detail = error.detail();
  if (detail.starts_with(name)) {
    detail.remove_prefix(name.size());
    if (const std::size_t colon = detail.find(": "); colon != detail.npos) detail.remove_prefix(colon + 2);
  }
  return std::string(detail);
}

std::string expired_text(CallState state, Duration timeout, bool any_healthy, bool is_connected) {
  // A call without any time left has no reason of the pool's.
  if (timeout <= Duration::zero()) return "its time was over when it was submitted";
  return base::format("no answer within {}: {}", base::span_text(timeout), reason_of(state, any_healthy, is_connected));
}

}  // namespace razor::pool
