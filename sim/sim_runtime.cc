#include "sim/sim_runtime.h"

#include "razor/base/format.h"
#include "sim/fabric.h"
#include "sim/host.h"
#include "sim/running.h"

namespace razor::sim {

class SimRuntime::Turn {
 public:
  Turn(SimRuntime& runtime, Cause cause) : runtime_(runtime), running_(&runtime.host_) {
    runtime.in_turn_ = true;
    runtime.at_once_ = 0;
    runtime.count_turn(cause);
    runtime.engine_.set_last_to_turn(runtime.host_);
  }
  ~Turn() {
    runtime_.in_turn_ = false;
    if (!runtime_.ready_.empty()) runtime_.schedule_turn();
  }
  Turn(const Turn&) = delete;

 private:
  SimRuntime& runtime_;
  const Running running_;
};

SimRuntime::SimRuntime(Host& host, std::uint64_t number, Seed seed)
    : host_(host), engine_(host.engine()), number_(number), seed_(seed), order_(seed.stream("ready order")) {
  life().owner = runtime::ThreadMark::of_nobody();  // hosts share a thread: which one's code runs is asked at each use
}

SimRuntime::~SimRuntime() { retire(); }

base::LogSink& SimRuntime::log() { return host_.log(); }

void SimRuntime::kill() {
  if (std::exchange(killed_, true)) return;
  turn_is_due_ = false;
  timer_is_due_ = false;
  turn_.cancel();
  wake_.cancel();
  foreign_.close();
  destroy_roots();
  timers_.clear();
  ready_.clear();
}

void SimRuntime::retire() {
  kill();
  end_objects();
}

std::string SimRuntime::why_not_here() const {
  const Host* const running = running_host();
  if (running == nullptr || running == &host_ || killed_) return {};
  return base::format(
      "it was made on host {}, and code of host {} uses it: machines share nothing but the network; make one "
      "on each host",
      host_.name(), running->name());
}

void SimRuntime::pause() { paused_ = true; }

void SimRuntime::resume() {
  paused_ = false;
  if (killed_) return;
  if (std::exchange(turn_is_due_, false)) schedule_turn();
  if (std::exchange(timer_is_due_, false)) engine_.schedule_now(wake_);
}

void SimRuntime::withhold(bool& is_due) {
  if (!std::exchange(is_due, true)) ++host_.withheld_;
}

void SimRuntime::clock_changed() {
  wake_.cancel();
  schedule_wake();
}

// --- Clock -----------------------------------------------------------------------------------------------------------

base::TimePoint SimRuntime::now() const { return host_.clock_now(); }

void SimRuntime::arm(runtime::Timer& timer, base::TimePoint at) {
  if (killed_) return;
  if (in_turn_) {
    tell_where_it_turns();
    if (at < base::saturating_add(now(), kCreep)) armed_short_ = true;
  }
  const InSimulator in_simulator;
  timers_.insert(timer, at);
  schedule_wake();
}

void SimRuntime::disarm(runtime::Timer& timer) { timers_.remove(timer); }

void SimRuntime::schedule_wake() {
  if (killed_ || timers_.empty()) return;
  if (timers_.earliest() == base::TimePoint::max()) return;  // never: else a world without anything to do would end time
  base::TimePoint at = host_.world_time_of(timers_.earliest());
  if (creeps()) at = std::max(at, base::saturating_add(engine_.now(), kCreep));
  // A wake-up that comes too early is cheaper than moving the event each time.
  if (wake_.scheduled() && wake_.at() <= at) return;
  engine_.schedule(wake_, std::max(at, engine_.now()));
}

void SimRuntime::fire_timers() {
  if (paused_) {
    withhold(timer_is_due_);
    return;
  }
  const base::TimePoint reached = now();
  if (!timers_.empty() && timers_.earliest() <= reached) {
    engine_.occurred(EventKind::timer, host_.number(), number_);
    const Turn turn(*this, Cause::timer);
    while (!killed_ && timers_.fire_one(reached)) {
    }
  }
  schedule_wake();
}

// --- Turns -----------------------------------------------------------------------------------------------------------

// Work joins the queue at one of its ends and is taken from one of its ends, a coin for each: every order can happen.
bool SimRuntime::comes_first() {
  if (order_bits_ == 1) order_bits_ = order_.bits() | std::uint64_t{1} << 63;
  const bool heads = (order_bits_ & 1) != 0;
  order_bits_ >>= 1;
  return heads;
}

void SimRuntime::schedule(runtime::Runnable& work) {
  if (killed_) return;
  if (in_turn_) tell_where_it_turns();
  if (ready_.empty()) {
    ready_.push_back(work);
    if (!in_turn_) schedule_turn();
  } else if (comes_first()) {
    ready_.push_front(work);
  } else {
    ready_.push_back(work);
  }
}

void SimRuntime::post(runtime::PostedTask& work) {
  switch (foreign_.push(work)) {
    case runtime::ForeignQueue::Pushed::closed: work.drop(); return;
    case runtime::ForeignQueue::Pushed::runtime_knows: return;
    case runtime::ForeignQueue::Pushed::wake_the_runtime: break;
  }
  schedule_turn();
}

void SimRuntime::schedule_turn() {
  const InSimulator in_simulator;
  if (turn_.scheduled()) return;
  if (creeps()) {
    crept_to_ = base::saturating_add(engine_.now(), kCreep);
    engine_.schedule(turn_, crept_to_);
  } else {
    engine_.schedule_now(turn_);
  }
}

void SimRuntime::count_turn(Cause cause) {
  const base::TimePoint now = engine_.now();
  const bool goes_on = now == last_turn_at_ || now == crept_to_ || (cause == Cause::timer && armed_short_);
  if (!goes_on) turns_in_row_ = 0;
  if (!goes_on || cause == Cause::timer) armed_short_ = false;
  last_turn_at_ = now;
  if (cause != Cause::outside && turns_in_row_ < kTurnsInRowMax) ++turns_in_row_;
}

// Called where a program asks to run again: what it is doing is on the stack then.
void SimRuntime::tell_where_it_turns() {
  if (Engine::Tell* const tell = engine_.take_question()) [[unlikely]]
    tell(host_);
}

void SimRuntime::run_turn() {
  if (paused_) {
    withhold(turn_is_due_);
    return;
  }
  engine_.occurred(EventKind::turn, host_.number(), number_);
  const Turn turn(*this, Cause::own_work);
  foreign_.run_all();
  // What becomes ready meanwhile waits for the next turn: nobody is passed over for ever.
  runtime::ReadyQueue batch;
  batch.splice_back(ready_);
  while (!killed_) {
    if (batch.empty()) break;
    const bool is_last = &batch.front() == &batch.back();
    runtime::Runnable* work = is_last || comes_first() ? batch.pop_front() : batch.pop_back();
    at_once_ = 0;
    work->run();
  }
}

void SimRuntime::run_soon(runtime::Runnable& work) {
  if (killed_) return;
  if (in_turn_ || paused_ || !ready_.empty()) {
    schedule(work);
    if (paused_) withhold(turn_is_due_);
    return;
  }
  const Turn turn(*this, Cause::outside);
  work.run();
}

// --- Chance and network ----------------------------------------------------------------------------------------------

std::uint64_t SimRuntime::seed_for(std::string_view purpose) {
  const InSimulator in_simulator;
  auto found = purposes_.find(purpose);
  if (found == purposes_.end()) found = purposes_.emplace(purpose, seed_.stream(purpose)).first;
  const std::uint64_t drawn = found->second.bits();
  engine_.occurred(EventKind::drew, host_.number(), drawn);
  return drawn;
}

runtime::Task<base::Result<std::unique_ptr<runtime::ByteStream>>> SimRuntime::connect(runtime::Address address) {
  check_use("Network::connect");
  return host_.fabric().connect(*this, std::move(address));
}

base::Result<std::unique_ptr<runtime::Listener>> SimRuntime::listen(const runtime::Address& address,
                                                                    runtime::ListenOptions options) {
  check_use("Network::listen");
  const InSimulator in_simulator;
  return host_.fabric().listen(*this, address, options);
}

base::Result<std::unique_ptr<runtime::ByteStream>> SimRuntime::adopt(std::unique_ptr<runtime::DetachedStream> detached) {
  check_use("Network::adopt");
  return Connection::adopt(std::move(detached), *this);
}

}  // namespace razor::sim
