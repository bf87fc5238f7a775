#include "sim/world.h"

#include "sim/guard.h"

namespace razor::sim {

struct World::Action final : Event {
  Action(World& owner, std::function<void()> what)
      : Event([](Event& event) { static_cast<Action&>(event).run(); }), world(owner), action(std::move(what)) {}
  void run() {
    const std::function<void()> now = std::move(action);
    std::erase_if(world.actions_, [this](const auto& other) { return other.get() == this; });
    now();
  }
  World& world;
  std::function<void()> action;
};

World::World(std::uint64_t seed, const WorldConfig& config, base::LogSink* log)
    : engine_(Seed(seed)), fabric_(engine_, config.fabric, log != nullptr ? *log : stderr_log_) {}

World::~World() {
  const Simulating simulating(engine_);
  fabric_.kill_all();
}

void World::cut(const Host& one, const Host& other) {
  cut_one_way(one, other);
  cut_one_way(other, one);
}

void World::heal(const Host& one, const Host& other) {
  fabric_.link(one, other).heal();
  fabric_.link(other, one).heal();
}

void World::heal_all() {
  for (const auto& one : fabric_.hosts()) {
    for (const auto& other : fabric_.hosts()) fabric_.link(*one, *other).heal();
  }
}

void World::run_until_time(base::TimePoint time) {
  const Simulating simulating(engine_);
  while (engine_.run_one(time)) {
  }
  engine_.advance_to(time);
}

bool World::run_until(const std::function<bool()>& done, base::Duration limit) {
  const Simulating simulating(engine_);
  const base::TimePoint until = base::saturating_add(now(), limit);
  while (!done()) {
    if (!engine_.run_one(until)) {
      engine_.advance_to(until);
      return done();
    }
  }
  return true;
}

bool World::run_until_idle(base::Duration limit) {
  const Simulating simulating(engine_);
  const base::TimePoint until = base::saturating_add(now(), limit);
  while (engine_.run_one(until)) {
  }
  return engine_.idle();
}

bool World::run_events(std::uint64_t count) {
  const Simulating simulating(engine_);
  for (; count > 0; --count) {
    if (!engine_.run_one(base::TimePoint::max())) return false;
  }
  return true;
}

void World::at(base::TimePoint at, std::function<void()> action) {
  Action& added = *actions_.emplace_back(std::make_unique<Action>(*this, std::move(action)));
  engine_.schedule(added, std::max(at, now()));
}

void World::note(std::string_view text) {
  engine_.occurred(EventKind::noted, 0, hash_of(base::as_bytes(text)));
  engine_.tell(&Observer::on_note, text);
}

void World::watch(Observer& observer) {
  engine_.add_observer(observer);
  fabric_.trace_calls(true);
}

void World::unwatch(Observer& observer) {
  engine_.remove_observer(observer);
  if (!engine_.observed()) fabric_.trace_calls(false);
}

std::string_view name_of(EventKind kind) {
  switch (kind) {
    case EventKind::turn: return "turn";
    case EventKind::timer: return "timer";
    case EventKind::written: return "written";
    case EventKind::arrived: return "arrived";
    case EventKind::read: return "read";
    case EventKind::end_sent: return "end sent";
    case EventKind::end_arrived: return "end arrived";
    case EventKind::reset_sent: return "reset sent";
    case EventKind::reset_arrived: return "reset arrived";
    case EventKind::lost: return "lost";
    case EventKind::connecting: return "connecting";
    case EventKind::connected: return "connected";
    case EventKind::refused: return "refused";
    case EventKind::connect_failed: return "connect failed";
    case EventKind::listening: return "listening";
    case EventKind::crashed: return "crashed";
    case EventKind::restarted: return "restarted";
    case EventKind::paused: return "paused";
    case EventKind::resumed: return "resumed";
    case EventKind::cut: return "cut";
    case EventKind::healed: return "healed";
    case EventKind::drew: return "drew";
    case EventKind::noted: return "noted";
  }
  return "?";
}

}  // namespace razor::sim
