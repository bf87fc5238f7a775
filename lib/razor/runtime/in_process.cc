#include "razor/runtime/in_process.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

#include "razor/base/check.h"
#include "razor/base/format.h"
#include "razor/runtime/event.h"

namespace razor::runtime {
namespace {

using base::ByteView;
using base::MutableBytes;
using base::Result;

std::error_code code_of(std::errc error) { return std::make_error_code(error); }

// Wakes its owner on the thread of a Runtime, once for any number of requests meanwhile. Requests, and `stop`, are made with the
// owner's mutex held.
class Wakeup final : private PostedTask {
 public:
  using Run = void (*)(void* owner);
  Wakeup(Executor& executor, Run run, void* owner) : executor_(&executor), run_(run), owner_(owner) {}

  /// `keep` owns the owner until it was woken.
  void request(std::shared_ptr<void> keep) {
    if (executor_ == nullptr || is_posted_.exchange(true, std::memory_order_acquire)) return;
    keep_ = std::move(keep);
    executor_->post(*this);
  }
  /// Nothing is woken any more. On the Runtime's thread.
  void stop() { executor_ = nullptr; }

 private:
  void run() override {
    const std::shared_ptr<void> keep = std::move(keep_);
    is_posted_.store(false, std::memory_order_release);  // what is requested from here on needs another run
    run_(owner_);
  }
  // The Runtime is gone, and nothing is woken there again. It may happen inside `request`, whose caller owns the owner too.
  void drop() override { const std::shared_ptr<void> keep = std::move(keep_); }

  Executor* executor_;
  Run run_;
  void* owner_;
  std::atomic<bool> is_posted_ = false;
  std::shared_ptr<void> keep_;  // of who posted it, then of who runs it
};

// One direction.
struct Pipe {
  std::vector<std::byte> bytes;
  std::size_t taken = 0;  // of `bytes`: read
  bool has_ended = false;  // the writer shut it
  bool is_reset = false;  // by either end
  bool reader_is_gone = false;  // it was destroyed: nobody will read

  std::size_t readable() const { return bytes.size() - taken; }
  void drop_bytes() {
    bytes.clear();
    taken = 0;
  }
  std::size_t take(MutableBytes to) {
    const std::size_t count = std::min(readable(), to.size());
    if (count > 0) std::memcpy(to.data(), bytes.data() + taken, count);
    taken += count;
    if (taken == bytes.size()) {
      drop_bytes();
    } else if (taken >= bytes.size() / 2) {
      bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(taken));
      taken = 0;
    }
    return count;
  }
};

// A connection: owned by its two streams, and by a wake-up that is on its way.
struct Link final : std::enable_shared_from_this<Link> {
  struct Side {
    Side(Link& owner, Executor& side_executor, int side_index)
        : link(owner), executor(side_executor), index(side_index), wakeup(side_executor, &Side::woken, this) {}
    static void woken(void* side);

    Link& link;
    Executor& executor;
    int index;
    Address local;
    Address peer;
    ByteStream::Read* reader = nullptr;
    ByteStream::Write* writer = nullptr;
    bool is_closed = false;  // reset here, or destroyed
    unsigned at_once = 0;  // operations that did not wait, in a row
    Wakeup wakeup;
  };

  Link(Executor& a, Executor& b, std::size_t link_capacity) : capacity(link_capacity), sides{{*this, a, 0}, {*this, b, 1}} {}

  // What follows: with the mutex held.
  Pipe& in_of(const Side& side) { return pipes[1 - side.index]; }
  Pipe& out_of(const Side& side) { return pipes[side.index]; }
  Side& other(const Side& side) { return sides[1 - side.index]; }
  void wake(Side& side) { side.wakeup.request(shared_from_this()); }

  bool try_finish(Side& side, ByteStream::Read& read) {
    Pipe& in = in_of(side);
    if (side.is_closed) {
      read.finish(code_of(std::errc::operation_canceled));
    } else if (in.is_reset) {
      read.finish(code_of(std::errc::connection_reset));
    } else if (in.readable() > 0) {
      read.finish(in.take(read.buffer()));
      if (other(side).writer != nullptr) wake(other(side));
    } else if (in.has_ended) {
      read.finish(std::size_t{0});
    } else {
      return false;
    }
    return true;
  }
  bool try_finish(Side& side, ByteStream::Write& write) {
    Pipe& out = out_of(side);
    if (side.is_closed) {
      write.finish(code_of(std::errc::operation_canceled));
      return true;
    }
    if (out.is_reset || out.reader_is_gone) {
      write.finish(code_of(out.is_reset ? std::errc::connection_reset : std::errc::broken_pipe));
      return true;
    }
    std::size_t room = capacity - std::min(capacity, out.readable());
    if (room == 0) return false;
    std::size_t count = 0;
    for (const ByteView buffer : write.buffers()) {
      const ByteView part = buffer.first(std::min(room, buffer.size()));
      out.bytes.insert(out.bytes.end(), part.begin(), part.end());
      room -= part.size();
      count += part.size();
    }
    write.finish(count);
    if (other(side).reader != nullptr) wake(other(side));
    return true;
  }
  // What waits here ends as if it had been cancelled by the stream's owner.
  template <class Operation>
  void end_waiting(Side& side, Operation*& waiting) {
    if (waiting == nullptr) return;
    waiting->finish(code_of(std::errc::operation_canceled));
    side.executor.schedule(*std::exchange(waiting, nullptr));
  }

