// Event: who waits is woken once, in order, in a turn of its own. A waiter lost or woken inside set() would show in the
// notes below.

#include "razor/runtime/event.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <vector>

#include "tests/support/manual_runtime.h"

namespace razor::runtime {
namespace {

using test::ManualExecutor;
using test::Running;

Task<void> note_when_set(Event& event, std::vector<int>& notes, int number) {
  co_await event.wait();
  notes.push_back(number);
}

class EventTest : public testing::Test {
 protected:
  std::unique_ptr<Running<void>> waiter(int number) {
    return std::make_unique<Running<void>>(note_when_set(event_, notes_, number));
  }

  std::vector<int> notes_;
  ManualExecutor executor_;
  Event event_{executor_};
};

TEST_F(EventTest, WakesAllWhoWaitInTheOrderTheyCame) {
  const auto one = waiter(1), two = waiter(2), three = waiter(3);
  EXPECT_FALSE(event_.is_set());
  event_.set();
  EXPECT_TRUE(event_.is_set());
  EXPECT_TRUE(notes_.empty()) << "woken inside set()";
  executor_.run_all();
  EXPECT_EQ(notes_, (std::vector{1, 2, 3}));
}

TEST_F(EventTest, StaysSetUntilItIsReset) {
  event_.set();
  event_.set();
  const auto at_once = waiter(1);
  EXPECT_EQ(notes_, (std::vector{1}));
  event_.reset();
  const auto waits = waiter(2);
  executor_.run_all();
  EXPECT_EQ(notes_, (std::vector{1}));
  event_.set();
  executor_.run_all();
  EXPECT_EQ(notes_, (std::vector{1, 2}));
}

TEST_F(EventTest, WhoWasWokenBeforeTheResetIsWokenStill) {
  const auto one = waiter(1);
  event_.set();
  event_.reset();
  executor_.run_all();
  EXPECT_EQ(notes_, (std::vector{1}));
}

TEST_F(EventTest, AWaiterThatIsDestroyedLeavesTheOthersInOrder) {
  const auto one = waiter(1);
  auto two = waiter(2);
  const auto three = waiter(3);
  auto four = waiter(4);
  two.reset();
  event_.set();
  four.reset();  // woken, but it has not run
  executor_.run_all();
  EXPECT_EQ(notes_, (std::vector{1, 3}));
}

TEST_F(EventTest, MayBeDestroyedOnceTheWaitersAreWoken) {
  std::optional<Event> event(executor_);
  const Running<void> running(note_when_set(*event, notes_, 1));
  event->set();
  event.reset();
  executor_.run_all();
  EXPECT_EQ(notes_, (std::vector{1}));
}

TEST_F(EventTest, WhoWaitsForADestroyedEventIsNeverWoken) {
  std::optional<Event> event(executor_);
  std::optional<Running<void>> running(std::in_place, note_when_set(*event, notes_, 1));
  event.reset();
  executor_.run_all();
  EXPECT_FALSE(running->finished());
  running.reset();
  EXPECT_TRUE(notes_.empty());
}

}  // namespace
}  // namespace razor::runtime
