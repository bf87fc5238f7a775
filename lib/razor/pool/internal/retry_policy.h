#pragma once
// RetryPolicy: what becomes of a call whose attempt failed. Reads whether the attempt ran, and nothing else: not what
// failed, nor how. Pure.

#include <cstdint>

#include "razor/base/error.h"

namespace razor::pool {

class RetryPolicy {
 public:
  explicit RetryPolicy(std::uint32_t retry_limit) : retry_limit_(retry_limit) {}

  enum class Verdict {
    give_up,  ///< the call ends with this failure
    move,     ///< it did not run: another connection takes it; at once if it was not sent, else after a back-off
    retry,    ///< it may have run, and may run again: after a back-off, within the budget
  };

  /// `attempts`: those that were sent, this one included if it was.
  Verdict after(base::Ran ran, bool idempotent, std::uint32_t attempts) const {
    switch (ran) {
      case base::Ran::no: return Verdict::move;
      case base::Ran::maybe: return idempotent && may_attempt(attempts) ? Verdict::retry : Verdict::give_up;
      case base::Ran::yes: return Verdict::give_up;
    }
    return Verdict::give_up;
  }

  /// Whether one more may be sent after so many: a retry, or a hedge.
  bool may_attempt(std::uint32_t attempts) const { return attempts <= retry_limit_; }
  std::uint32_t retry_limit() const { return retry_limit_; }

 private:
  std::uint32_t retry_limit_;
};

}  // namespace razor::pool
