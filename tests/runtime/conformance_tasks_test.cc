// RuntimeConformance, Executor: what runs when, and what is destroyed when a task, a scope or the Runtime goes. What was
// not destroyed would keep its sentinel alive, what was not woken would keep `run` from ending, and what died too early
// or twice would stop ASan.

#include <algorithm>
#include <atomic>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "razor/runtime/bounded_queue.h"
#include "razor/runtime/event.h"
#include "razor/runtime/task_scope.h"
#include "razor/runtime/when.h"
#include "razor/runtime/with_deadline.h"
#include "tests/runtime/conformance_test.h"
#include "tests/support/coroutine_asserts.h"
#include "tests/support/live_count.h"
#include "tests/support/waiting.h"

namespace razor::test {
namespace {

using namespace std::chrono_literals;
using base::Bytes;
using base::ByteView;
using base::Result;
using base::TimePoint;
using runtime::BoundedQueue;
using runtime::Event;
using runtime::Executor;
using runtime::Listener;
using runtime::PostedTask;
using runtime::Task;
using runtime::TaskScope;
using runtime::when_all;
using runtime::when_any;
using runtime::with_deadline;

using Conformance = RuntimeConformance;
using Sentinel = LiveCount::Sentinel;

// --- Order -----------------------------------------------------------------------------------------------------------

Task<void> note(std::vector<int>& notes, int number) {
  notes.push_back(number);
  co_return;
}

Task<void> spawn_in_order(Conformance& test) {
  std::vector<int> notes;
  TaskScope scope(test.executor());
  for (int i = 0; i < 100; ++i) {
    if (i % 2 == 0) {
      scope.spawn("even", note(notes, i));
    } else {
      test.executor().spawn("odd", note(notes, i));
    }
  }
  EXPECT_TRUE(notes.empty()) << "ran inside spawn()";
  const bool all_ran = co_await eventually(test.clock(), [&notes] { return notes.size() == 100; });
  EXPECT_TRUE(all_ran);
  EXPECT_TRUE(std::ranges::is_sorted(notes));
}

TEST_P(RuntimeConformance, SpawnedTasksStartInTheOrderOfSpawning) {
  if (!maker().runs_in_order()) GTEST_SKIP() << "the order is another each time";
  run(spawn_in_order(*this));
}

TEST_P(RuntimeConformance, WhatIsSpawnedBeforeTheRuntimeRunsStartsInOrderToo) {
  if (!maker().runs_in_order()) GTEST_SKIP() << "the order is another each time";
  std::vector<int> notes;
  for (int i = 0; i < 3; ++i) executor().spawn("early", note(notes, i));
  EXPECT_TRUE(notes.empty());
  run(note(notes, 3));
  EXPECT_EQ(notes, (std::vector{0, 1, 2, 3}));
}

Task<void> spin(Executor& executor, const bool& stop, std::size_t& spins) {
  while (!stop) {
    ++spins;
    co_await NextTurn(executor);
  }
}

Task<void> live_beside_a_spinner(Conformance& test) {
  bool stop = false;
  std::size_t spins = 0;
  TaskScope scope(test.executor());
  scope.spawn("spinner", spin(test.executor(), stop, spins));
  for (int i = 0; i < 3; ++i) {
    co_await test.clock().sleep_for(1ms);
    const StreamPair pair = co_await test.connected_pair();
    const Result<void> written = co_await write_owned(*pair.client, Pattern::bytes(10));
    EXPECT_TRUE(written.ok());
    const Result<Bytes> got = co_await read_up_to(*pair.server, 10);
    EXPECT_TRUE(got.ok());
  }
  EXPECT_GT(spins, 0u);
  stop = true;
}

TEST_P(RuntimeConformance, ATaskThatKeepsWakingItselfStarvesNeitherTimersNorSockets) {
  if (!maker().time_passes_while_busy()) GTEST_SKIP() << "time waits for it";
  run(live_beside_a_spinner(*this));
}

Task<void> spin_side_by_side(Conformance& test) {
  bool stop = false;
  std::vector<std::size_t> spins(5);
  TaskScope scope(test.executor());
  for (std::size_t& count : spins) scope.spawn("spinner", spin(test.executor(), stop, count));
  co_await turns(test.executor(), 1000);
  stop = true;
  const auto [least, most] = std::ranges::minmax(spins);
  EXPECT_GT(least, 0u);
  EXPECT_LE(most - least, 1u) << "turns are not taken in order";
}

TEST_P(RuntimeConformance, TasksThatAreReadyTakeTurns) {
  if (!maker().runs_in_order()) GTEST_SKIP() << "the order is another each time";
  run(spin_side_by_side(*this));
}

// --- Destroying what waits -------------------------------------------------------------------------------------------

// What a task may wait for, and whether it is still good when that task is gone.
struct Things {
  Things(Conformance& conformance, StreamPair idle, StreamPair full)
      : test(conformance), idle_pair(std::move(idle)), full_pair(std::move(full)) {
    full_channel.try_send(1);
  }

