#pragma once
// WorkerService: what `razor_node serve` offers to tests of overload: work of a fixed capacity, and what became of it.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "razor/api/service.h"
#include "razor/runtime/runtime.h"
#include "tests/support/one_at_a_time.h"

namespace razor::node {

/// What became of the calls of `work`.
struct WorkerCounts {
  std::uint64_t worked = 0;
  std::uint64_t wasted = 0;  ///< of those: the work ended after their callers' deadlines
  std::uint64_t left_out = 0;  ///< not worked for: the answer would have come too late
  RAZOR_FIELDS(WorkerCounts, worked, wasted, left_out)
};

struct WorkerService {
  /// Works for a fixed time, for one call after the other, in the order in which they came. Returns how long the call waited for its
  /// turn, in nanoseconds. `until`: the caller's deadline by the clock of this machine, in nanoseconds; only for `counts`.
  /// Errors: deadline_exceeded (it was not worked for): the server knows the deadline, and the answer would come after it.
  virtual Call<std::int64_t> work(std::int64_t until) = 0;
  virtual Call<WorkerCounts> counts() = 0;
  RAZOR_SERVICE(WorkerService, work, counts)
};

class Worker final : public WorkerService {
 public:
  /// `runtime` outlives the service. `length`: of the work for one call.
  Worker(runtime::Runtime& runtime, base::Duration length)
      : clock_(runtime.clock()), length_(length), worker_(runtime.executor()) {}

  Call<std::int64_t> work(std::int64_t until) override {
    const CallContext context = co_await razor::context();
    const base::TimePoint came = clock_.now();
    const test::OneAtATime::Turn turn = co_await worker_.turn();
    // While calls wait, the work for one begins when that for the one before it ends, also where this process woke up late.
    const base::TimePoint ends = std::max(clock_.now(), std::max(came, free_at_) + length_);
    const std::optional<base::TimePoint> deadline = context.deadline();
    if (deadline && *deadline < ends + kForTheWays) {
      ++counts_.left_out;
      co_return base::Errc::deadline_exceeded;
    }
    const base::Duration waited = clock_.now() - came;
    free_at_ = std::max(came, free_at_) + length_;
    co_await clock_.sleep_until(free_at_);
    ++counts_.worked;
    if (clock_.now().time_since_epoch().count() > until) ++counts_.wasted;
    co_return waited.count();
  }
  Call<WorkerCounts> counts() override { return counts_; }

 private:
  // Of the request, during which the caller's clock ran already, and of the answer.
  static constexpr base::Duration kForTheWays = std::chrono::milliseconds(10);

  runtime::Clock& clock_;
  base::Duration length_;
  base::TimePoint free_at_ = base::TimePoint::min();
  WorkerCounts counts_;
  test::OneAtATime worker_;
};

}  // namespace razor::node
