// swizzle: hosts stand still, or are cut off, one by one, and come back in another order.
//
// Source: FoundationDB's "swizzle-clogging" (Zhou and others, "FoundationDB", SIGMOD 2021).

#include <algorithm>
#include <limits>

#include "faults/kinds/check.h"
#include "faults/kinds/cut_fault.h"
#include "faults/kinds/drawn_hosts.h"
#include "faults/kinds/kinds.h"
#include "faults/kinds/later.h"
#include "faults/kinds/paused_host.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

// Calls `stall(i)` in order within the first half of `span`, and `release(i)` in an order that is drawn within the second.
template <class Stall, class Release>
void plan_swizzle(std::size_t count, base::Duration span, base::RandomStream& random, Later& later, Stall stall,
                  Release release) {
  const base::Duration half = span / 2;
  const base::Duration step = half / static_cast<std::int64_t>(count);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < count; ++i) order.push_back(i);
  shuffle(order, random);
  for (std::size_t i = 0; i < count; ++i) {
    const base::Duration stalled_at = step * static_cast<std::int64_t>(i) + random.between(0ms, step);
    const base::Duration released_at = half + step * static_cast<std::int64_t>(i) + random.between(0ms, step);
    later.after(stalled_at, [stall, i] { stall(i); });
    later.after(released_at, [release, released = order[i]] { release(released); });
  }
}

class StalledHosts final : public ActiveFault {
 public:
  StalledHosts(const Fault& fault, FaultContext context) : conditions_(context.conditions), later_(context.world) {
    for (const std::string& name : fault.where) hosts_.push_back(&context.world.host(name));
    plan_swizzle(
        hosts_.size(), fault.lasts, context.random, later_,
        [this](std::size_t i) { paused_.emplace_back(*hosts_[i], conditions_); },
        [this](std::size_t i) { release(*hosts_[i]); });
  }
  void end() override {
    for (PausedHost& paused : paused_) act(paused.end());
    paused_.clear();
  }

 private:
  void release(const sim::Host& host) {
    const auto paused = std::ranges::find_if(paused_, [&](const PausedHost& one) { return &one.host() == &host; });
    if (paused == paused_.end()) return;
    act(paused->end());
    paused_.erase(paused);
  }

  Conditions& conditions_;
  std::vector<sim::Host*> hosts_;
  std::vector<PausedHost> paused_;
  Later later_;
};

class StalledLinks final : public CutFault {
 public:
  StalledLinks(const Fault& fault, FaultContext context) : CutFault(context), later_(context.world) {
    for (const std::string& name : fault.where) hosts_.push_back(&context.world.host(name));
    plan_swizzle(
        hosts_.size(), fault.lasts, context.random, later_,
        [this](std::size_t i) {
          for (const auto& other : fabric().hosts()) {
            if (other.get() != hosts_[i]) cut_both_ways(*hosts_[i], *other);
          }
        },
        [this](std::size_t i) {
          for (const auto& other : fabric().hosts()) {
            if (other.get() != hosts_[i]) heal_both_ways(*hosts_[i], *other);
          }
        });
  }

 private:
  std::vector<const sim::Host*> hosts_;
  Later later_;
};

class Swizzle final : public FaultKind {
 public:
  std::string_view name() const override { return "swizzle"; }
  std::string_view help() const override {
    return "swizzle HOST HOST ... for TIME [stall=hosts|links]: they stand still (or are cut off) one by one, and come back "
           "in another order";
  }
  std::string_view lacks(const Roles& roles) const override { return lacks_two_hosts(roles); }
  bool draw(Fault& fault, Draw& draw) const override {
    const std::vector<std::string> hosts = drawn_hosts(draw);
    if (hosts.size() < 2) return false;
    const std::size_t count = 2 + draw.random.below(hosts.size() - 1);
    fault.where.assign(hosts.begin(), hosts.begin() + static_cast<std::ptrdiff_t>(count));
    fault.lasts = draw.duration(100ms, 60s);
    fault.set("stall", draw.random.one_in(2) ? "links" : "hosts");
    return true;
  }
  std::string check(const Fault& fault) const override {
    return Check(fault).hosts(2, std::numeric_limits<std::size_t>::max()).lasts().word("stall", {"hosts", "links"}).wrong();
  }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, FaultContext context) const override {
    if (fault.word_of("stall", "hosts") == "links") return std::make_unique<StalledLinks>(fault, context);
    return std::make_unique<StalledHosts>(fault, context);
  }
};

}  // namespace

const FaultKind& swizzle_kind() {
  static const Swizzle kind;
  return kind;
}

}  // namespace razor::faults
