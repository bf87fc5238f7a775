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
#include <utility>

#include "razor/runtime/in_process.h"
#include "razor/runtime/runtime.h"
#include "tests/runtime/pass_through.h"
#include "tests/support/streams.h"

namespace razor::test {

/// Makes one Runtime, and knows what is particular about it.
class RuntimeMaker {
 public:
  virtual ~RuntimeMaker() = default;

  /// The one it made, until `destroy_runtime()`.
  virtual runtime::Runtime& runtime() = 0;

  /// How streams are made that the suite looks at.
  virtual runtime::Transport& transport() { return runtime().network(); }

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

/// The same Runtime, with every stream behind a decorator that passes everything through.
class DecoratedMaker final : public RuntimeMaker {
 public:
  explicit DecoratedMaker(std::unique_ptr<RuntimeMaker> inner) : inner_(std::move(inner)), transport_(inner_->transport()) {}

  runtime::Runtime& runtime() override { return inner_->runtime(); }
  runtime::Transport& transport() override { return transport_; }
  bool run(runtime::Task<void> task) override { return inner_->run(std::move(task)); }
  void destroy_runtime() override { inner_->destroy_runtime(); }
  runtime::Address address_to_listen_on() override { return inner_->address_to_listen_on(); }
  runtime::Address address_that_refuses() override { return inner_->address_that_refuses(); }
  std::optional<runtime::Address> address_that_hangs() override { return inner_->address_that_hangs(); }
  std::optional<runtime::Address> address_without_host() override { return inner_->address_without_host(); }
  bool has_foreign_threads() const override { return inner_->has_foreign_threads(); }
  bool reset_reaches_the_peer() const override { return inner_->reset_reaches_the_peer(); }
  bool runs_in_order() const override { return inner_->runs_in_order(); }
  bool time_passes_while_busy() const override { return inner_->time_passes_while_busy(); }

 private:
  std::unique_ptr<RuntimeMaker> inner_;
  PassThroughTransport transport_;
};

/// The same Runtime, whose streams stay within the process.
class InProcessMaker final : public RuntimeMaker {
 public:
  explicit InProcessMaker(std::unique_ptr<RuntimeMaker> inner)
      : inner_(std::move(inner)), transport_(in_process_.on(inner_->runtime())) {}

  runtime::Runtime& runtime() override { return inner_->runtime(); }
  runtime::Transport& transport() override { return transport_; }
  bool run(runtime::Task<void> task) override { return inner_->run(std::move(task)); }
  void destroy_runtime() override { inner_->destroy_runtime(); }
  runtime::Address address_to_listen_on() override { return name("listener"); }
  runtime::Address address_that_refuses() override { return name("nobody"); }
  bool has_foreign_threads() const override { return inner_->has_foreign_threads(); }
  bool runs_in_order() const override { return inner_->runs_in_order(); }
  bool time_passes_while_busy() const override { return inner_->time_passes_while_busy(); }

 private:
  runtime::Address name(const std::string& what) {
    return runtime::Address::unix_socket("@" + what + std::to_string(next_++));
  }

  int next_ = 0;
  runtime::InProcess in_process_;
  std::unique_ptr<RuntimeMaker> inner_;
  runtime::Transport& transport_;
};

/// `kinds`, and each of them once more by each way to make other streams on it.
inline std::vector<RuntimeKind> with_other_transports(std::vector<RuntimeKind> kinds) {
  const std::size_t plain = kinds.size();
  for (std::size_t i = 0; i < plain; ++i) {
    const auto make = kinds[i].make;
    kinds.push_back({kinds[i].name + "Decorated", [make] { return std::make_unique<DecoratedMaker>(make()); }});
    kinds.push_back({kinds[i].name + "InProcess", [make] { return std::make_unique<InProcessMaker>(make()); }});
  }
  return kinds;
}

class RuntimeConformance : public testing::TestWithParam<RuntimeKind> {
 public:
  RuntimeMaker& maker() { return *maker_; }
  runtime::Clock& clock() { return maker_->runtime().clock(); }
  runtime::Executor& executor() { return maker_->runtime().executor(); }
  runtime::Transport& network() { return maker_->transport(); }

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
