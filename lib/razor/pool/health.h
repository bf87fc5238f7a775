#pragma once
// Health: whether an address may be given calls, and how many. Pure: it is told what happens and when.
//
//   healthy --connection lost, or silent, owing answers--> suspect --probe--> probing --> healthy
//      ^  \---timeouts in a row, connect failed--> down --back-off--> probing --> healthy, by a gentle ramp
//      |                                            ^                    |
//      |                                            \-----probe failed---/
//
// Only a healthy address is given calls. The others are probed: connected to, and asked for a sign of life. An address
// that was down gets a growing share of the calls first.

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "razor/base/check.h"
#include "razor/base/time.h"

namespace razor::pool {

enum class HealthState : std::uint8_t {
  healthy,
  suspect,  ///< a connection that owed answers was lost, or is silent: probed at once
  down,     ///< a probe failed, or too many calls timed out in a row: probed after a back-off
  probing,
};

constexpr std::string_view name_of(HealthState state) {
  switch (state) {
    case HealthState::healthy: return "healthy";
    case HealthState::suspect: return "suspect";
    case HealthState::down: return "down";
    case HealthState::probing: return "probing";
  }
  return "?";
}

struct HealthConfig {
  /// Calls that time out in a row, without an answer in between, after which an address is down; 0: never.
  std::uint32_t timeouts_max = 5;
  /// How long an address that was down gets fewer calls than the others: from a tenth of its share, to all of it.
  base::Duration ramp = std::chrono::seconds(5);
};

class Health {
 public:
  static constexpr std::uint32_t kFullWeight = 100;
  static constexpr std::uint32_t kWeightMin = 10;

  explicit Health(const HealthConfig& config) : config_(config) {}

  HealthState state() const { return state_; }
  bool is_healthy() const { return state_ == HealthState::healthy; }
  base::TimePoint since() const { return since_; }
  /// How often it was taken out of use.
  std::uint64_t ejections() const { return ejections_; }

  /// The share of calls that it should get, in hundredths of that of a healthy one.
  std::uint32_t weight(base::TimePoint now) const {
    if (!is_healthy()) return 0;
    if (!is_ramping(now)) return kFullWeight;
    const auto passed = static_cast<std::uint64_t>((now - ramp_began_).count());
    const auto whole = static_cast<std::uint64_t>(config_.ramp.count());
    return kWeightMin + static_cast<std::uint32_t>((kFullWeight - kWeightMin) * passed / whole);
  }
  bool is_ramping(base::TimePoint now) const {
    return is_healthy() && now < base::saturating_add(ramp_began_, config_.ramp);
  }

  /// A call was answered, whatever the answer.
  void on_answer() { timeouts_ = 0; }

  /// A call that was sent there passed its deadline. True when that was one too many.
  bool on_timeout(base::TimePoint now) {
    if (!is_healthy() || config_.timeouts_max == 0 || ++timeouts_ < config_.timeouts_max) return false;
    transition(HealthState::down, now);
    return true;
  }
  /// A connection ended while it owed answers.
  void on_connection_lost(base::TimePoint now) {
    if (is_healthy()) transition(HealthState::suspect, now);
  }
  /// Its machine is alive, and its process does not answer.
  void on_silence(base::TimePoint now) { on_connection_lost(now); }
  void on_connect_failed(base::TimePoint now) {
    if (state_ != HealthState::down) transition(HealthState::down, now);
  }
  /// Only while it is not healthy.
  void on_probe_started(base::TimePoint now) {
    was_down_ = was_down_ || state_ == HealthState::down;
    transition(HealthState::probing, now);
  }
  void on_probe_succeeded(base::TimePoint now) {
    transition(HealthState::healthy, now);
    timeouts_ = 0;
    if (std::exchange(was_down_, false)) ramp_began_ = now;  // one that was only suspect goes on where it was
  }
  void on_probe_failed(base::TimePoint now) { transition(HealthState::down, now); }

 private:
  static constexpr bool is_allowed(HealthState from, HealthState to) {
    switch (from) {
      case HealthState::healthy: return to == HealthState::suspect || to == HealthState::down;
      case HealthState::suspect: return to == HealthState::probing || to == HealthState::down;
      case HealthState::down: return to == HealthState::probing;
      case HealthState::probing: return to == HealthState::healthy || to == HealthState::down;
    }
    return false;
  }

  void transition(HealthState to, base::TimePoint now) {
    RAZOR_CHECK(is_allowed(state_, to), "health cannot go from {} to {}", name_of(state_), name_of(to));
    if (is_healthy()) ++ejections_;
    state_ = to;
    since_ = now;
  }

  HealthConfig config_;
  HealthState state_ = HealthState::healthy;
  base::TimePoint since_ = base::TimePoint::min();
  base::TimePoint ramp_began_ = base::TimePoint::min();
  bool was_down_ = false;  // since it was healthy last
  std::uint32_t timeouts_ = 0;
  std::uint64_t ejections_ = 0;
};

}  // namespace razor::pool
