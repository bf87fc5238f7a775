// Connecting: names become addresses, and of several addresses the first that answers wins (RFC 8305).

#include <netinet/tcp.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <optional>

#include "razor/base/format.h"
#include "razor/runtime/asio/asio_connector.h"
#include "razor/runtime/asio/asio_stream.h"
#include "razor/runtime/event.h"
#include "razor/runtime/task_scope.h"
#include "razor/runtime/with_deadline.h"

namespace razor::asio {

using IpAddress = boost::asio::ip::address;

void LookupDoor::post(runtime::PostedTask& work) {
  const std::lock_guard lock(mutex_);
  if (core_ != nullptr) {
    core_->post(work);
  } else {
    work.drop();
  }
}

std::vector<IpAddress> in_order_to_try(std::vector<IpAddress> addresses, const IpAddress* winner) {
  if (addresses.empty()) return addresses;
  const bool first_is_v6 = addresses.front().is_v6();
  std::vector<IpAddress> family, other_family;
  for (const IpAddress& address : addresses) (address.is_v6() == first_is_v6 ? family : other_family).push_back(address);
  std::vector<IpAddress> ordered;
  for (std::size_t i = 0; i < std::max(family.size(), other_family.size()); ++i) {
    if (i < family.size()) ordered.push_back(family[i]);
    if (i < other_family.size()) ordered.push_back(other_family[i]);
  }
  if (winner != nullptr) {
    const auto found = std::ranges::find(ordered, *winner);
    if (found != ordered.end()) std::rotate(ordered.begin(), found, found + 1);
  }
  return ordered;
}

namespace {

using runtime::Address;
using runtime::ByteStream;
using runtime::LookupError;
using runtime::Task;
using Connected = base::Result<std::unique_ptr<ByteStream>>;

// How soon a connect is tried again while the backlog of a Unix socket is full; the system does not tell when it is not.
constexpr base::Duration kBacklogRetry = std::chrono::milliseconds(2);

// How long an address has before the next one of its name is tried beside it (RFC 8305, 5: 250 ms).
constexpr base::Duration kConnectionAttemptDelay = std::chrono::milliseconds(250);

// What a caller's socket takes beyond what is under way. More would hide from the library that a large message blocks the
// way: the connection would seem to have room, and small calls would queue behind the message. Large enough to keep a
// fast link busy while the process is woken. (TCP_NOTSENT_LOWAT)
constexpr int kNotSentMax = 128 * 1024;

// --- Names -----------------------------------------------------------------------------------------------------------

// Shared by the coroutine that waits and by the lookup, which may end long after the coroutine and the runtime have.
class NameAnswer final : public NameLookup::Asker,
                         public runtime::PostedTask,
                         public std::enable_shared_from_this<NameAnswer> {
 public:
  NameAnswer(AsioCore& core, std::shared_ptr<LookupDoor> door) : core_(core), door_(std::move(door)) {}

  // On the lookup's thread: nothing of the runtime may be touched but the door.
  void found(const Resolved& resolved) override {
    resolved_ = resolved;
    under_way_ = shared_from_this();
    door_->post(*this);
  }

  // On the runtime's thread.
  void run() override {
    const auto until_the_end = std::move(under_way_);
    is_here_ = true;
    if (waiter_ != nullptr) core_.schedule(*std::exchange(waiter_, nullptr));
  }
  void drop() override { const auto until_the_end = std::move(under_way_); }

  class Wait final : public runtime::Waiter {
   public:
    explicit Wait(NameAnswer& answer) : answer_(answer) {}
    ~Wait() { answer_.waiter_ = nullptr; }
    bool await_ready() const noexcept { return answer_.is_here_; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> waiting) {
      suspend(waiting);
      answer_.waiter_ = this;
    }
    Resolved await_resume() { return std::move(answer_.resolved_); }

   private:
    NameAnswer& answer_;
  };

 private:
  AsioCore& core_;
  const std::shared_ptr<LookupDoor> door_;
  std::shared_ptr<NameAnswer> under_way_;  // this, while it is posted
  Resolved resolved_;
  // Of the runtime's thread:
  runtime::Waiter* waiter_ = nullptr;
  bool is_here_ = false;
};

Task<Resolved> look_up(std::shared_ptr<AsioCore> core, std::string name) {
  // Else an io_context of the user's might run out of work, and end, before the answer comes.
  const auto work = boost::asio::make_work_guard(core->context());
  const auto answer = std::make_shared<NameAnswer>(*core, core->connector().door);
  if (const std::error_code failed = core->connector().names.ask(name, answer)) {
    Resolved resolved;
    resolved.error = failed;
    co_return resolved;
  }
  co_return co_await NameAnswer::Wait(*answer);
}

// --- One address -----------------------------------------------------------------------------------------------------

struct Connecting {
  std::shared_ptr<AsioCore> core;
  std::shared_ptr<AsioStream::State> stream;
  runtime::Waiter* waiter = nullptr;
  error_code error;

