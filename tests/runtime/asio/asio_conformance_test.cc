// RuntimeConformance on Boost.Asio: over TCP, over Unix sockets, and on an io_context that the user owns.

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>

#include "razor/runtime/asio/asio_runtime.h"
#include "razor/runtime/task_scope.h"
#include "razor/runtime/with_deadline.h"
#include "tests/runtime/asio/local_addresses.h"
#include "tests/runtime/conformance_test.h"
#include "tests/support/temp_directory.h"

namespace razor::test {
namespace {

using runtime::Address;
using runtime::Task;

constexpr std::chrono::seconds kRunLimit(20);

// --- Where it listens ------------------------------------------------------------------------------------------------

class Place {
 public:
  virtual ~Place() = default;
  virtual Address to_listen_on() = 0;
  virtual Address that_refuses() = 0;
  virtual std::optional<Address> that_hangs() { return std::nullopt; }
  virtual std::optional<Address> without_host() { return std::nullopt; }
  virtual bool reset_reaches_the_peer() const { return true; }
};

class TcpPlace final : public Place {
 public:
  explicit TcpPlace(std::string host) : host_(std::move(host)), refusing_(host_), hanging_(host_) {}
  Address to_listen_on() override { return Address::tcp(host_, 0); }
  Address that_refuses() override { return refusing_.address(); }
  std::optional<Address> that_hangs() override {
    hanging_.fill_backlog();
    return hanging_.address();
  }
  // The name of RFC 6761 that never exists.
  std::optional<Address> without_host() override { return Address::tcp("no-such-host.invalid", 80); }

 private:
  std::string host_;
  BoundPort refusing_;
  BoundPort hanging_;
};

// A reset is an end like any other.
class UnixPlace final : public Place {
 public:
  Address to_listen_on() override { return Address::unix_socket(directory_ / std::to_string(next_++)); }
  Address that_refuses() override {
    const Address address = to_listen_on();
    bind_unix(address.host());
    return address;
  }
  std::optional<Address> that_hangs() override {
    const Address address = to_listen_on();
    hanging_.emplace_back(address.host());
    return address;
  }
  bool reset_reaches_the_peer() const override { return false; }

 private:
  TempDirectory directory_;
  int next_ = 0;
  std::vector<FullUnixSocket> hanging_;
};

// --- Who runs it -----------------------------------------------------------------------------------------------------

class AsioMaker : public RuntimeMaker {
 public:
  explicit AsioMaker(std::unique_ptr<Place> place) : place_(std::move(place)) {}

  Address address_to_listen_on() override { return place_->to_listen_on(); }
  Address address_that_refuses() override { return place_->that_refuses(); }
  std::optional<Address> address_that_hangs() override { return place_->that_hangs(); }
  std::optional<Address> address_without_host() override { return place_->without_host(); }
  bool reset_reaches_the_peer() const override { return place_->reset_reaches_the_peer(); }

 private:
  std::unique_ptr<Place> place_;
};

class OwnContextMaker final : public AsioMaker {
 public:
  using AsioMaker::AsioMaker;
  runtime::Runtime& runtime() override { return *runtime_; }
  bool run(Task<void> task) override { return runtime_->block_on(within_limit(*runtime_, std::move(task))); }
  void destroy_runtime() override { runtime_.reset(); }

 private:
  static Task<bool> within_limit(AsioRuntime& runtime, Task<void> task) {
    const auto result = co_await runtime::with_deadline(runtime.clock(), runtime.clock().now() + kRunLimit, std::move(task));
    co_return result.ok();
  }

  std::unique_ptr<AsioRuntime> runtime_ = std::make_unique<AsioRuntime>();
};

class UsersContextMaker final : public AsioMaker {
 public:
  using AsioMaker::AsioMaker;
  runtime::Runtime& runtime() override { return *runtime_; }
  bool run(Task<void> task) override {
    const auto work = boost::asio::make_work_guard(context_);
    const auto limit = std::chrono::steady_clock::now() + kRunLimit;
    bool finished = false;
    runtime::TaskScope scope(runtime_->executor());
    scope.spawn("conformance test", and_note(std::move(task), finished));
    while (!finished && std::chrono::steady_clock::now() < limit) context_.run_one_until(limit);
    return finished;
  }
  void destroy_runtime() override { runtime_.reset(); }

 private:
  static Task<void> and_note(Task<void> task, bool& finished) {
    co_await std::move(task);
    finished = true;
  }

  boost::asio::io_context context_;
  std::unique_ptr<AsioRuntime> runtime_ = std::make_unique<AsioRuntime>(context_);
};

template <class Maker, class MadePlace, class... Args>
RuntimeKind kind(std::string name, Args... args) {
  return {std::move(name), [args...] { return std::make_unique<Maker>(std::make_unique<MadePlace>(args...)); }};
}

std::vector<RuntimeKind> kinds() {
  std::vector<RuntimeKind> kinds = {
      kind<OwnContextMaker, TcpPlace>("AsioTcp", "127.0.0.1"),
      kind<OwnContextMaker, UnixPlace>("AsioUnix"),
      kind<UsersContextMaker, TcpPlace>("AsioOnUsersContext", "127.0.0.1"),
  };
  if (has_ipv6_loopback()) kinds.push_back(kind<OwnContextMaker, TcpPlace>("AsioTcp6", "::1"));
  return kinds;
}

INSTANTIATE_TEST_SUITE_P(Asio, RuntimeConformance, testing::ValuesIn(with_other_transports(kinds())), name_of);

}  // namespace
}  // namespace razor::test
