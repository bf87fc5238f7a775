// Types of every family as parameters, results and errors: through a pool over TCP, from a thread that waits, and in this
// process. A family that the stub, the dispatch or the reply cannot carry, move-only ones above all, does not compile here;
// one whose value is lost on the way does not come back.

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <set>

#include "razor/razor.h"
#include "tests/support/coroutine_asserts.h"

namespace razor::test {
namespace {

using namespace std::chrono_literals;
using Time = std::chrono::sys_time<std::chrono::nanoseconds>;

enum class Priority { low, normal, high };
RAZOR_ENUM(Priority, low, normal, high)

struct Event {
  std::uint64_t id = 0;
  Time at;
  RAZOR_FIELDS(Event, id, at)
  bool operator==(const Event&) const = default;
};
struct Job : Event {
  Priority priority = Priority::normal;
  std::filesystem::path file;
  std::chrono::milliseconds limit{};
  std::map<Priority, std::set<std::string>> tags;
  RAZOR_FIELDS(Job, RAZOR_BASE(Event), priority, file, limit, tags)
  bool operator==(const Job&) const = default;
};
struct List {
  int value = 0;
  std::unique_ptr<List> next;
  RAZOR_FIELDS(List, value, next)
};
struct Idle {
  RAZOR_UNIT(Idle)
};
using State = std::variant<std::monostate, Idle, Job>;

struct Jobs {
  virtual Call<Job, Priority> submit(Job job) = 0;
  virtual Call<State, std::error_code> state(std::uint64_t id) = 0;
  virtual Call<std::unique_ptr<List>> reverse(std::unique_ptr<List> list) = 0;
  virtual Call<std::unique_ptr<List>> reverse_slowly(std::unique_ptr<List> list) = 0;
  virtual Call<int, std::unique_ptr<List>> length(List list) = 0;
  RAZOR_SERVICE(Jobs, submit, state, reverse, reverse_slowly, length)
};

std::unique_ptr<List> list_of(int length) {
  std::unique_ptr<List> list;
  for (int value = length; value > 0; --value) list = std::make_unique<List>(value, std::move(list));
  return list;
}
std::unique_ptr<List> reversed(std::unique_ptr<List> list) {
  std::unique_ptr<List> result;
  while (list) {
    auto rest = std::move(list->next);
    list->next = std::move(result);
    result = std::move(list);
    list = std::move(rest);
  }
  return result;
}
std::vector<int> values_of(const std::unique_ptr<List>& list) {
  std::vector<int> values;
  for (const List* at = list.get(); at != nullptr; at = at->next.get()) values.push_back(at->value);
  return values;
}

class JobsImpl final : public Jobs {
 public:
  explicit JobsImpl(runtime::Clock& clock) : clock_(clock) {}

  Call<Job, Priority> submit(Job job) override {
    if (job.priority == Priority::low) return Fail{job.priority};
    return job;
  }
  Call<State, std::error_code> state(std::uint64_t id) override {
    if (id == 0) return State();
    if (id == 1) return State(Idle());
    if (id == 2) return State(Job(Event(2, Time(5ns)), Priority::high, "f", 1ms, {}));
    return Fail{std::make_error_code(std::errc::no_such_process)};
  }
  Call<std::unique_ptr<List>> reverse(std::unique_ptr<List> list) override { return reversed(std::move(list)); }
  Call<std::unique_ptr<List>> reverse_slowly(std::unique_ptr<List> list) override {
    co_await clock_.sleep_for(1ms);
    co_return reversed(std::move(list));
  }
  Call<int, std::unique_ptr<List>> length(List list) override {
    int length = 1;
    for (const List* at = list.next.get(); at != nullptr; at = at->next.get()) ++length;
    if (length == 1) return Fail{std::make_unique<List>(std::move(list))};
    return length;
  }

 private:
  runtime::Clock& clock_;
};

const Job kJob(Event(1, Time(-1ns)), Priority::high, "/tmp/a", 5ms, {{Priority::low, {"a", "b"}}});

/// Over a pool, or in this process: both ways carry the same.
Task<void> use(Client<Jobs> jobs) {
  const auto submitted = co_await jobs.submit(kJob);
  CO_ASSERT_TRUE(submitted.ok());
  EXPECT_EQ(*submitted, kJob);
  Job low = kJob;
  low.priority = Priority::low;
  const auto refused = co_await jobs.submit(low);
  CO_ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error(), Priority::low);