  Conformance& test;
  Event event{test.executor()};
  BoundedQueue<int> empty_channel{test.executor(), 1};
  BoundedQueue<int> full_channel{test.executor(), 1};
  StreamPair idle_pair;  // nothing to read
  StreamPair full_pair;  // nobody reads what its client writes
  std::size_t written = 0;
  std::unique_ptr<Listener> listener = test.listen();
};

Task<std::unique_ptr<Things>> make_things(Conformance& test) {
  StreamPair idle = co_await test.connected_pair();
  StreamPair full = co_await test.connected_pair();
  co_return std::make_unique<Things>(test, std::move(idle), std::move(full));
}

Task<void> wait_for_event(Things& things) { co_await things.event.wait(); }
Task<void> use_event(Things& things) {
  TaskScope scope(things.test.executor());
  std::vector<int> notes;
  auto note_when_set = [](Event& event, std::vector<int>& list) -> Task<void> {
    co_await event.wait();
    list.push_back(1);
  };
  scope.run_inline("waits", note_when_set(things.event, notes));
  things.event.set();
  const bool woken = co_await eventually(things.test.clock(), [&notes] { return notes.size() == 1; });
  EXPECT_TRUE(woken);
}

Task<void> wait_in_sleep(Things& things) { co_await things.test.clock().sleep_for(1h); }
Task<void> use_sleep(Things& things) { co_await things.test.clock().sleep_for(1us); }

Task<void> wait_for_value(Things& things) { (void)co_await things.empty_channel.receive(); }
Task<void> use_value(Things& things) {
  const bool sent = co_await things.empty_channel.send(5);
  EXPECT_TRUE(sent);
  const std::optional<int> received = co_await things.empty_channel.receive();
  EXPECT_EQ(received, 5);
}

Task<void> wait_for_place(Things& things) { (void)co_await things.full_channel.send(2); }
Task<void> use_place(Things& things) {
  auto [first, sent] = co_await when_all(things.full_channel.receive(), things.full_channel.send(3));
  EXPECT_EQ(first, 1);
  EXPECT_TRUE(sent);
  const std::optional<int> second = co_await things.full_channel.receive();
  EXPECT_EQ(second, 3) << "the value of the cancelled send was queued";
}

Task<void> wait_for_bytes(Things& things) {
  Bytes buffer(10);
  (void)co_await things.idle_pair.server->read(buffer);
}
Task<void> use_bytes(Things& things) {
  const Result<void> written = co_await write_owned(*things.idle_pair.client, Pattern::bytes(10));
  EXPECT_TRUE(written.ok());
  const Result<Bytes> got = co_await read_up_to(*things.idle_pair.server, 10);
  EXPECT_TRUE(got.ok() && Pattern::matches(*got, 0));
}

// Writes until there is no room, and then waits for some.
Task<void> wait_for_room(Things& things) {
  const Bytes bytes = Pattern::bytes(65'521);
  while (true) {
    const ByteView left = ByteView(bytes).subspan(things.written % bytes.size());
    const Result<std::size_t> result = co_await things.full_pair.client->write(std::span(&left, 1));
    if (!result) co_return;
    things.written += *result;
  }
}
Task<void> use_room(Things& things) {
  auto write_end = [](runtime::ByteStream& stream, std::size_t offset) -> Task<void> {
    const Result<void> written = co_await write_owned(stream, Pattern::bytes(10, offset));
    EXPECT_TRUE(written.ok());
    EXPECT_TRUE(stream.shutdown_write());
  };
  auto [nothing, got] =
      co_await when_all(write_end(*things.full_pair.client, things.written), read_to_end(*things.full_pair.server));
  CO_ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->size(), things.written + 10);
  EXPECT_TRUE(Pattern::matches(*got, 0));
}

Task<void> wait_for_connection(Things& things) { (void)co_await things.listener->accept(); }
Task<void> use_connection(Things& things) {
  auto [connected, accepted] =
      co_await when_all(things.test.network().connect(things.listener->address()), things.listener->accept());
  EXPECT_TRUE(connected.ok());
  EXPECT_TRUE(accepted.ok());
}

Task<void> wait_in_connect(Things& things) {
  const std::optional<runtime::Address> address = things.test.maker().address_that_hangs();
  if (address) (void)co_await things.test.network().connect(*address);
  co_await things.event.wait();
}
Task<void> wait_in_lookup(Things& things) {
  const std::optional<runtime::Address> address = things.test.maker().address_without_host();
  if (address) (void)co_await things.test.network().connect(*address);
  co_await things.event.wait();
}

Task<void> wait_for_task(Things& things) { co_await wait_for_event(things); }
Task<void> wait_for_all(Things& things) { co_await when_all(wait_for_event(things), wait_in_sleep(things)); }
Task<void> wait_for_any(Things& things) { co_await when_any(wait_for_event(things), wait_in_sleep(things)); }
Task<void> wait_with_deadline(Things& things) {
  (void)co_await with_deadline(things.test.clock(), things.test.clock().now() + 1h, wait_for_event(things));
}
Task<void> wait_beside_a_scope(Things& things) {
  TaskScope scope(things.test.executor());
  scope.spawn("spawned", wait_for_event(things));
  scope.run_inline("inline", wait_in_sleep(things));
  co_await things.event.wait();
}

struct WaitKind {
  const char* name;
  Task<void> (*wait)(Things&);
  Task<void> (*use)(Things&);  // what still works when a task that waited is gone
};

constexpr WaitKind kWaitKinds[] = {
    {"sleep", wait_in_sleep, use_sleep},
    {"event", wait_for_event, use_event},
    {"channel receive", wait_for_value, use_value},
    {"channel send", wait_for_place, use_place},
    {"read", wait_for_bytes, use_bytes},
    {"accept", wait_for_connection, use_connection},
    {"connect", wait_in_connect, use_connection},
    {"name lookup", wait_in_lookup, use_connection},
    {"task", wait_for_task, use_event},
    {"when_all", wait_for_all, use_event},
    {"when_any", wait_for_any, use_event},
    {"with_deadline", wait_with_deadline, use_event},
    {"scope", wait_beside_a_scope, use_event},
    {"write", wait_for_room, use_room},
};

Task<void> hold_while(Sentinel, Task<void> task) { co_await std::move(task); }

Task<void> destroy_waiting_tasks(Conformance& test) {
  const std::unique_ptr<Things> things = co_await make_things(test);
  LiveCount count;
  TaskScope scope(test.executor());
  for (const int turns_before : {0, 1, 3, 20}) {
    for (const WaitKind& kind : kWaitKinds) {
      scope.spawn(kind.name, hold_while(count.sentinel(), kind.wait(*things)));
      co_await turns(test.executor(), turns_before);
      EXPECT_EQ(count.alive(), 1) << kind.name << " did not wait";
      scope.cancel();
      EXPECT_EQ(count.alive(), 0) << kind.name;
    }
  }
  for (const WaitKind& kind : kWaitKinds) {
    things->event.reset();
    co_await kind.use(*things);
  }
}

TEST_P(RuntimeConformance, ATaskThatWaitsForAnythingCanBeDestroyedAndTheThingStaysUsable) {
  run(destroy_waiting_tasks(*this));
}

// Owns the things, and tasks that wait for them in a scope of its own.
Task<void> own_things_and_waiters(Conformance& test, LiveCount& count, int& waiting, Event& forever) {
  const Sentinel mine = count.sentinel();
  const std::unique_ptr<Things> things = co_await make_things(test);
  TaskScope scope(test.executor());
  for (const WaitKind& kind : kWaitKinds) {
    scope.spawn(kind.name, hold_while(count.sentinel(), kind.wait(*things)));
    test.executor().spawn(kind.name, hold_while(count.sentinel(), wait_in_sleep(*things)));
    ++waiting;
  }
  co_await forever.wait();
}

Task<void> until(Conformance& test, const int& value, int expected) {
  const bool reached = co_await eventually(test.clock(), [&] { return value == expected; });
  EXPECT_TRUE(reached);
  co_await turns(test.executor(), 20);
}

TEST_P(RuntimeConformance, DestroyingTheRuntimeDestroysTasksThatWaitForAnything) {
  LiveCount count;
  auto forever = std::make_unique<Event>(executor());
  int waiting = 0;
  executor().spawn("owner", own_things_and_waiters(*this, count, waiting, *forever));
  run(until(*this, waiting, static_cast<int>(std::size(kWaitKinds))));
  executor().spawn("never started", hold_while(count.sentinel(), turns(executor(), 1)));
  EXPECT_EQ(count.alive(), 2 + 2 * static_cast<int>(std::size(kWaitKinds)));
  maker().destroy_runtime();
  EXPECT_EQ(count.alive(), 0);
}

// Every waiter is a root by itself, and goes after the things it waits for.
Task<void> own_things(Conformance& test, LiveCount& count, Things*& made, Event& forever) {
  const Sentinel mine = count.sentinel();
  const std::unique_ptr<Things> things = co_await make_things(test);
  made = things.get();
  co_await forever.wait();
}

TEST_P(RuntimeConformance, DestroyingTheRuntimeDestroysThingsBeforeThoseWhoWaitForThem) {
  LiveCount count;
  auto forever = std::make_unique<Event>(executor());
  Things* things = nullptr;
  executor().spawn("owner", own_things(*this, count, things, *forever));
  auto spawn_waiters = [](Conformance& test, LiveCount& living, Things*& made) -> Task<void> {
    const bool ready = co_await eventually(test.clock(), [&made] { return made != nullptr; });
    CO_ASSERT_TRUE(ready);
    for (const WaitKind& kind : kWaitKinds) {
      test.executor().spawn(kind.name, hold_while(living.sentinel(), kind.wait(*made)));
    }
    co_await turns(test.executor(), 20);
  };
  run(spawn_waiters(*this, count, things));
  EXPECT_EQ(count.alive(), 1 + static_cast<int>(std::size(kWaitKinds)));
  maker().destroy_runtime();
  EXPECT_EQ(count.alive(), 0);
}

// What destructors may do while the Runtime goes: wake others, arm timers, spawn.
class BusyAtItsEnd {
 public:
  BusyAtItsEnd(Executor& executor, LiveCount& count, Event& event) : executor_(&executor), count_(count), event_(event) {}
  BusyAtItsEnd(BusyAtItsEnd&& other) noexcept
      : executor_(std::exchange(other.executor_, nullptr)), count_(other.count_), event_(other.event_) {}
  ~BusyAtItsEnd() {
    if (executor_ == nullptr) return;
    event_.set();
    executor_->spawn("spawned at the end", hold_while(count_.sentinel(), turns(*executor_, 1)));
  }

