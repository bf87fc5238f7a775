#include "faults/conditions.h"

#include <algorithm>

namespace razor::faults {
namespace {

// What Host::set_drift_ppm takes.
constexpr std::int64_t kDriftMax = 499'999;

enum class ConditionKind : std::uint8_t { down, killed, paused, cut, drift };

struct Part {
  ConditionKind kind;
  sim::Host& host;
  const sim::Host* to = nullptr;  // of a cut
  std::int32_t ppm = 0;           // of a drift
};

}  // namespace

struct Conditions::State {
  // What a scenario did to a host by itself, it undoes by itself.
  struct HostState {
    bool crashed_here = false;
    bool killed_here = false;
    std::int32_t drift_before = 0;
  };

  explicit State(sim::World& its_world) : world(its_world) {}

  std::size_t count(ConditionKind kind, const sim::Host& host) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        parts, [&](const auto& entry) { return entry.second.kind == kind && &entry.second.host == &host; }));
  }
  std::size_t count_cuts(const sim::Host& from, const sim::Host& to) const {
    return static_cast<std::size_t>(std::ranges::count_if(parts, [&](const auto& entry) {
      return entry.second.kind == ConditionKind::cut && &entry.second.host == &from && entry.second.to == &to;
    }));
  }

  std::uint64_t begin(const Part& part);
  void end(std::uint64_t id);
  void bring_up(sim::Host& host);
  void start_again(sim::Host& host);
  void pause_again(sim::Host& host);
  void set_drift(sim::Host& host);

  sim::World& world;
  std::map<std::uint64_t, Part> parts;  // in the order they began
  std::uint64_t last_id = 0;
  std::map<std::uint64_t, HostState> hosts;  // by number
};

std::uint64_t Conditions::State::begin(const Part& part) {
  sim::Host& host = part.host;
  HostState& state = hosts[host.number()];
  if (part.kind == ConditionKind::drift && count(ConditionKind::drift, host) == 0) state.drift_before = host.drift_ppm();
  parts.emplace(++last_id, part);
  switch (part.kind) {
    case ConditionKind::down:
      if (host.is_up()) state.crashed_here = true;
      host.crash();
      break;
    case ConditionKind::killed:
      if (host.runs()) state.killed_here = true;
      host.kill();
      break;
    case ConditionKind::paused: host.pause(); break;
    case ConditionKind::cut: world.cut_one_way(host, *part.to); break;
    case ConditionKind::drift: set_drift(host); break;
  }
  return last_id;
}

void Conditions::State::end(std::uint64_t id) {
  const auto found = parts.find(id);
  if (found == parts.end()) return;
  const Part part = found->second;
  parts.erase(found);
  if (part.kind == ConditionKind::cut) {
    if (count_cuts(part.host, *part.to) == 0) world.fabric().link(part.host, *part.to).heal();
    return;
  }
  if (part.kind == ConditionKind::drift) {
    set_drift(part.host);
    return;
  }
  if (count(part.kind, part.host) > 0) return;
  switch (part.kind) {
    case ConditionKind::down: bring_up(part.host); break;
    case ConditionKind::killed: start_again(part.host); break;
    case ConditionKind::paused: part.host.resume(); break;
    case ConditionKind::cut:
    case ConditionKind::drift: break;
  }
}

void Conditions::State::bring_up(sim::Host& host) {
  if (!std::exchange(hosts[host.number()].crashed_here, false) || host.is_up()) return;
  host.restart();
  if (count(ConditionKind::killed, host) > 0) {
    hosts[host.number()].killed_here = true;
    host.kill();
  }
  pause_again(host);
}

void Conditions::State::start_again(sim::Host& host) {
  // Where the host is down, its restart brings the programs back.
  if (!std::exchange(hosts[host.number()].killed_here, false) || !host.is_up() || host.runs()) return;
  host.start_again();
  pause_again(host);
}

void Conditions::State::pause_again(sim::Host& host) {
  if (count(ConditionKind::paused, host) > 0) host.pause();
}

void Conditions::State::set_drift(sim::Host& host) {
  std::int64_t sum = hosts[host.number()].drift_before;
  for (const auto& [id, part] : parts) {
    if (part.kind == ConditionKind::drift && &part.host == &host) sum += part.ppm;
  }
  host.set_drift_ppm(static_cast<std::int32_t>(std::clamp(sum, -kDriftMax, kDriftMax)));
}

// ---------------------------------------------------------------------------------------------------------------------

void Conditions::Hold::end() {
  const std::shared_ptr<State> state = std::exchange(state_, {}).lock();
  if (state != nullptr) state->end(id_);
}

Conditions::Conditions(sim::World& world) : state_(std::make_shared<State>(world)) {}

Conditions::~Conditions() {
  while (!state_->parts.empty()) state_->end(state_->parts.begin()->first);
}

Conditions::Hold Conditions::down(sim::Host& host) { return {state_, state_->begin({ConditionKind::down, host})}; }
Conditions::Hold Conditions::killed(sim::Host& host) { return {state_, state_->begin({ConditionKind::killed, host})}; }
Conditions::Hold Conditions::paused(sim::Host& host) { return {state_, state_->begin({ConditionKind::paused, host})}; }
Conditions::Hold Conditions::cut(const sim::Host& from, const sim::Host& to) {
  return {state_, state_->begin({ConditionKind::cut, const_cast<sim::Host&>(from), &to})};
}
Conditions::Hold Conditions::drift(sim::Host& host, std::int32_t ppm) {
  return {state_, state_->begin({ConditionKind::drift, host, nullptr, ppm})};
}

std::size_t Conditions::troubles(const sim::Host& host) const {
  return state_->count(ConditionKind::down, host) + state_->count(ConditionKind::killed, host) +
         state_->count(ConditionKind::paused, host);
}

}  // namespace razor::faults