  const auto nothing = co_await jobs.state(0);
  CO_ASSERT_TRUE(nothing.ok());
  EXPECT_TRUE(std::holds_alternative<std::monostate>(*nothing));
  const auto idle = co_await jobs.state(1);
  CO_ASSERT_TRUE(idle.ok());
  EXPECT_TRUE(std::holds_alternative<Idle>(*idle));
  const auto job = co_await jobs.state(2);
  CO_ASSERT_TRUE(job.ok());
  EXPECT_EQ(std::get<Job>(*job).file, "f");
  const auto unknown = co_await jobs.state(3);
  CO_ASSERT_TRUE(unknown.has_error());
  EXPECT_EQ(unknown.error(), std::errc::no_such_process);

  auto list = list_of(3);
  auto reversed = co_await jobs.reverse(std::move(list));
  CO_ASSERT_TRUE(reversed.ok());
  EXPECT_EQ(values_of(*reversed), (std::vector<int>{3, 2, 1}));
  auto taken = *std::move(reversed);
  auto slowly = co_await jobs.reverse_slowly(std::move(taken));
  CO_ASSERT_TRUE(slowly.ok());
  EXPECT_EQ(values_of(*slowly), (std::vector<int>{1, 2, 3}));
  auto none = co_await jobs.reverse(nullptr);
  CO_ASSERT_TRUE(none.ok());
  EXPECT_EQ(*none, nullptr);

  const auto length = co_await jobs.length(List(1, list_of(2)));
  CO_ASSERT_TRUE(length.ok());
  EXPECT_EQ(*length, 3);
  const auto short_one = co_await jobs.length(List(7, nullptr));
  CO_ASSERT_TRUE(short_one.has_error());
  EXPECT_EQ(short_one.error()->value, 7);
}

/// What is nested too deep reaches nobody, and harms no other call.
Task<void> overflow(Client<Jobs> jobs) {
  auto longest = list_of(64);
  const auto fits = co_await jobs.reverse(std::move(longest));
  EXPECT_TRUE(fits.ok());
  auto too_long = list_of(65);
  const auto refused = co_await jobs.reverse(std::move(too_long));
  CO_ASSERT_TRUE(refused.has_call_error());
  EXPECT_EQ(refused.call_error().errc(), Errc::encode);
  EXPECT_EQ(refused.ran(), Ran::no);
}

class TypesTest : public ::testing::Test {
 protected:
  TypesTest() {
    server.add(implementation);
    const auto listening = server.listen(*Address::parse("127.0.0.1:0"));
    EXPECT_TRUE(listening) << listening.error().message();
    address = *listening;
  }
  Task<void> over_a_pool() {
    ClientPool pool(runtime, address);
    Client<Jobs> jobs(pool);
    co_await use(jobs);
    co_await overflow(jobs);
    co_await pool.close(1s);
  }

  AsioRuntime runtime;
  std::shared_ptr<JobsImpl> implementation = std::make_shared<JobsImpl>(runtime.clock());
  Server server{runtime};
  Address address;
};

TEST_F(TypesTest, TravelThroughAPool) { runtime.block_on(over_a_pool()); }

TEST_F(TypesTest, TravelInThisProcess) { runtime.block_on(use(Client<Jobs>(implementation))); }

TEST_F(TypesTest, TravelFromAThreadThatWaits) {
  AsioThread background;
  std::optional<ClientPool> pool;
  background.block_on([&]() -> Task<void> {
    pool.emplace(background.runtime(), address);
    return [](ClientPool&) -> Task<void> { co_return; }(*pool);
  });
  std::thread caller([&] {
    Client<Jobs> jobs(*pool);
    const auto submitted = jobs.blocking.submit(kJob);
    EXPECT_TRUE(submitted.ok() && *submitted == kJob);
    const auto reversed = jobs.blocking.reverse(list_of(2));
    EXPECT_TRUE(reversed.ok() && values_of(*reversed) == (std::vector<int>{2, 1}));
    runtime.stop();
  });
  runtime.run();
  caller.join();
  background.block_on([&]() -> Task<void> {
    pool.reset();
    return [](int) -> Task<void> { co_return; }(0);
  });
  Client<Jobs> here(implementation);
  const auto reversed = here.blocking.reverse(list_of(2));
  EXPECT_TRUE(reversed.ok() && values_of(*reversed) == (std::vector<int>{2, 1}));
}

}  // namespace
}  // namespace razor::test
