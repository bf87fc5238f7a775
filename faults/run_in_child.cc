#include "faults/run_in_child.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>

#include "faults/exploration.h"
#include "sim/child/run_position.h"
#include "sim/guard.h"
#include "sim/real_time.h"

namespace razor::faults {

struct Child::Position : sim::RunPosition {};

namespace {

using sim::FieldWriter;
using Kind = sim::ScenarioFailure::Kind;

// The child exits with it where memory ran out.
constexpr int kOutOfMemory = 77;

// What a message begins with.
enum class Tag : char { failure, text, told, done };

FieldWriter message_of(Tag tag) {
  FieldWriter writer;
  writer.value(tag);
  return writer;
}

FieldWriter message_of(const sim::ScenarioFailure& failure) {
  FieldWriter writer = message_of(Tag::failure);
  writer.value(failure.kind).value(failure.at.count()).text(failure.place).text(failure.message);
  return writer;
}

sim::ScenarioFailure read_failure(sim::FieldReader& fields) {
  sim::ScenarioFailure failure;
  failure.kind = fields.value<Kind>();
  failure.at = base::Duration(fields.value<base::Duration::rep>());
  failure.place = fields.text();
  failure.message = fields.text();
  return failure;
}

FieldWriter message_of(const sim::ScenarioResult& result) {
  FieldWriter writer = message_of(Tag::done);
  writer.value(result.failure_count).value(result.events).value(result.digest).value(result.elapsed.count());
  writer.value(static_cast<std::uint32_t>(result.counts.size()));
  for (const auto& [name, count] : result.counts) writer.text(name).value(count);
  return writer;
}

void read_done(sim::FieldReader& fields, sim::ScenarioResult& result) {
  result.failure_count = fields.value<std::uint64_t>();
  result.events = fields.value<std::uint64_t>();
  result.digest = fields.value<std::uint64_t>();
  result.elapsed = base::Duration(fields.value<base::Duration::rep>());
  for (auto left = fields.value<std::uint32_t>(); left > 0; --left) {
    const std::string name = fields.text();
    result.counts.insert_or_assign(name, fields.value<std::uint64_t>());
  }
}

void limit_resources(const ChildLimits& limits) {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  if (!sim::guard_is_active()) return;
  const rlimit memory{limits.memory_bytes, limits.memory_bytes};
  ::setrlimit(RLIMIT_AS, &memory);
  std::set_new_handler([] {
    // No memory for more words than these.
    constexpr std::string_view kText = "out of memory\n";
    if (::write(STDERR_FILENO, kText.data(), kText.size()) < 0) ::_exit(1);
    ::_exit(kOutOfMemory);
  });
}

std::string how_it_ended(int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == kOutOfMemory) return "crashed: it needs more memory than it may have";
  return sim::how_it_ended(status);
}

}  // namespace

Child::Child(ChildRun run) : run_(std::move(run)), started_at_(sim::real_time()) {
  void* memory = ::mmap(nullptr, sizeof(Position), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::runtime_error(fmt::format("mmap: {}", std::strerror(errno)));
  position_ = new (memory) Position;
  try {
    process_ = sim::ChildProcess(sim::ChildProcess::Output::kept, [this](int pipe) { live(pipe); });
  } catch (...) {
    ::munmap(position_, sizeof(Position));
    throw;
  }
}

Child::~Child() {
  process_ = {};  // ended before what it shares with us goes
  ::munmap(position_, sizeof(Position));
}

void Child::live(int pipe) {
  sim::note_position_on_signals(*position_);
  limit_resources(run_.limits);
  set_given_plan(run_.plan);
  const auto tell = [pipe](FieldWriter message) { sim::write_all(pipe, std::move(message).message()); };
  const auto done = [&tell](const sim::ScenarioResult& result) {
    tell(message_of(result));
    std::fflush(nullptr);
    // Without the destructors of what the parent has, too.
    ::_exit(0);
  };
  sim::ScenarioOptions options;
  options.world = sim::world_at_work();
  options.on_failure = [&tell](const sim::ScenarioFailure& failure) { tell(message_of(failure)); };
  options.on_text = [&tell](std::string_view name, std::string_view text) {
    FieldWriter writer = message_of(Tag::text);
    tell(writer.text(name).text(text));
  };
  options.on_stop = done;
  if (run_.observe) {
    options.observe = [this, &tell](sim::World& world) {
      return run_.observe(world, [&tell](std::string_view told) {
        FieldWriter writer = message_of(Tag::told);
        tell(writer.text(told));
      });
    };
  }
  done(sim::run_scenario(run_.scenario->body, run_.seed, options));
  ::_exit(1);
}

bool Child::look() {
  while (read_some()) {
  }
  if (process_.is_running() && sim::real_time() - started_at_ >= run_.limits.real_time) end_by_time_limit();
  return !process_.is_running();
}

// False when there is nothing to read now.
bool Child::read_some() {
  if (!process_.is_running()) return false;
  const std::optional<std::string> bytes = process_.read();
  if (!bytes) gone();
  if (!bytes || bytes->empty()) return false;
  frames_.add(*bytes);
  while (const auto message = frames_.next()) take_message(*message);
  return true;
}

void Child::take_message(std::string_view bytes) {
  sim::FieldReader fields(bytes);
  sim::ScenarioResult& result = result_.result;
  switch (fields.value<Tag>()) {
    case Tag::failure:
      result.failures.push_back(read_failure(fields));
      result.failure_count = result.failures.size();
      return;
    case Tag::text: {
      const std::string name = fields.text();
      result.texts.insert_or_assign(name, fields.text());
      return;
    }
    case Tag::told:
      if (run_.on_told) run_.on_told(fields.text());
      return;
    case Tag::done:
      done_ = true;
      read_done(fields, result);
      return;
  }
}

void Child::end_by_time_limit() {
  sim::end_with_last_word(process_.pid(), [this] { return position_->is_known.load(); });
  process_.reap();
  over();
  if (done_) return;
  const double seconds = std::chrono::duration<double>(run_.limits.real_time).count();
  failed(Kind::time_limit, fmt::format("still running after {:g} s of real time", seconds));
}

void Child::gone() {
  const int status = process_.reap();
  over();
  if (!done_) failed(Kind::crash, how_it_ended(status));
}

void Child::over() { result_.real_time = sim::real_time() - started_at_; }

void Child::failed(Kind kind, std::string message) {
  sim::ScenarioResult& result = result_.result;
  if (position_->is_known) {
    result.elapsed = base::Duration(position_->virtual_ns);
    result.events = position_->events;
    message += fmt::format(", at event {}", result.events);
  }
  message += process_.last_output();
  ++result.failure_count;
  result.failures.push_back({kind, {}, result.elapsed, std::move(message)});
}

void wait_for_any(const std::vector<Child*>& children, base::Duration limit) {
  std::vector<pollfd> waiting;
  for (const Child* child : children) {
    if (!child->process_.is_running()) return;
    waiting.push_back({child->process_.pipe(), POLLIN, 0});
    limit = std::min(limit, child->started_at_ + child->run_.limits.real_time - sim::real_time());
  }
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(std::max(limit, base::Duration::zero())).count();
  ::poll(waiting.data(), waiting.size(), static_cast<int>(std::min<std::int64_t>(milliseconds, 60'000)));
}

ChildResult run_in_child(ChildRun run) {
  Child child(std::move(run));
  while (!child.look()) wait_for_any({&child}, std::chrono::minutes(1));
  return child.result();
}

}  // namespace razor::faults
