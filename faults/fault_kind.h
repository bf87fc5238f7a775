#pragma once
// FaultKind: one kind of fault. Each is a small file in kinds/, and a line in catalogue.cc. README.md says how to add one.

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "faults/plan.h"
#include "razor/base/random_stream.h"

namespace razor::sim {
class World;
}

namespace razor::faults {

class Conditions;

/// Which hosts of a scenario, by their names, do what. Faults are drawn for these.
struct Roles {
  std::vector<std::string> servers{};
  std::vector<std::string> callers{};
  /// Hosts that may send anything, and whose connections may be fed anything: nothing is promised to them.
  std::vector<std::string> untrusted_peers{};
  /// Programs on the hosts read the time of day, which clock_step sets wrong. The library itself never does.
  bool reads_time_of_day = false;
  /// Servers and callers whose programs are not made with the library. Faults act on their hosts and on the network;
  /// their handlers and their memory are left alone.
  std::vector<std::string> foreign{};

  bool is_foreign(std::string_view host) const { return std::ranges::find(foreign, host) != foreign.end(); }
};

// A role that a kind of fault needs, for FaultKind::lacks; empty where the roles have one.
std::string_view lacks_servers(const Roles& roles);
std::string_view lacks_callers(const Roles& roles);  ///< or servers
std::string_view lacks_untrusted_peers(const Roles& roles);
std::string_view lacks_own_servers(const Roles& roles);  ///< made with the library

/// What a kind draws a fault with.
struct Draw {
  const Roles& roles;
  base::RandomStream& random;
  int hardness;            ///< 1 .. 100: how hard this run is hit by faults of this kind; few are extreme
  base::Duration span{};   ///< of all faults

  const std::string& server() { return one_of(roles.servers); }
  const std::string& caller() { return one_of(roles.callers); }
  const std::string& one_of(const std::vector<std::string>& names) { return names[random.below(names.size())]; }
  /// A server or a caller.
  const std::string& host() {
    const std::size_t index = random.below(roles.servers.size() + roles.callers.size());
    return index < roles.servers.size() ? roles.servers[index] : roles.callers[index - roles.servers.size()];
  }
  /// Likewise, and none that is foreign: of these there is at least one.
  const std::string& own_server() {
    const std::string* name = &server();
    while (roles.is_foreign(*name)) name = &server();
    return *name;
  }
  const std::string& own_host() {
    const std::string* name = &host();
    while (roles.is_foreign(*name)) name = &host();
    return *name;
  }
  /// As long as hardness says: from `least` to at most `most`, short ones more often. In whole steps that read well.
  base::Duration duration(base::Duration least, base::Duration most);
  /// least .. most, likewise.
  std::int64_t number(std::int64_t least, std::int64_t most);
};

/// What a fault works with.
struct FaultContext {
  sim::World& world;
  Conditions& conditions;    ///< of hosts and links: faults that overlap do not heal each other
  base::RandomStream random; ///< of this fault alone
};

/// A fault at work, from its construction to its end, which heals it.
class ActiveFault {
 public:
  /// Ends it, if nobody did.
  virtual ~ActiveFault() = default;
  ActiveFault() = default;
  ActiveFault(const ActiveFault&) = delete;

  /// Its time is over: what it did is undone as far as it can be. Called once, before its destruction, so that what the end
  /// itself brings about is counted. Those that heal in their destructor have nothing to do here.
  virtual void end() {}

  /// How many events it has changed, delayed or removed: 0 when the run would have been the same without it.
  std::uint64_t effects() const { return effects_; }

 protected:
  void act(std::uint64_t count = 1) { effects_ += count; }

 private:
  std::uint64_t effects_ = 0;
};

class FaultKind {
 public:
  virtual ~FaultKind() = default;

  virtual std::string_view name() const = 0;
  /// One line: what it does, and its hosts and parameters.
  virtual std::string_view help() const = 0;
  /// What it needs that these roles do not have, in a few words; empty when it can act there. Kinds that cannot act in a run
  /// are not drawn for it; a plan may have them nevertheless.
  virtual std::string_view lacks(const Roles& roles) const { return lacks_servers(roles); }
  /// Fills in all but number and time. Asked only where nothing is lacking. False: there is none all the same.
  virtual bool draw(Fault& fault, Draw& draw) const = 0;
  /// A second fault without which `fault` would seldom have anything to act on: it is drawn together with it, and `at` is set
  /// to a time within it. False: `fault` does without. What makes connections anew is a partner of what acts on new ones.
  virtual bool draw_partner(const Fault& /*fault*/, Fault& /*partner*/, Draw& /*draw*/) const { return false; }
  /// Empty when `fault`, which a person may have written, can be played; else what is wrong.
  virtual std::string check(const Fault& fault) const = 0;
  /// It begins. Null when it is over already, or does nothing there.
  virtual std::unique_ptr<ActiveFault> begin(const Fault& fault, FaultContext context) const = 0;
};

/// All of them, in a fixed order.
const std::vector<const FaultKind*>& catalogue();
/// Null when there is none of this name.
const FaultKind* find_kind(std::string_view name);

}  // namespace razor::faults
