// EventLog gives back what was put in, whatever the numbers: a log that rounds or truncates would let replay miss, or invent,
// a difference.

#include "sim/event_log.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/pick.h"

namespace razor::sim {
namespace {

using test::pick;
using test::pick_of;

std::uint64_t any_number() {
  const auto bits = *rc::gen::arbitrary<std::uint64_t>();
  return pick_of<std::uint64_t>({bits, bits >> pick(0, 64), 0, 127, 128, ~std::uint64_t{0}});
}

RC_GTEST_PROP(EventLog, GivesBackWhatWasPutIn, ()) {
  EventLog log;
  std::vector<Occurrence> expected;
  base::TimePoint time{};
  for (int count = pick(0, 50); count > 0; --count) {
    time += base::Duration(pick_of<std::int64_t>({0, 1, 1'000'000, pick<std::int64_t>(0, std::int64_t{1} << 50)}));
    const auto what = static_cast<EventKind>(pick<int>(0, kEventKindCount));
    const std::uint64_t where = any_number();
    const std::uint64_t value = any_number();
    expected.push_back({time, what, where, value});
    log.append(expected.back());
  }
  RC_ASSERT(log.size() == expected.size());
  EventLog::Reader reader(log);
  for (const Occurrence& occurrence : expected) RC_ASSERT(reader.next() == occurrence);
  RC_ASSERT(!reader.next());
  RC_ASSERT(!reader.next());
}

}  // namespace
}  // namespace razor::sim