 private:
  Executor* executor_;
  LiveCount& count_;
  Event& event_;
};

Task<void> hold_busy(BusyAtItsEnd, Event& event) { co_await event.wait(); }
Task<void> hold_forever(Sentinel, Event& event) { co_await event.wait(); }

TEST_P(RuntimeConformance, DestructorsMayWakeAndSpawnWhileTheRuntimeGoes) {
  LiveCount count;
  auto event = std::make_unique<Event>(executor());
  auto woken = std::make_unique<Event>(executor());
  executor().spawn("busy", hold_busy(BusyAtItsEnd(executor(), count, *woken), *event));
  executor().spawn("woken", hold_forever(count.sentinel(), *woken));
  run(turns(executor(), 5));
  maker().destroy_runtime();
  EXPECT_EQ(count.alive(), 0);
}

// --- Destroying what runs --------------------------------------------------------------------------------------------

Task<void> use_text(TaskScope& scope, Conformance& test, const std::string& text, std::vector<std::string>& steps) {
  co_await test.clock().sleep_for(1us);
  scope.cancel();
  steps.push_back(text);
  co_await NextTurn(test.executor());
  steps.push_back("ran on after it was destroyed");
}

Task<void> destroy_own_scope(TaskScope& scope, Conformance& test, LiveCount& count, std::vector<std::string>& steps) {
  const Sentinel mine = count.sentinel();
  const std::string text = "text of a task that is destroyed, but not yet";
  co_await use_text(scope, test, text, steps);
  steps.push_back("ran on after it was destroyed");
}

Task<void> destroy_a_running_task(Conformance& test) {
  LiveCount count;
  std::vector<std::string> steps;
  TaskScope scope(test.executor());
  scope.spawn("cancels its scope", destroy_own_scope(scope, test, count, steps));
  const bool gone = co_await eventually(test.clock(), [&] { return !steps.empty() && count.alive() == 0; });
  EXPECT_TRUE(gone);
  co_await turns(test.executor(), 20);
  EXPECT_EQ(steps, (std::vector<std::string>{"text of a task that is destroyed, but not yet"}));
}

// Regression: see TaskDestroyedFromBelow in task_test.cc.
TEST_P(RuntimeConformance, ATaskDestroyedWhileItRunsIsDestroyedAtItsNextSuspension) { run(destroy_a_running_task(*this)); }

// --- Other threads ---------------------------------------------------------------------------------------------------

struct PostedItem final : PostedTask {
  void run() override {
    ++runs;
    if (received != nullptr) received->push_back(this);
    if (all_ran != nullptr && received->size() == expected) all_ran->set();
  }
  void drop() override { ++drops; }

