#pragma once
// Conditions: what faults do to hosts and links, counted, so that faults that overlap do not heal each other: a host that two
// faults hold down is up again when the last of them ends.
//
// What changes packets on their way is no condition: rules (sim/rule.h) overlap of themselves.

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "sim/world.h"

namespace razor::faults {

class Conditions {
  struct State;

 public:
  /// A fault's part of a condition. It ends with this object, or with Conditions if that goes first.
  class [[nodiscard]] Hold {
   public:
    Hold() = default;
    Hold(Hold&& other) noexcept : state_(std::exchange(other.state_, {})), id_(other.id_) {}
    Hold& operator=(Hold&& other) noexcept {
      if (this != &other) {
        end();
        state_ = std::exchange(other.state_, {});
        id_ = other.id_;
      }
      return *this;
    }
    ~Hold() { end(); }
    /// Ends it now.
    void end();

   private:
    friend class Conditions;
    Hold(const std::shared_ptr<State>& state, std::uint64_t id) : state_(state), id_(id) {}

    std::weak_ptr<State> state_;
    std::uint64_t id_ = 0;
  };

  /// `world` outlives it.
  explicit Conditions(sim::World& world);
  Conditions(const Conditions&) = delete;
  /// Heals all.
  ~Conditions();

  /// The machine is gone (Host::crash), and restarts behind the last.
  Hold down(sim::Host& host);
  /// Its programs are gone (Host::kill), and run again behind the last.
  Hold killed(sim::Host& host);
  /// Its programs stand still, also those of a restart meanwhile.
  Hold paused(sim::Host& host);
  /// Nothing gets through on this link.
  Hold cut(const sim::Host& from, const sim::Host& to);
  /// The clock runs faster by so many parts in a million, added up, within what Host::set_drift_ppm takes.
  Hold drift(sim::Host& host, std::int32_t ppm);

  /// How many faults hold the host down, or its programs killed or paused.
  std::size_t troubles(const sim::Host& host) const;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace razor::faults
