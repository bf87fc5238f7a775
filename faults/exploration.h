#pragma once
// Exploration: one run of a scenario under faults that its seed chooses, or a plan says.
//
//   RAZOR_SCENARIO(cluster) {
//     faults::Exploration run(world);
//     const int servers = static_cast<int>(run.number("servers", 1, 5));   // a plan may `set servers 2`
//     ... hosts, callers, oracles ...
//     run.set_roles({.servers = {"server0", "server1"}, .callers = {"caller"}});
//     run.add_action("update_addresses", [&](const faults::Fault&, base::RandomStream& random) { ... });
//     run.play(10min);      // faults happen within this time
//     run.heal();           // and are over
//     ... calls must succeed again ...
//   }
//
// The plan that it drew, and the effects of its faults, are reported with the result (sim::report_text "plan", sim::report_count).

#include <functional>
#include <memory>
#include <set>

#include "faults/fault_kind.h"
#include "faults/injector.h"
#include "sim/world.h"

namespace razor::faults {

/// What a program was told to play instead of what seeds choose: `--plan FILE`. Empty: nothing.
/// Set before scenarios run; not while one does.
void set_given_plan(std::optional<Plan> plan);
const std::optional<Plan>& given_plan();

/// One thing that a scenario draws beside its faults.
struct Knob {
  std::string name;
  std::string value;
  std::string simplest;  ///< the value that asks least of a reader: what shrinking aims at
};

class Exploration {
 public:
  explicit Exploration(sim::World& world);
  Exploration(const Exploration&) = delete;
  /// Reports which faults had effects.
  ~Exploration();

  // --- The setting: drawn by name, each from a stream of its own, unless the plan sets it
  /// least .. most; `least` is the simplest.
  std::int64_t number(std::string_view name, std::int64_t least, std::int64_t most);
  base::Duration duration(std::string_view name, base::Duration least, base::Duration most);
  /// True once in `count` runs. False is simpler.
  bool one_in(std::string_view name, std::uint64_t count);

  // --- Who plays
  void set_roles(Roles roles) { roles_ = std::move(roles); }
  /// Something that a plan can do as with faults, by this name: an address update, a close. `where` lists hosts that it can
  /// happen to; each fault names one. How often: as kinds of faults, most runs never.
  void add_action(std::string name, std::vector<std::string> where,
                  std::function<void(const Fault&, base::RandomStream&)> action);
  /// Kinds that are not drawn here.
  void leave_out(std::string_view kind) { left_out_.emplace(kind); }

  // --- Faults
  /// Draws the plan for `span`, unless one is given, and lets it happen from now on. To be called once.
  void start(base::Duration span);
  /// start, and runs the world for `span`.
  void play(base::Duration span);
  /// All faults end now; none begins any more.
  void heal();
  /// With the settings so far.
  const Plan& plan() const { return plan_; }
  const std::vector<Knob>& knobs() const { return knobs_; }
  Injector& injector() { return *injector_; }

 private:
  std::string_view setting(std::string_view name, std::string drawn, std::string simplest);

  sim::World& world_;
  Roles roles_;
  std::set<std::string, std::less<>> left_out_;
  Actions actions_;
  Plan plan_;
  std::vector<Knob> knobs_;
  std::unique_ptr<Injector> injector_;
};

}  // namespace razor::faults