  std::vector<PostedItem*>* received = nullptr;
  std::size_t expected = 0;
  Event* all_ran = nullptr;
  std::size_t thread = 0;
  int number = 0;
  std::atomic<int> runs = 0;
  std::atomic<int> drops = 0;
};

Task<void> receive_from_threads(Conformance& test) {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kItems = 5000;
  std::vector<PostedItem*> received;
  Event all_ran(test.executor());
  std::vector<PostedItem> items(kThreads * kItems);
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i].received = &received;
    items[i].expected = items.size();
    items[i].all_ran = &all_ran;
    items[i].thread = i / kItems;
    items[i].number = static_cast<int>(i % kItems);
  }
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&test, &items, thread] {
      for (std::size_t i = 0; i < kItems; ++i) test.executor().post(items[thread * kItems + i]);
    });
  }
  co_await all_ran.wait();
  for (std::thread& thread : threads) thread.join();
  std::vector<int> next(kThreads, 0);
  for (const PostedItem* item : received) {
    CO_ASSERT_EQ(item->number, next[item->thread]);
    ++next[item->thread];
    EXPECT_EQ(item->runs, 1);
    EXPECT_EQ(item->drops, 0);
  }
}

TEST_P(RuntimeConformance, WhatManyThreadsPostRunsOnceEachInTheOrderOfItsThread) {
  if (!maker().has_foreign_threads()) GTEST_SKIP() << "there are no other threads";
  run(receive_from_threads(*this));
}

