#include "sim/host.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/fabric.h"
#include "sim/running.h"

namespace razor::sim {
namespace {

constexpr std::int64_t kMillion = 1'000'000;
// Hosts' monotonic clocks begin anywhere within some days, so that nobody takes one's time for another's.
constexpr base::Duration kClockOffsetMax = std::chrono::hours(72);

}  // namespace

// The world's log, with the time and the host in front.
class Host::NamedLog final : public base::LogSink {
 public:
  NamedLog(Host& host, base::LogSink& to) : host_(host), to_(to) {}
  bool enabled(base::LogLevel level) const override { return to_.enabled(level); }
  void write(base::LogLevel level, std::string_view line) override {
    const InSimulator in_simulator;
    const double seconds = std::chrono::duration<double>(host_.engine_.now().time_since_epoch()).count();
    to_.write(level, fmt::format("{:12.6f} {}: {}", seconds, host_.name_, line));
  }

 private:
  Host& host_;
  base::LogSink& to_;
};

// Hands what the host's Runtimes report to who watches the world.
class Host::CallTrace final : public runtime::TraceSink {
 public:
  explicit CallTrace(Host& host) : host_(host) {}

  runtime::SpanId begin_span(const runtime::SpanStart& start) override {
    const runtime::SpanId span = host_.engine_.next_span();
    const InSimulator in_simulator;
    host_.engine_.tell(&Observer::on_span_begin, host_, span, start);
    return span;
  }
  void number_span(runtime::SpanId span, std::uint64_t number) override {
    const InSimulator in_simulator;
    host_.engine_.tell(&Observer::on_span_number, host_, span, number);
  }
  void event(runtime::SpanId span, std::string_view name) override {
    const InSimulator in_simulator;
    host_.engine_.tell(&Observer::on_span_event, host_, span, name);
  }
  void end_span(runtime::SpanId span, const runtime::SpanEnd& end) override {
    const InSimulator in_simulator;
    host_.engine_.tell(&Observer::on_span_end, host_, span, end);
  }

 private:
  Host& host_;
};

// Asks the rules of the network what is to go wrong with the requests that the host's servers handle.
class Host::Trouble final : public runtime::HandlerFaultRule {
 public:
  explicit Trouble(Host& host) : host_(host) {}

  runtime::HandlerFault next_request() override {
    const InSimulator in_simulator;
    runtime::HandlerFault trouble;
    for (Rule* rule : host_.fabric_.rules()) rule->on_request(host_, trouble);
    return trouble;
  }