  void give_up() {
    error_code ignored;
    stream->socket.close(ignored);
  }
};

// Connecting to a Unix socket ends at once, or fails because the backlog is full. Asio takes the latter for the start of
// a connect that goes on, which it is not, and then for success.
Task<Connected> connect_unix(std::shared_ptr<AsioCore> core, Address address) {
  const Endpoint endpoint = unix_endpoint(address);
  auto stream = std::make_shared<AsioStream::State>(core);
  const base::Result<int> descriptor = open_socket(AF_UNIX);
  if (!descriptor) co_return descriptor.error();
  if (const std::error_code failed = stream->adopt(AF_UNIX, *descriptor)) co_return failed;
  while (::connect(*descriptor, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) {
    if (errno != EAGAIN && errno != EINTR) co_return last_error();
    co_await core->sleep_for(kBacklogRetry);
  }
  co_return finish_stream(std::move(stream), address.host());
}

Task<Connected> connect_tcp(std::shared_ptr<AsioCore> core, Endpoint endpoint) {
  auto connecting = std::make_shared<Connecting>();
  connecting->core = core;
  connecting->stream = std::make_shared<AsioStream::State>(std::move(core));
  const base::Result<int> descriptor = open_socket(family_of(endpoint));
  if (!descriptor) co_return descriptor.error();
  if (const std::error_code failed = connecting->stream->adopt(family_of(endpoint), *descriptor)) co_return failed;
  connecting->stream->socket.async_connect(
      endpoint, [connecting](const error_code& error) { Completion<Connecting>::complete(*connecting, error); });
  const error_code error = co_await Completion<Connecting>(*connecting);
  if (error) co_return portable_error(error);
  // A system that does not know it takes more at once, which is no error.
  ::setsockopt(*descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kNotSentMax, sizeof kNotSentMax);
  co_return finish_stream(connecting->stream, std::string());
}

// --- Several addresses -----------------------------------------------------------------------------------------------

struct Failure {
  IpAddress address;
  std::error_code error;
};

// How much an error says about the server, rather than about this machine: the one that says most is reported.
int telling(std::error_code error) {
  if (error == std::errc::connection_refused || error == std::errc::connection_reset) return 4;
  if (error == std::errc::timed_out) return 3;
  if (error == std::errc::host_unreachable) return 2;
  if (error == std::errc::network_unreachable) return 1;
  return 0;
}

Connected all_failed(const std::vector<Failure>& failures) {
  std::string text;
  for (const Failure& failure : failures) {
    text += base::format("{}{}: {}", text.empty() ? "" : "; ", failure.address.to_string(), failure.error.message());
  }
  const auto said_max =
      std::ranges::max_element(failures, {}, [](const Failure& failure) { return telling(failure.error); });
  return Connected(said_max->error, std::move(text));
}

// The attempts to connect to one name: each has a head start before the next, the first stream ends all others.
class Race {
 public:
  Race(std::shared_ptr<AsioCore> core, std::vector<IpAddress> addresses, std::uint16_t port)
      : core_(std::move(core)), addresses_(std::move(addresses)), port_(port), changed_(*core_), attempts_(*core_) {}

  Task<Connected> run() {
    while (true) {
      if (started_ < addresses_.size()) {
        attempts_.run_inline("AsioCore::connect", attempt(addresses_[started_++]));
      }
      co_await progress();
      if (stream_ != nullptr) co_return std::move(stream_);
      if (failures_.size() == addresses_.size()) co_return all_failed(failures_);
    }
  }

  /// Whose stream `run` returned.
  const IpAddress& winner() const { return winner_; }

 private:
  // Until an attempt has ended, or the next may begin.
  Task<void> progress() {
    const base::TimePoint head_start_ends = core_->now() + kConnectionAttemptDelay;
    while (ended_ == ended_before_) {
      changed_.reset();
      if (started_ == addresses_.size()) {
        co_await changed_.wait();
        continue;
      }
      const base::Result<void> waited = co_await runtime::with_deadline(*core_, head_start_ends, change());
      if (!waited) co_return;
    }
    ended_before_ = ended_;
  }

  Task<void> change() { co_await changed_.wait(); }

  Task<void> attempt(IpAddress address) {
    Connected connected = co_await connect_tcp(core_, tcp_endpoint(address, port_));
    ++ended_;
    changed_.set();
    if (!connected) {
      failures_.push_back({address, connected.error()});
    } else if (stream_ == nullptr) {
      stream_ = *std::move(connected);
      winner_ = address;
    }
  }

  const std::shared_ptr<AsioCore> core_;
  const std::vector<IpAddress> addresses_;
  const std::uint16_t port_;

  std::size_t started_ = 0;
  std::size_t ended_ = 0;
  std::size_t ended_before_ = 0;  // of `ended_`: what `run` knows of
  std::vector<Failure> failures_;
  std::unique_ptr<ByteStream> stream_;
  IpAddress winner_;
  runtime::Event changed_;
  runtime::TaskScope attempts_;  // goes first: the attempts use all the rest
};

Task<Connected> connect_to_name(std::shared_ptr<AsioCore> core, std::string name, std::uint16_t port) {
  std::vector<IpAddress> addresses;
  if (is_localhost(name)) {
    addresses = {boost::asio::ip::address_v4::loopback(), boost::asio::ip::address_v6::loopback()};
  } else {
    Resolved resolved = co_await look_up(core, name);
    if (!resolved.error && resolved.addresses.empty()) resolved.error = make_error_code(LookupError::no_address);
    if (resolved.error) co_return Connected(resolved.error, base::format("\"{}\": {}", name, resolved.error.message()));
    addresses = std::move(resolved.addresses);
  }
  Winners& winners = core->connector().winners;
  Race race(core, in_order_to_try(std::move(addresses), winners.find(name)), port);
  Connected connected = co_await race.run();
  if (connected) winners.remember(name, race.winner());
  co_return connected;
}

}  // namespace

Task<Connected> AsioCore::connect(Address address) {
  check_use("Network::connect");
  const std::shared_ptr<AsioCore> core = shared_from_this();
  if (const auto usable = address.to_connect(); !usable) co_return Connected(usable.error(), usable.message());
  if (address.family() == Address::Family::unix_socket) co_return co_await connect_unix(core, std::move(address));
  error_code is_a_name;
  const IpAddress numeric = boost::asio::ip::make_address(address.host(), is_a_name);
  if (is_a_name) co_return co_await connect_to_name(core, address.host(), address.port());
  if (!zone_is_known(address)) {
    const std::error_code error = make_error_code(LookupError::no_such_interface);
    co_return Connected(error, base::format("\"{}\": {}", address.host(), error.message()));
  }
  co_return co_await connect_tcp(core, tcp_endpoint(numeric, address.port()));
}

}  // namespace razor::asio