// One at a time, so that the Runtime has nothing to do between two, and sleeps.
Task<void> wake_up_again_and_again(Conformance& test) {
  for (int round = 0; round < 200; ++round) {
    Event posted(test.executor());
    std::vector<PostedItem*> received;
    PostedItem item;
    item.received = &received;
    item.expected = 1;
    item.all_ran = &posted;
    std::thread thread([&test, &item] { test.executor().post(item); });
    co_await posted.wait();
    thread.join();
  }
}

TEST_P(RuntimeConformance, APostWakesARuntimeThatSleeps) {
  if (!maker().has_foreign_threads()) GTEST_SKIP() << "there are no other threads";
  run(wake_up_again_and_again(*this));
}

struct ReportsThread final : PostedTask {
  explicit ReportsThread(Event& event) : done(event) {}
  void run() override {
    ran_on = std::this_thread::get_id();
    done.set();
  }
  void drop() override {}
  Event& done;
  std::thread::id ran_on;
};

Task<void> which_thread(Conformance& test) {
  EXPECT_TRUE(test.executor().runs_in_this_thread());
  Event done(test.executor());
  ReportsThread item(done);
  bool runs_in_the_other = true;
  std::thread other([&] {
    runs_in_the_other = test.executor().runs_in_this_thread();
    test.executor().post(item);
  });
  co_await done.wait();
  other.join();
  EXPECT_FALSE(runs_in_the_other);
  EXPECT_EQ(item.ran_on, std::this_thread::get_id());
}

TEST_P(RuntimeConformance, PostedWorkRunsOnTheRuntimesThread) {
  if (!maker().has_foreign_threads()) GTEST_SKIP() << "there are no other threads";
  run(which_thread(*this));
}