 private:
  Host& host_;
};

Host::Host(Engine& engine, Fabric& fabric, std::string name, std::uint64_t number, base::LogSink& log)
    : engine_(engine),
      fabric_(fabric),
      name_(std::move(name)),
      number_(number),
      ip_(fmt::format("10.0.{}.{}", number / 250, 1 + number % 250)),
      seed_(engine.seed().of("host").of(name_)),
      entropy_(seed_.stream("entropy")),
      log_(std::make_unique<NamedLog>(*this, log)),
      trace_(std::make_unique<CallTrace>(*this)),
      trouble_(std::make_unique<Trouble>(*this)),
      set_at_(engine.now()) {
  RandomStream offset = seed_.stream("clock offset");
  set_to_ = base::TimePoint(offset.between(std::chrono::hours(1), kClockOffsetMax));
}

Host::~Host() = default;

base::LogSink& Host::log() { return *log_; }

SimRuntime& Host::make_runtime() {
  ++runtimes_made_;
  SimRuntime& made =
      *runtimes_.emplace_back(std::make_unique<SimRuntime>(*this, runtimes_made_, seed_.of("runtime").of(runtimes_made_)));
  if (traces_calls_) made.set_trace(trace_.get());
  made.set_handler_faults(trouble_.get());
  return made;
}

void Host::trace_calls(bool wanted) {
  traces_calls_ = wanted;
  for (const auto& runtime : runtimes_) runtime->set_trace(wanted ? trace_.get() : nullptr);
}

SimRuntime& Host::add_runtime() {
  RAZOR_CHECK(is_up_, "host {} is down: it has no runtimes", name_);
  SimRuntime& made = make_runtime();
  if (is_paused_) made.pause();
  return made;
}

SimRuntime& Host::runtime() {
  if (first_runtime_ == nullptr) first_runtime_ = &add_runtime();
  return *first_runtime_;
}

void Host::start(Program program) {
  programs_.push_back(std::move(program));
  if (is_up_) run(programs_.back());
}

void Host::run(const Program& program) {
  SimRuntime& runtime = add_runtime();
  runtime.executor().spawn("a program of a simulated host", program(runtime));
}

void Host::crash() {
  if (!is_up_) return;
  is_up_ = false;
  is_paused_ = false;
  first_runtime_ = nullptr;
  engine_.occurred(EventKind::crashed, number_, 0);
  // First the network, so that nothing that is destroyed can say goodbye.
  fabric_.host_crashed(*this);
  for (const auto& runtime : runtimes_) runtime->kill();
}

void Host::retire() {
  for (const auto& runtime : runtimes_) runtime->retire();
}

void Host::restart() {
  crash();
  is_up_ = true;
  set_to_ = base::TimePoint(std::chrono::seconds(1));  // its clock counts from the start of the machine
  set_at_ = engine_.now();
  engine_.occurred(EventKind::restarted, number_, 0);
  start_programs();
}

void Host::start_programs() {
  const std::vector<Program> programs = programs_;
  for (const Program& program : programs) run(program);
}

void Host::kill() {
  if (!is_up_) return;
  resume();
  first_runtime_ = nullptr;
  engine_.occurred(EventKind::crashed, number_, 1);
  for (const auto& runtime : runtimes_) runtime->kill();
}

void Host::start_again() {
  kill();
  engine_.occurred(EventKind::restarted, number_, 1);
  start_programs();
}

void Host::pause() {
  if (!is_up_ || std::exchange(is_paused_, true)) return;
  engine_.occurred(EventKind::paused, number_, 0);
  for (const auto& runtime : runtimes_) runtime->pause();
}

void Host::resume() {
  if (!std::exchange(is_paused_, false)) return;
  engine_.occurred(EventKind::resumed, number_, 0);
  for (const auto& runtime : runtimes_) runtime->resume();
}

bool Host::runs() const {
  return is_up_ && std::ranges::any_of(runtimes_, [](const auto& runtime) { return !runtime->killed(); });
}

std::uint64_t Host::withholds() const {
  std::uint64_t count = 0;
  for (const auto& runtime : runtimes_) count += runtime->withholds();
  return count;
}

// --- Clock -----------------------------------------------------------------------------------------------------------

base::TimePoint Host::clock_now() const {
  const base::Duration passed = engine_.now() - set_at_;
  if (drift_ppm_ == 0) return set_to_ + passed;
  const auto gained = static_cast<std::int64_t>(static_cast<__int128>(passed.count()) * drift_ppm_ / kMillion);
  return set_to_ + passed + base::Duration(gained);
}

base::TimePoint Host::world_time_of(base::TimePoint local) const {
  if (local <= set_to_) return set_at_;
  const __int128 span = (local - set_to_).count();
  if (drift_ppm_ == 0) return base::saturating_add(set_at_, base::Duration(static_cast<std::int64_t>(span)));
  // Rounded up: then the clock has reached `local`.
  const __int128 rate = kMillion + drift_ppm_;
  const __int128 passed = (span * kMillion + rate - 1) / rate + 1;
  constexpr __int128 kMost = std::numeric_limits<std::int64_t>::max();
  return base::saturating_add(set_at_, base::Duration(static_cast<std::int64_t>(passed < kMost ? passed : kMost)));
}

void Host::set_drift_ppm(std::int32_t ppm) {
  RAZOR_CHECK(ppm > -kMillion / 2 && ppm < kMillion / 2, "a clock that drifts by {} parts in a million", ppm);
  set_to_ = clock_now();
  set_at_ = engine_.now();
  drift_ppm_ = ppm;
  for (const auto& runtime : runtimes_) {
    if (!runtime->killed()) runtime->clock_changed();
  }
}

std::int64_t Host::wall_clock_ns() const {
  ++wall_clock_reads_;
  return kWallClockAtStartNs + engine_.now().time_since_epoch().count() + wall_offset_.count();
}

std::uint64_t Host::entropy() const {
  const std::uint64_t drawn = entropy_.bits();
  engine_.occurred(EventKind::drew, number_, drawn);
  return drawn;
}

std::size_t Host::connection_count() const { return fabric_.connection_count(*this); }

}  // namespace razor::sim
