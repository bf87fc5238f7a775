#pragma once
// What became of every call of a scenario, seen from both sides: the caller's, and that of the handlers. Stands outside of
// the simulated hosts: crashes do not reach it.

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "razor/base/error.h"
#include "razor/stream/deadline_wheel.h"
#include "sim/scenario.h"

namespace razor::test {

class Ledger {
 public:
  /// Callers that stand still, or whose host is gone, hear of their calls later than promised: then `times` are not checked.
  enum class Times { checked, unchecked };
  explicit Ledger(Times times = Times::checked) : times_(times) {}

  /// A call is about to be submitted, which may take until `timeout` is over. Gives its id. Times are the caller's: its
  /// clock may go faster or slower than the world's.
  /// It may run `runs_max` times: more than once where it is idempotent.
  std::uint64_t submitted(base::TimePoint now, base::Duration timeout, int runs_max = 1) {
    Entry& call = calls_.emplace_back();
    call.runs_max = runs_max;
    call.submitted_at = now;
    call.timeout = timeout;
    return calls_.size() - 1;
  }
  void dispatched(std::uint64_t id) {
    RAZOR_REQUIRE(id < calls_.size(), "call {} was never made", id);
    ++calls_[id].dispatched;
    RAZOR_EXPECT(calls_[id].dispatched <= calls_[id].runs_max, "call {} ran {} times", id, calls_[id].dispatched);
  }
  void succeeded(std::uint64_t id) {
    completed(id);
    ++succeeded_;
    RAZOR_EXPECT(calls_[id].dispatched > 0, "call {} succeeded and never ran", id);
  }
  void failed(std::uint64_t id, const base::CallError& error, base::TimePoint now, std::optional<base::Duration> fixed_tick) {
    completed(id);
    Entry& call = calls_[id];
    const base::Duration tick = stream::tick_of(call.timeout, fixed_tick);
    call.failed_with = error.errc();
    call.said_no = error.ran() == base::Ran::no;
    const base::Duration took = now - call.submitted_at;
    if (error.errc() == base::Errc::deadline_exceeded) {
      RAZOR_EXPECT(took >= call.timeout, "call {} timed out after {} ns of {}", id, took.count(), call.timeout.count());
    }
    RAZOR_EXPECT(times_ == Times::unchecked || took <= call.timeout + tick || now <= woke_at_, "call {} ended {} ns behind its deadline and a tick: {}", id,
                 (took - call.timeout - tick).count(), error.message());
  }
  /// The caller stood still until now: what became due meanwhile ends now.
  void caller_woke(base::TimePoint now) { woke_at_ = now; }
  /// At the end: every call completed once, and did not run where its caller was told so.
  void check() const {
    for (std::size_t id = 0; id < calls_.size(); ++id) {
      const Entry& call = calls_[id];
      RAZOR_EXPECT(call.completed == 1, "call {} completed {} times", id, call.completed);
      RAZOR_EXPECT(!(call.said_no && call.dispatched > 0), "call {} ran, and its caller was told that it did not", id);
    }
  }
  /// It ended with an error by which the handler says that it did nothing.
  void refused(std::uint64_t id) {
    completed(id);
    calls_[id].said_no = true;
  }
  /// Calls that have not ended.
  std::size_t under_way() const {
    return static_cast<std::size_t>(std::ranges::count_if(calls_, [](const Entry& call) { return call.completed == 0; }));
  }
  std::size_t calls() const { return calls_.size(); }
  std::size_t dispatched_count() const {
    return static_cast<std::size_t>(std::ranges::count_if(calls_, [](const Entry& call) { return call.dispatched > 0; }));
  }
  std::size_t succeeded_count() const { return succeeded_; }
  std::size_t failed_count(base::Errc errc) const {
    std::size_t count = 0;
    for (const Entry& call : calls_) count += call.failed_with == errc ? 1 : 0;
    return count;
  }

 private:
  struct Entry {
    base::TimePoint submitted_at{};
    base::Duration timeout{};
    int runs_max = 1;
    int dispatched = 0;
    int completed = 0;
    std::optional<base::Errc> failed_with{};
    bool said_no = false;
  };

  void completed(std::uint64_t id) {
    ++calls_[id].completed;
    RAZOR_EXPECT(calls_[id].completed == 1, "call {} completed twice", id);
  }

  Times times_;
  std::vector<Entry> calls_;
  std::size_t succeeded_ = 0;
  base::TimePoint woke_at_ = base::TimePoint::min();
};

}  // namespace razor::test