TEST_P(RuntimeConformance, WhatTheOwnThreadPostsRunsInOrderAndNotInsidePost) {
  std::vector<PostedItem*> received;
  std::vector<PostedItem> items(3);
  for (PostedItem& item : items) {
    item.received = &received;
    executor().post(item);
  }
  EXPECT_TRUE(received.empty()) << "ran inside post()";
  auto until_received = [](Conformance& test, std::vector<PostedItem*>& list) -> Task<void> {
    const bool all = co_await eventually(test.clock(), [&list] { return list.size() == 3; });
    EXPECT_TRUE(all);
  };
  run(until_received(*this, received));
  EXPECT_EQ(received, (std::vector{&items[0], &items[1], &items[2]}));
}

// Posts from another thread until it is destroyed: a root that holds it posts while the Runtime goes.
class PostsUntilItsEnd {
 public:
  PostsUntilItsEnd(Executor& executor, std::vector<PostedItem>& items) : state_(std::make_unique<State>()) {
    state_->thread = std::thread([&executor, &items, &state = *state_] {
      for (std::size_t i = 0; i < items.size() && !state.stop; ++i) {
        executor.post(items[i]);
        ++state.posted;
        // No more than a few at a time, so that there are some left when the Runtime goes.
        while (i >= 50 && items[i - 50].runs + items[i - 50].drops == 0) std::this_thread::yield();
      }
    });
  }
  PostsUntilItsEnd(PostsUntilItsEnd&&) = default;
  ~PostsUntilItsEnd() {
    if (state_ == nullptr) return;
    // The queue is closed by now: some more are refused.
    const int posted = state_->posted;
    while (state_->posted < posted + 10 && state_->posted < kItems) std::this_thread::yield();
    state_->stop = true;
    state_->thread.join();
  }

  static constexpr int kItems = 200'000;

 private:
  struct State {
    std::atomic<bool> stop = false;
    std::atomic<int> posted = 0;
    std::thread thread;
  };
  std::unique_ptr<State> state_;
};

Task<void> hold_poster(PostsUntilItsEnd, Event& event) { co_await event.wait(); }

Task<void> until_some_ran(Conformance& test, std::vector<PostedItem>& items) {
  const bool some_ran = co_await eventually(test.clock(), [&items] { return items[100].runs > 0; });
  EXPECT_TRUE(some_ran);
}

TEST_P(RuntimeConformance, WhatIsPostedWhileTheRuntimeGoesIsDroppedExactlyOnce) {
  if (!maker().has_foreign_threads()) GTEST_SKIP() << "there are no other threads";
  std::vector<PostedItem> items(PostsUntilItsEnd::kItems);
  auto forever = std::make_unique<Event>(executor());
  executor().spawn("poster", hold_poster(PostsUntilItsEnd(executor(), items), *forever));
  run(until_some_ran(*this, items));
  maker().destroy_runtime();
  // A run of items that ran, then a run of items that were dropped, then those that were not posted any more.
  const auto ended = [](const PostedItem& item, int runs, int drops) { return item.runs == runs && item.drops == drops; };
  std::size_t i = 0;
  while (i < items.size() && ended(items[i], 1, 0)) ++i;
  EXPECT_GT(i, 100u);
  const std::size_t ran = i;
  while (i < items.size() && ended(items[i], 0, 1)) ++i;
  EXPECT_GE(i, ran + 10) << "nothing was posted while the runtime went";
  while (i < items.size() && ended(items[i], 0, 0)) ++i;
  EXPECT_EQ(i, items.size()) << "runs " << items[i].runs << ", drops " << items[i].drops;
}

TEST_P(RuntimeConformance, WhatWasPostedAndDidNotRunIsDroppedWithTheRuntime) {
  std::vector<PostedItem> items(10);
  for (PostedItem& item : items) executor().post(item);
  maker().destroy_runtime();
  for (const PostedItem& item : items) {
    EXPECT_EQ(item.runs, 0);
    EXPECT_EQ(item.drops, 1);
  }
}

// --- Chance and log --------------------------------------------------------------------------------------------------

TEST_P(RuntimeConformance, EverySeedDiffers) {
  std::set<std::uint64_t> seeds;
  for (int i = 0; i < 10; ++i) {
    seeds.insert(maker().runtime().random().seed_for("backoff"));
    seeds.insert(maker().runtime().random().seed_for("selector"));
  }
  EXPECT_EQ(seeds.size(), 20u);
}

TEST_P(RuntimeConformance, HasALog) { (void)maker().runtime().log().enabled(base::LogLevel::error); }

}  // namespace
}  // namespace razor::test
