#include "razor/runtime/in_process.h"

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>

#include "razor/base/check.h"
#include "razor/base/format.h"
#include "razor/runtime/event.h"
#include "razor/runtime/internal/in_process_stream.h"
#include "razor/runtime/internal/wakeup.h"

namespace razor::runtime {
namespace {

using base::Result;

// Where connections wait to be accepted. Owned by its listener, by accepts that wait, and by a wake-up on its way.
struct Backlog final : std::enable_shared_from_this<Backlog> {
  Backlog(Executor& listener_executor, std::size_t most)
      : executor(listener_executor),
        connections_max(most),
        changed(listener_executor),
        wakeup(listener_executor, &Backlog::woken, this) {}

  static void woken(void* backlog) { static_cast<Backlog*>(backlog)->changed.set(); }

  Executor& executor;
  const std::size_t connections_max;
  std::mutex mutex;
  std::deque<std::unique_ptr<ByteStream>> arrived;
  bool is_open = true;
  Event changed;  // of the listener's thread
  Wakeup wakeup;
};

Task<Result<std::unique_ptr<ByteStream>>> accept_from(std::shared_ptr<Backlog> backlog) {
  while (true) {
    {
      const std::lock_guard lock(backlog->mutex);
      if (!backlog->is_open) co_return make_error_code(std::errc::operation_canceled);
      if (!backlog->arrived.empty()) {
        std::unique_ptr<ByteStream> stream = std::move(backlog->arrived.front());
        backlog->arrived.pop_front();
        co_return std::move(stream);
      }
      backlog->changed.reset();
    }
    co_await backlog->changed.wait();
  }
}

}  // namespace

struct InProcess::Registry {
  explicit Registry(const InProcessConfig& registry_config) : config(registry_config) {}

  const InProcessConfig config;
  std::mutex mutex;
  std::map<Address, std::shared_ptr<Backlog>> listeners;
  std::map<Runtime*, std::unique_ptr<OnRuntime>> transports;

  /// Null: nobody listens there.
  std::shared_ptr<Backlog> find(const Address& address) {
    const std::lock_guard lock(mutex);
    const auto found = listeners.find(address);
    return found == listeners.end() ? nullptr : found->second;
  }
};

class InProcess::OnRuntime final : public Transport {
 public:
  OnRuntime(Runtime& runtime, std::weak_ptr<Registry> registry) : runtime_(runtime), registry_(std::move(registry)) {}

  Task<Result<std::unique_ptr<ByteStream>>> connect(Address address) override { co_return connect_now(address); }
  Result<std::unique_ptr<Listener>> listen(const Address& address, ListenOptions options) override;

 private:
  class InProcessListener;

  Result<std::unique_ptr<ByteStream>> connect_now(const Address& address) {
    if (const Result<Address> checked = address.to_connect(); !checked) return {checked.error(), checked.message()};
    if (address.family() != Address::Family::unix_socket) return not_a_name(address);
    const std::shared_ptr<Registry> registry = registry_.lock();
    const std::shared_ptr<Backlog> backlog = registry == nullptr ? nullptr : registry->find(address);
    if (backlog == nullptr) return make_error_code(std::errc::connection_refused);
    InProcessPair pair = make_in_process_pair(runtime_.executor(), backlog->executor, address, registry->config.capacity);
    const std::lock_guard lock(backlog->mutex);
    if (!backlog->is_open || backlog->arrived.size() >= backlog->connections_max) {
      return make_error_code(std::errc::connection_refused);
    }
    backlog->arrived.push_back(std::move(pair.second));
    backlog->wakeup.request(backlog);
    return std::move(pair.first);
  }
  static Result<std::unique_ptr<ByteStream>> not_a_name(const Address& address) {
    return {make_error_code(std::errc::address_not_available),
            base::format("{}: in a process, addresses are names, as \"@store\" is", address)};
  }

  Runtime& runtime_;
  std::weak_ptr<Registry> registry_;
};

class InProcess::OnRuntime::InProcessListener final : public Listener {
 public:
  InProcessListener(std::weak_ptr<Registry> registry, std::shared_ptr<Backlog> backlog, Address address)
      : registry_(std::move(registry)), backlog_(std::move(backlog)), address_(std::move(address)) {}
  ~InProcessListener() override {
    if (const auto registry = registry_.lock()) {
      const std::lock_guard lock(registry->mutex);
      registry->listeners.erase(address_);
    }
    std::deque<std::unique_ptr<ByteStream>> nobodys;
    {
      const std::lock_guard lock(backlog_->mutex);
      backlog_->is_open = false;
      backlog_->wakeup.stop();
      nobodys.swap(backlog_->arrived);
    }
    for (const auto& stream : nobodys) stream->reset();
    backlog_->changed.set();
  }

  Task<Result<std::unique_ptr<ByteStream>>> accept() override { return accept_from(backlog_); }
  const Address& address() const override { return address_; }

 private:
  std::weak_ptr<Registry> registry_;
  std::shared_ptr<Backlog> backlog_;
  Address address_;
};

Result<std::unique_ptr<Listener>> InProcess::OnRuntime::listen(const Address& address, ListenOptions options) {
  if (const Result<Address> checked = address.to_listen(); !checked) return {checked.error(), checked.message()};
  if (address.family() != Address::Family::unix_socket) {
    const auto refused = not_a_name(address);
    return {refused.error(), refused.message()};
  }
  const std::shared_ptr<Registry> registry = registry_.lock();
  if (registry == nullptr) return make_error_code(std::errc::address_not_available);
  const std::lock_guard lock(registry->mutex);
  if (registry->listeners.contains(address)) return make_error_code(std::errc::address_in_use);
  auto backlog = std::make_shared<Backlog>(runtime_.executor(), static_cast<std::size_t>(std::max(options.backlog, 1)));
  registry->listeners.emplace(address, backlog);
  return std::unique_ptr<Listener>(std::make_unique<InProcessListener>(registry_, std::move(backlog), address));
}

InProcess::InProcess(const InProcessConfig& config) : registry_(std::make_shared<Registry>(config)) {
  RAZOR_CHECK(config.capacity > 0, "an in-process stream without capacity passes nothing on");
}

InProcess::~InProcess() = default;

Transport& InProcess::on(Runtime& runtime) {
  const std::lock_guard lock(registry_->mutex);
  std::unique_ptr<OnRuntime>& transport = registry_->transports[&runtime];
  if (transport == nullptr) transport = std::make_unique<OnRuntime>(runtime, registry_);
  return *transport;
}

InProcessPair in_process_pair(Runtime& a, Runtime& b, const InProcessConfig& config) {
  return make_in_process_pair(a.executor(), b.executor(), Address::unix_socket("@in-process"), config.capacity);
}

}  // namespace razor::runtime
