#pragma once
// CallReport: the texts of calls that failed: which addresses were tried, what they said, and where the time went. A person
// finds the cause from them. Pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "razor/base/error.h"
#include "razor/pool/internal/call_queue.h"
#include "razor/runtime/address.h"

namespace razor::pool {

/// The addresses that a call was sent to, how often, and what each said last.
class TriedAddresses {
 public:
  /// Left out where memory is refused.
  void note(const runtime::Address& address, std::string said);
  /// "; tried 10.0.0.2:8082 2 times: connection_lost: ..." for each, in the order of their first attempts.
  std::string to_string() const;

 private:
  struct Tried {
    runtime::Address address;
    std::uint32_t times;
    std::string said;
  };
  std::vector<Tried> tried_;
};

/// "call Work.once: the pool is closed; tried ...; 10.0.0.2:8082 is down: ...; time: connecting 1.2 s".
/// `tried`: null for a call that was not sent. `addresses`: what is wrong with the addresses of the pool, or nothing.
std::string report_text(std::string_view call_name, std::string_view what, const TriedAddresses* tried,
                        std::string_view addresses, const CallStages& stages);

/// The detail of a failed attempt without the name of the call, with which that of a stream begins. `timeout` is the caller's:
/// what was left of it for the attempt is of no interest.
std::string cause_text(std::string_view call_name, const base::CallError& error, base::Duration timeout);

/// Why a call in `state` has expired: "no answer within 2 s: it waited for a connection".
std::string expired_text(CallState state, base::Duration timeout, bool any_healthy, bool is_connected);

/// What is wrong with the addresses of a pool: "; 10.0.0.2:8082 is down: connect: Connection refused" for each that calls
/// may be waiting for; empty: nothing. `entries` are those of its AddressBook.
template <class Entries>
std::string addresses_text(const Entries& entries) {
  if (entries.empty()) return "; the pool has no addresses";
  std::string text;
  for (const auto& entry : entries) {
    if (entry.endpoint->is_unusable()) text += "; " + entry.endpoint->unusable_text();
  }
  return text;
}

}  // namespace razor::pool
