// The examples of lib/razor/wire/changing_types.md. `v1` is what the old program has, `v2` what the new one has.

#include <razor/razor.h>

#include <memory>

#include "tests/examples/example_checks.h"

using examples::received;
using namespace std::chrono_literals;

namespace v1 {
struct Job {
  int id = 0;
  RAZOR_FIELDS(Job, id)
};
}  // namespace v1
namespace v2 {
struct Job {
  int id = 0;
  int retries = 3;
  std::optional<std::string> owner;
  RAZOR_FIELDS(Job, id, RAZOR_DEFAULTED(retries), owner)
};
}  // namespace v2

void a_field_is_added() {
  CHECK(received<v2::Job>(v1::Job(7))->retries == 3);
  CHECK(!received<v2::Job>(v1::Job(7))->owner);
  CHECK(received<v1::Job>(v2::Job(7, 1, "Ada"))->id == 7);
}

namespace v3 {
struct Job {
  int id = 0;
  std::optional<std::string> owner;
  RAZOR_FIELDS(Job, id, owner)
};
}  // namespace v3
namespace v4 {
struct Job {
  std::optional<std::string> owner;
  RAZOR_FIELDS(Job, owner)
};
}  // namespace v4

void a_field_is_removed() {
  CHECK(received<v2::Job>(v3::Job(7, "Ada"))->retries == 3);
  CHECK(received<v3::Job>(v2::Job(7, 1, "Ada"))->id == 7);
  CHECK(!received<v3::Job>(v4::Job("Ada")));  // id was never defaulted
}

namespace v1 {
struct Person {
  std::string name;
  RAZOR_FIELDS(Person, name)
};
}  // namespace v1
namespace v2 {
struct Person {
  std::string full_name;
  RAZOR_FIELDS(Person, RAZOR_RENAMED(name, full_name))  // sends "name"
};
}  // namespace v2
namespace v3 {
struct Person {
  std::string full_name;
  RAZOR_FIELDS(Person, RAZOR_ALIAS(full_name, "name"))  // sends "full_name"
};
}  // namespace v3
namespace v4 {
struct Person {
  std::string full_name;
  RAZOR_FIELDS(Person, full_name)
};
}  // namespace v4

template <class Old, class New>
void understand_each_other() {
  CHECK(received<Old>(New("Ada")) && received<New>(Old("Ada")));
}
void a_field_is_renamed() {
  understand_each_other<v1::Person, v2::Person>();
  understand_each_other<v2::Person, v3::Person>();
  understand_each_other<v3::Person, v4::Person>();
  CHECK(!received<v4::Person>(v2::Person("Ada")));
}

namespace v1 {
enum class Priority { low, high };
RAZOR_ENUM(Priority, low, high)
}  // namespace v1
namespace v2 {
enum class Priority { low, high, urgent };
RAZOR_ENUM(Priority, low, high, urgent)
}  // namespace v2

void a_value_is_added() {
  CHECK(received<v2::Priority>(v1::Priority::high) == v2::Priority::high);
  CHECK(!received<v1::Priority>(v2::Priority::urgent));
}

namespace v1 {
struct Jobs {
  virtual razor::Call<int> submit(std::string name) = 0;
  RAZOR_SERVICE(Jobs, submit)
};
}  // namespace v1
namespace v2 {
struct Jobs {
  virtual razor::Call<int> submit(std::string name, std::optional<int> retries) = 0;
  virtual razor::Call<> cancel(int id) = 0;
  RAZOR_SERVICE(Jobs, submit, cancel)
};
}  // namespace v2

struct OldServer final : v1::Jobs {
  razor::Call<int> submit(std::string) override { return 1; }
};
struct NewServer final : v2::Jobs {
  razor::Call<int> submit(std::string, std::optional<int> retries) override { return retries.value_or(3); }
  razor::Call<> cancel(int) override { return {}; }
};

razor::Task<void> old_caller_of_a_new_server(razor::Client<v1::Jobs> jobs) {
  const auto retries = co_await jobs.submit("print");
  CHECK(retries.ok() && *retries == 3);
}
razor::Task<void> new_caller_of_an_old_server(razor::Client<v2::Jobs> jobs) {
  const auto submitted = co_await jobs.submit("print", 5);
  CHECK(submitted.has_call_error() && submitted.call_error().errc() == razor::Errc::decode);
  const auto cancelled = co_await jobs.cancel(1);
  CHECK(cancelled.has_call_error() && cancelled.call_error().errc() == razor::Errc::method_not_found);
}

template <class Talk, class Implementation>
razor::Task<void> with_server(razor::Runtime& runtime, Talk talk, std::shared_ptr<Implementation> implementation) {
  razor::Server server(runtime);
  server.add(std::move(implementation));
  razor::ClientPool pool(runtime, *server.listen(*razor::Address::parse("127.0.0.1:0")));
  co_await talk(pool);
  co_await pool.close(1s);
  co_await server.close(1s);
}

int main() {
  a_field_is_added();
  a_field_is_removed();
  a_field_is_renamed();
  a_value_is_added();
  razor::AsioRuntime runtime;
  runtime.block_on(with_server(
      runtime, [](razor::ClientPool& pool) { return old_caller_of_a_new_server(razor::Client<v1::Jobs>(pool)); },
      std::make_shared<NewServer>()));
  runtime.block_on(with_server(
      runtime, [](razor::ClientPool& pool) { return new_caller_of_an_old_server(razor::Client<v2::Jobs>(pool)); },
      std::make_shared<OldServer>()));
  std::puts("as the guide says");
}