  const std::size_t capacity;
  std::mutex mutex;
  Side sides[2];
  Pipe pipes[2];  // by the side that writes
};

// A turn of its own on the side's thread: bytes are moved for an operation that waits only now, and it goes on at once.
void Link::Side::woken(void* owner) {
  Side& side = *static_cast<Side*>(owner);
  std::unique_lock lock(side.link.mutex);
  side.at_once = 0;
  if (side.reader != nullptr && side.link.try_finish(side, *side.reader)) {
    ByteStream::Read& read = *std::exchange(side.reader, nullptr);
    lock.unlock();
    read.resume_now();
    lock.lock();
  }
  if (side.writer != nullptr && side.link.try_finish(side, *side.writer)) {
    ByteStream::Write& write = *std::exchange(side.writer, nullptr);
    lock.unlock();
    write.resume_now();
  }
}

class InProcessStream final : public ByteStream {
 public:
  InProcessStream(std::shared_ptr<Link> link, int index) : link_(std::move(link)), side_(link_->sides[index]) {}
  ~InProcessStream() override {
    const std::lock_guard lock(link_->mutex);
    link_->out_of(side_).has_ended = true;
    link_->in_of(side_).reader_is_gone = true;
    link_->in_of(side_).drop_bytes();
    close();
  }

  Result<void> shutdown_write() override {
    const std::lock_guard lock(link_->mutex);
    Pipe& out = link_->out_of(side_);
    if (side_.is_closed || out.is_reset || out.reader_is_gone) return code_of(std::errc::broken_pipe);
    out.has_ended = true;
    link_->wake(link_->other(side_));
    return {};
  }
  void reset() override {
    const std::lock_guard lock(link_->mutex);
    if (side_.is_closed) return;
    for (Pipe& pipe : link_->pipes) {
      pipe.is_reset = true;
      pipe.drop_bytes();
    }
    close();
  }
  bool input_pending() const override {
    const std::lock_guard lock(link_->mutex);
    return !side_.is_closed && link_->in_of(side_).readable() > 0;
  }
  // Within one process there is no machine to lose.
  std::optional<Unacknowledged> unacknowledged() const override { return std::nullopt; }
  bool is_broken() const override {
    const std::lock_guard lock(link_->mutex);
    return side_.is_closed || link_->in_of(side_).is_reset;
  }
  const Address& local_address() const override { return side_.local; }
  const Address& peer_address() const override { return side_.peer; }

 protected:
  bool start(Read& read) override { return start_on_side(read, side_.reader); }
  bool start(Write& write) override { return start_on_side(write, side_.writer); }
  void cancel(Read&) override { forget(side_.reader); }
  void cancel(Write&) override { forget(side_.writer); }

 private:
  // A loop that finds bytes or room every time lets others run after so many operations.
  static constexpr unsigned kAtOnceMax = 16;

  template <class Operation>
  bool start_on_side(Operation& operation, Operation*& waiting) {
    const std::lock_guard lock(link_->mutex);
    RAZOR_CHECK(waiting == nullptr, "two operations of one direction at a time");
    if (++side_.at_once <= kAtOnceMax && link_->try_finish(side_, operation)) return true;
    if (side_.is_closed) return link_->try_finish(side_, operation);
    waiting = &operation;
    if (side_.at_once > kAtOnceMax) link_->wake(side_);
    return false;
  }
  template <class Operation>
  void forget(Operation*& waiting) {
    const std::lock_guard lock(link_->mutex);
    waiting = nullptr;
  }
  void close() {
    side_.is_closed = true;
    link_->end_waiting(side_, side_.reader);
    link_->end_waiting(side_, side_.writer);
    side_.wakeup.stop();
    link_->wake(link_->other(side_));
  }

  std::shared_ptr<Link> link_;
  Link::Side& side_;
};

using StreamPair = std::pair<std::unique_ptr<ByteStream>, std::unique_ptr<ByteStream>>;

StreamPair make_pair_of(Executor& client, Executor& server, const Address& served, std::size_t capacity) {
  static std::atomic<std::uint64_t> connections = 0;
  const auto link = std::make_shared<Link>(client, server, capacity);
  const Address own = Address::unix_socket(base::format("@in-process/{}", ++connections));
  link->sides[0].local = link->sides[1].peer = own;
  link->sides[0].peer = link->sides[1].local = served;
  return {std::make_unique<InProcessStream>(link, 0), std::make_unique<InProcessStream>(link, 1)};
}

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
      if (!backlog->is_open) co_return code_of(std::errc::operation_canceled);
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
    if (backlog == nullptr) return code_of(std::errc::connection_refused);
    StreamPair pair = make_pair_of(runtime_.executor(), backlog->executor, address, registry->config.capacity);
    const std::lock_guard lock(backlog->mutex);
    if (!backlog->is_open || backlog->arrived.size() >= backlog->connections_max) {
      return code_of(std::errc::connection_refused);
    }
    backlog->arrived.push_back(std::move(pair.second));
    backlog->wakeup.request(backlog);
    return std::move(pair.first);
  }
  static Result<std::unique_ptr<ByteStream>> not_a_name(const Address& address) {
    return {code_of(std::errc::address_not_available),
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
  if (registry == nullptr) return code_of(std::errc::address_not_available);
  const std::lock_guard lock(registry->mutex);
  if (registry->listeners.contains(address)) return code_of(std::errc::address_in_use);
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

StreamPair in_process_pair(Runtime& a, Runtime& b, const InProcessConfig& config) {
  return make_pair_of(a.executor(), b.executor(), Address::unix_socket("@in-process"), config.capacity);
}

}  // namespace razor::runtime
