#pragma once
// Injector: plays a plan in a world: each fault begins and ends at its time, and what it did is counted.

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "faults/conditions.h"
#include "faults/fault_kind.h"
#include "sim/world.h"

namespace razor::faults {

/// What a scenario lets plans do by name.
struct Action {
  std::vector<std::string> where;
  std::function<void(const Fault&, base::RandomStream&)> fire;
};
using Actions = std::map<std::string, Action, std::less<>>;

/// What became of a fault of the plan.
struct FaultReport {
  Fault fault;
  bool begun = false;
  bool over = false;
  std::uint64_t effects = 0;  ///< events that it changed, delayed or removed
};

class Injector {
 public:
  /// Times of the plan count from now on. `world` and `actions` outlive it.
  /// Errors: a fault that cannot be played fails the scenario (RAZOR_REQUIRE), with its line.
  Injector(sim::World& world, const Plan& plan, const Actions& actions);
  Injector(const Injector&) = delete;
  ~Injector();

  /// All that is at work ends now, in the order it began; nothing begins any more.
  void heal();
  /// A fault is at work, or was within the last `span`, that names the host, or none; those of the kind `except` aside.
  bool touched(std::string_view host, base::Duration span, std::string_view except = {}) const;
  /// The same of faults of one kind only.
  bool touched_by(std::string_view kind, std::string_view host, base::Duration span) const;
  /// As the plan has them.
  std::vector<FaultReport> reports() const;

 private:
  struct Entry;

  bool touched(const Entry& entry, std::string_view host, base::Duration span) const;

  void begin(Entry& entry);
  void end(Entry& entry);

  sim::World& world_;
  const Actions& actions_;
  Conditions conditions_;
  std::vector<std::unique_ptr<Entry>> entries_;
  // What the world calls; outlives us in its actions.
  std::shared_ptr<Injector*> self_;
};

}  // namespace razor::faults
