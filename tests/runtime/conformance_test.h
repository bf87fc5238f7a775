#pragma once
// What every Runtime promises, tested through the abstract interface: one suite, RuntimeConformance, in the
// conformance_*_test.cc files. A maker of Runtimes brings a RuntimeMaker and an INSTANTIATE_TEST_SUITE_P; on Asio that
// is asio/asio_conformance_test.cc.
//
// The tests read only the Runtime's own clock, never wait for a time to pass where a condition would do, and keep both
// ends of a connection on one Runtime: they run in virtual time as well.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>

#include "razor/runtime/runtime.h"
#include "tests/support/streams.h"

namespace razor::test {

/// Makes one Runtime, and knows what is particular about it.
class RuntimeMaker {
 public:
  virtual ~RuntimeMaker() = default;

  /// The one it made, until `destroy_runtime()`.
  virtual runtime::Runtime& runtime() = 0;

  /// Runs `task` on it, from a turn of its own to its end; false when a generous limit of real time was over first.
  virtual bool run(runtime::Task<void> task) = 0;

  /// Destroys it with all that it runs.
  virtual void destroy_runtime() = 0;

  /// Where a listener may be opened; a new one each time.
  virtual runtime::Address address_to_listen_on() = 0;

  /// Where a connection is refused, also if something was refused there before.
  virtual runtime::Address address_that_refuses() = 0;

  /// Where connecting neither succeeds nor fails; none where that cannot be had.
  virtual std::optional<runtime::Address> address_that_hangs() { return std::nullopt; }

  /// A name that is looked up in vain; none where names are not looked up.
  virtual std::optional<runtime::Address> address_without_host() { return std::nullopt; }

  /// Threads other than the one that runs it exist, and may post.
  virtual bool has_foreign_threads() const { return true; }

  /// A reset ends the peer's reads with connection_reset; else they just end.
  virtual bool reset_reaches_the_peer() const { return true; }

  /// What is ready runs in the order it became so, and timers of one time in the order they were armed; else in any.
  virtual bool runs_in_order() const { return true; }

  /// Time passes although something is always ready to run.
  virtual bool time_passes_while_busy() const { return true; }
};

/// One kind of Runtime, by name.
struct RuntimeKind {
  std::string name;
  std::function<std::unique_ptr<RuntimeMaker>()> make;

  friend std::ostream& operator<<(std::ostream& out, const RuntimeKind& kind) { return out << kind.name; }
};

class RuntimeConformance : public testing::TestWithParam<RuntimeKind> {
 public:
  RuntimeMaker& maker() { return *maker_; }
  runtime::Clock& clock() { return maker_->runtime().clock(); }
  runtime::Spawner& spawner() { return maker_->runtime().spawner(); }
  runtime::Network& network() { return maker_->runtime().network(); }

  /// A listener on an address of its own.
  std::unique_ptr<runtime::Listener> listen();

  /// A new connection between two ends of this Runtime.
  runtime::Task<StreamPair> connected_pair();

 protected:
  void run(runtime::Task<void> task);

 private:
  std::unique_ptr<RuntimeMaker> maker_ = GetParam().make();
};

/// For INSTANTIATE_TEST_SUITE_P.
inline std::string name_of(const testing::TestParamInfo<RuntimeKind>& kind) { return kind.param.name; }

}  // namespace razor::test
