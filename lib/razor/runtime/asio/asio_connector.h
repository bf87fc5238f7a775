#pragma once
// What an AsioRuntime keeps for its connects: who looks names up, the door by which answers come in, and which address
// of a name answered last. Private to runtime/asio.

#include <boost/asio/ip/address.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "razor/runtime/asio/name_lookup.h"
#include "razor/runtime/foreign_queue.h"

namespace razor::asio {

class AsioCore;

/// The door for threads that may outlive the runtime: shut by the runtime, and never in its way.
///
/// Threads: all members from any.
class LookupDoor {
 public:
  explicit LookupDoor(AsioCore& core) : core_(&core) {}

  /// Runs `work` on the runtime's thread, or drops it when the runtime is gone.
  void post(runtime::PostedTask& work);
  void shut() {
    const std::lock_guard lock(mutex_);
    core_ = nullptr;
  }

 private:
  std::mutex mutex_;
  AsioCore* core_;  // guarded by mutex_
};

/// Which address of a name answered last: it is tried first the next time.
class Winners {
 public:
  void remember(const std::string& name, const boost::asio::ip::address& address) {
    if (winners_.size() >= kNamesMax && !winners_.contains(name)) winners_.clear();
    winners_[name] = address;
  }
  /// Null when none is known.
  const boost::asio::ip::address* find(const std::string& name) const {
    const auto found = winners_.find(name);
    return found != winners_.end() ? &found->second : nullptr;
  }

 private:
  // Beyond, all are forgotten, which costs the next connects at most the stagger.
  static constexpr std::size_t kNamesMax = 1024;
  std::map<std::string, boost::asio::ip::address> winners_;
};

/// The order of RFC 8305, 4: families take turns, beginning with that of the first; `winner`, if it is among them, comes
/// before all.
std::vector<boost::asio::ip::address> in_order_to_try(std::vector<boost::asio::ip::address> addresses,
                                                      const boost::asio::ip::address* winner);

struct AsioConnector {
  AsioConnector(AsioCore& core, NameLookup* users_names)
      : door(std::make_shared<LookupDoor>(core)),
        names(users_names != nullptr ? *users_names : NameLookup::of_this_process()) {}

  const std::shared_ptr<LookupDoor> door;
  NameLookup& names;
  Winners winners{};
};

}  // namespace razor::asio
