#include "sim/fabric.h"

#include <fmt/format.h>

#include "razor/runtime/with_deadline.h"
#include "sim/running.h"

namespace razor::sim {

using runtime::Address;
using runtime::ByteStream;
using std::make_error_code;

namespace {

constexpr base::Duration kFirstRetry = std::chrono::seconds(1);
constexpr int kRetriesMax = 6;
constexpr std::uint16_t kFirstFreePort = 32'768;
// So that time passes where somebody tries again at once, for ever.
constexpr base::Duration kFailedAcceptTakes = std::chrono::microseconds(1);

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "127.0.0.1" || host == "::1";
}
bool is_any(std::string_view host) { return host == "0.0.0.0" || host == "::"; }

}  // namespace

// --- Connecting ------------------------------------------------------------------------------------------------------

// A connect that is under way: one packet at a time, there, back, or about to be sent again.
struct Fabric::Handshake final : Event, base::ListLink<Fabric::HandshakeListTag> {
  enum class Step { arrives, refused, accepted, sends_again };

  Handshake(Fabric& owner, SimRuntime& from, Host& target, Address target_address)
      : Event([](Event& event) { static_cast<Handshake&>(event).go_on(); }),
        fabric(owner),
        runtime(from),
        to(target),
        address(std::move(target_address)),
        local(Address::tcp(from.host().name(), owner.free_port(from.host()))) {
    owner.handshakes_.push_back(*this);
  }
  ~Handshake() {
    if (connection != nullptr) give_up();
  }

  Engine& engine() { return fabric.engine_; }
  Host& here() { return runtime.host(); }

  void send() {
    engine().occurred(EventKind::connecting, here().number(), address.port());
    sent_at = engine().now();
    step = Step::arrives;
    engine().schedule_after(*this, fabric.link(here(), to).latency());
    if (engine().observed()) [[unlikely]] tell(&Observer::on_sent, Packet::Kind::open, here(), sent_at);
  }
  // Of a packet that went one way or the other.
  void lost(const Host& sender, const Host& receiver, LossCause cause) {
    const Loss loss{sender, receiver, 0, step == Step::arrives ? sent_at : answered_at, cause};
    for (Rule* rule : fabric.rules_) rule->on_lost(loss);
    if (retries == kRetriesMax) {
      step = Step::refused;
      timed_out = true;
    } else {
      step = Step::sends_again;
    }
    engine().schedule(*this, std::max(engine().now(), sent_at + kFirstRetry * (std::int64_t{1} << retries++)));
  }

  void go_on() {
    switch (step) {
      case Step::sends_again: send(); return;
      case Step::arrives: arrive(); return;
      case Step::refused:
      case Step::accepted: come_back(); return;
    }
  }
  void arrive() {
    if (!to.is_up() || !fabric.link(here(), to).let_through_since(sent_at)) {
      lost(here(), to, to.is_up() ? LossCause::cut : LossCause::host_down);
      return;
    }
    if (connection == nullptr) {
      const std::shared_ptr<Listening> listening = fabric.find_listening(here(), to, address);
      const ConnectVerdict verdict = judge(listening != nullptr);
      if (verdict == ConnectVerdict::lose || (verdict == ConnectVerdict::proceed && listening && listening->is_full())) {
        lost(here(), to, verdict == ConnectVerdict::lose ? LossCause::rule : LossCause::backlog_full);
        return;
      }
      const bool accepted = listening && verdict == ConnectVerdict::proceed;
      step = accepted ? Step::accepted : Step::refused;
      if (accepted) {
        connection = new Connection(engine(), fabric.config_.sockets, {here(), local}, {to, listening->address()},
                                    fabric.link(here(), to), fabric.link(to, here()));
        fabric.connections_.push_back(*connection);
        connection->socket(0).set_has_stream(true);  // by this, until the program has it
        if (!fabric.rules_.empty()) [[unlikely]] tell_rules();
        listening->add(connection->socket(1));
      }
    } else if (connection->is_severed()) {
      lost(here(), to, LossCause::severed);
      return;
    } else {
      step = Step::accepted;
    }
    if (engine().observed()) [[unlikely]] tell(&Observer::on_arrived, Packet::Kind::open, here(), sent_at);
    answered_at = engine().now();
    engine().schedule_after(*this, fabric.link(to, here()).latency());
    if (engine().observed()) [[unlikely]] tell(&Observer::on_sent, answer(), to, answered_at);
  }
  void come_back() {
    const bool is_severed = connection != nullptr && connection->is_severed();
    if (!timed_out && (is_severed || !fabric.link(to, here()).let_through_since(answered_at))) {
      lost(to, here(), is_severed ? LossCause::severed : LossCause::cut);
      return;
    }
    if (engine().observed() && !timed_out) [[unlikely]] tell(&Observer::on_arrived, answer(), to, answered_at);
    if (step == Step::accepted) {
      engine().occurred(EventKind::connected, here().number(), connection->number());
      result = connection->open(0, runtime);
      connection = nullptr;
    } else {
      engine().occurred(timed_out ? EventKind::connect_failed : EventKind::refused, here().number(), address.port());
      result = make_error_code(timed_out ? std::errc::timed_out : std::errc::connection_refused);
    }
    if (waiter != nullptr) runtime.run_soon(*std::exchange(waiter, nullptr));
  }
  ConnectVerdict judge(bool somebody_listens) {
    for (Rule* rule : fabric.rules_) {
      const ConnectVerdict verdict = rule->on_connect({here(), to, address, somebody_listens});
      if (verdict != ConnectVerdict::proceed) return verdict;
    }
    return ConnectVerdict::proceed;
  }
  void tell_rules() {
    SocketConfig sockets = connection->config();
    for (Rule* rule : fabric.rules_) rule->on_connection({here(), to, connection->number()}, sockets);
    connection->set_config(sockets);
  }
  bool is_under_way(const Host& sender, const Host& receiver, base::TimePoint since, base::TimePoint until) {
    if (!scheduled() || timed_out || step == Step::sends_again) return false;
    const bool is_there = step == Step::arrives;
    const base::TimePoint left_at = is_there ? sent_at : answered_at;
    return &sender == (is_there ? &here() : &to) && &receiver == (is_there ? &to : &here()) && left_at >= since &&
           left_at < until;
  }
  Packet::Kind answer() const { return step == Step::accepted ? Packet::Kind::opened : Packet::Kind::refused; }
  // For observers: the packet that is under way, or was until now.
  void tell(void (Observer::*what)(const Packet&), Packet::Kind kind, const Host& sender, base::TimePoint left_at) {
    const bool from_client = kind == Packet::Kind::open;
    const Address& there = connection != nullptr ? connection->socket(1).local() : address;
    const std::uint64_t direction = connection != nullptr ? connection->number() << 1 | (from_client ? 0 : 1) : 0;
    engine().tell(what, Packet{kind, sender, from_client ? to : here(), from_client ? local : there,
                               from_client ? there : local, direction, 0, {}, left_at, at()});
  }
  // Nobody waits for it any more: its system closes what came of it.
  void give_up() {
    Connection& made = *connection;
    connection = nullptr;
    made.socket(0).set_has_stream(false);
    made.socket(0).close();
    made.delete_if_unused();
  }

  Fabric& fabric;
  SimRuntime& runtime;
  Host& to;
  Address address;
  Address local;
  Step step = Step::arrives;
  base::TimePoint sent_at{};
  base::TimePoint answered_at{};
  int retries = 0;
  bool timed_out = false;
  Connection* connection = nullptr;  // until the client has it
  runtime::Waiter* waiter = nullptr;
  base::Result<std::unique_ptr<ByteStream>> result = make_error_code(std::errc::operation_in_progress);
};

class Fabric::HandshakeDone final : public runtime::Waiter {
 public:
  explicit HandshakeDone(Handshake& handshake) : handshake_(handshake) {}
  ~HandshakeDone() { handshake_.waiter = nullptr; }
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> waiting) {
    const InSimulator in_simulator;
    suspend(waiting);
    handshake_.waiter = this;
    handshake_.send();
  }
  void await_resume() const noexcept {}

 private:
  Handshake& handshake_;
};

runtime::Task<base::Result<std::unique_ptr<ByteStream>>> Fabric::connect(SimRuntime& from, Address address) {
  using Outcome = base::Result<std::unique_ptr<ByteStream>>;
  if (const auto usable = address.to_connect(); !usable) co_return Outcome(usable.error(), usable.message());
  Host* to = find_host(from.host(), address);
  if (to == nullptr) {
    co_return Outcome(make_error_code(runtime::LookupError::no_such_name),
                        fmt::format("no host of this world is called \"{}\"", address.host()));
  }
  Handshake handshake(*this, from, *to, std::move(address));
  co_await HandshakeDone(handshake);
  co_return std::move(handshake.result);
}

// --- Listening -------------------------------------------------------------------------------------------------------

class SimListener final : public runtime::Listener {
 public:
  SimListener(Fabric& fabric, std::shared_ptr<Listening> listening)
      : fabric_(fabric), listening_(std::move(listening)) {}
  ~SimListener() override { fabric_.close(*listening_); }

  runtime::Task<base::Result<std::unique_ptr<ByteStream>>> accept() override { return accept_one(listening_); }
  const Address& address() const override { return listening_->address(); }

 private:
  static runtime::Task<base::Result<std::unique_ptr<ByteStream>>> accept_one(std::shared_ptr<Listening> from) {
    for (bool is_delayed = false; true; is_delayed = true) {
      while (from->is_open_ && from->waiting_.empty()) {
        from->arrived_.reset();
        co_await from->arrived_.wait();
      }
      if (!from->is_open_) co_return make_error_code(std::errc::operation_canceled);
      if (is_delayed) break;
      const AcceptTrouble trouble = ask_rules(from->runtime_->host());
      if (!trouble.error && trouble.delay <= base::Duration::zero()) break;
      runtime::Clock& clock = from->runtime_->clock();
      const base::TimePoint until = clock.now() + std::max(trouble.delay, kFailedAcceptTakes);
      (void)co_await runtime::with_deadline(clock, until, closing(from));
      if (from->is_open_ && trouble.error) co_return trouble.error;
    }
    Socket& socket = *from->waiting_.front();
    from->waiting_.erase(from->waiting_.begin());
    co_return socket.connection().open(1, *from->runtime_);
  }

  static runtime::Task<void> closing(std::shared_ptr<Listening> from) { co_await from->closed_.wait(); }
  static AcceptTrouble ask_rules(const Host& host) {
    AcceptTrouble sum;
    for (Rule* rule : host.fabric().rules()) {
      const AcceptTrouble trouble = rule->on_accept(host);
      sum.delay += trouble.delay;
      if (!sum.error) sum.error = trouble.error;
    }
    return sum;
  }

  Fabric& fabric_;
  std::shared_ptr<Listening> listening_;
};

base::Result<std::unique_ptr<runtime::Listener>> Fabric::listen(SimRuntime& runtime, const Address& address,
                                                                runtime::ListenOptions options) {
  using Listened = base::Result<std::unique_ptr<runtime::Listener>>;
  if (const auto usable = address.to_listen(); !usable) return Listened(usable.error(), usable.message());
  Host& host = runtime.host();
  const bool is_unix = address.family() == Address::Family::unix_socket;
  const std::string& name = address.host();
  const bool is_here = is_unix || is_loopback(name) || is_any(name) || name == host.name() || name == host.ip();
  if (runtime.killed() || !is_here) return make_error_code(std::errc::address_not_available);
  Address bound = address;
  if (!is_unix) {
    const std::uint16_t port = address.port() != 0 ? address.port() : free_port(host);
    bound = Address::tcp(is_any(name) ? host.name() : name, port);
  }
  const Place place{host.number(), is_unix ? name : std::string(), bound.port()};
  if (listening_.contains(place)) return make_error_code(std::errc::address_in_use);
  const auto listening = std::make_shared<Listening>(runtime, bound, is_unix || is_loopback(name),
                                                     static_cast<std::size_t>(std::max(options.backlog, 0)));
  listening_.emplace(place, listening);
  engine_.occurred(EventKind::listening, host.number(), bound.port());
  return std::unique_ptr<runtime::Listener>(std::make_unique<SimListener>(*this, listening));
}

void Fabric::close(Listening& listening) {
  if (!std::exchange(listening.is_open_, false)) return;
  std::erase_if(listening_, [&listening](const auto& entry) { return entry.second.get() == &listening; });
  listening.arrived_.set();
  listening.closed_.set();
  // Whoever waited to be accepted is told that nobody will.
  const std::vector<Socket*> waiting = std::exchange(listening.waiting_, {});
  for (Socket* socket : waiting) {
    socket->reset();
    socket->connection().delete_if_unused();
  }
}

// --- Names and links --------------------------------------------------------------------------------------------------

Fabric::Fabric(Engine& engine, const FabricConfig& config, base::LogSink& log)
    : engine_(engine), config_(config), log_(log) {}

Fabric::~Fabric() {
  kill_all();
  while (Connection* connection = connections_.pop_front()) delete connection;
}

void Fabric::kill_all() {
  for (const auto& host : hosts_) host->crash();
  for (const auto& host : hosts_) host->retire();
}

Host& Fabric::host(std::string_view name) {
  for (const auto& host : hosts_) {
    if (host->name() == name) return *host;
  }
  Host& made =
      *hosts_.emplace_back(std::make_unique<Host>(engine_, *this, std::string(name), hosts_.size() + 1, log_));
  made.trace_calls(traces_calls_);
  return made;
}

Host* Fabric::find_host(const Host& from, const Address& address) {
  // A dot at the end: the name as it stands, without a domain to complete it.
  std::string_view name = address.host();
  if (address.family() == Address::Family::tcp && name.ends_with('.')) name.remove_suffix(1);
  const bool is_here = address.family() == Address::Family::unix_socket || is_loopback(name);
  for (const auto& host : hosts_) {
    if (is_here ? host.get() == &from : host->name() == name || host->ip() == name) return host.get();
  }
  return nullptr;
}

std::shared_ptr<Listening> Fabric::find_listening(const Host& from, const Host& to, const Address& address) {
  const bool is_unix = address.family() == Address::Family::unix_socket;
  const auto found = listening_.find({to.number(), is_unix ? address.host() : std::string(), address.port()});
  if (found == listening_.end() || !found->second->accepts_from(from)) return nullptr;
  return found->second;
}

std::uint16_t Fabric::free_port(const Host& host) {
  std::uint16_t& last = last_port_.try_emplace(host.number(), kFirstFreePort).first->second;
  do {
    last = last == 65'535 ? kFirstFreePort : static_cast<std::uint16_t>(last + 1);
  } while (listening_.contains({host.number(), std::string(), last}));
  return last;
}

Link& Fabric::link(const Host& from, const Host& to) {
  auto& link = links_[{from.number(), to.number()}];
  if (!link) {
    link = std::make_unique<Link>(engine_, from, to, &from == &to ? config_.loopback : config_.link,
                                  engine_.seed().of("link").of(from.name()).stream(to.name()), rules_);
  }
  return *link;
}

void Fabric::set_link_config(const LinkConfig& config) {
  config_.link = config;
  for (const auto& [ends, link] : links_) {
    if (ends.first != ends.second) link->set_config(config);
  }
}

void Fabric::host_crashed(Host& host) {
  for (auto entry = listening_.begin(); entry != listening_.end();) {
    if (entry->first.host == host.number()) {
      entry->second->is_open_ = false;
      entry->second->waiting_.clear();
      entry = listening_.erase(entry);
    } else {
      ++entry;
    }
  }
  connections_.for_each([&host](Connection& connection) {
    for (const int end : {0, 1}) {
      if (&connection.socket(end).host() == &host) connection.socket(end).host_crashed();
    }
    connection.delete_if_unused();
  });
}

const Connection* Fabric::find_connection(std::uint64_t number) const {
  return const_cast<Fabric*>(this)->find_connection(number);
}

Connection* Fabric::find_connection(std::uint64_t number) {
  Connection* found = nullptr;
  connections_.for_each([&](Connection& connection) {
    if (connection.number() == number) found = &connection;
  });
  return found;
}

// --- Faults ----------------------------------------------------------------------------------------------------------

std::vector<std::uint64_t> Fabric::connections_between(const Host& one, const Host& other) {
  std::vector<std::uint64_t> numbers;
  connections_.for_each([&](const Connection& connection) {
    const Host& client = connection.socket(0).host();
    const Host& server = connection.socket(1).host();
    const bool is_between = (&client == &one && &server == &other) || (&client == &other && &server == &one);
    if (is_between && connection.is_live()) numbers.push_back(connection.number());
  });
  return numbers;
}

bool Fabric::sever(std::uint64_t connection) {
  Connection* const found = find_connection(connection);
  if (found == nullptr || !found->is_live() || found->is_severed()) return false;
  found->sever();
  return true;
}

bool Fabric::reset(std::uint64_t connection) {
  Connection* const found = find_connection(connection);
  if (found == nullptr || !found->is_live()) return false;
  found->reset();
  return true;
}

std::size_t Fabric::under_way(const Host& from, const Host& to, base::TimePoint since, base::TimePoint until) {
  std::size_t count = 0;
  connections_.for_each([&](Connection& connection) {
    for (const int end : {0, 1}) {
      if (&connection.socket(end).host() != &from || &connection.socket(1 - end).host() != &to) continue;
      count += connection.from(end).under_way(since, until);
    }
  });
  handshakes_.for_each([&](Handshake& handshake) {
    if (handshake.is_under_way(from, to, since, until)) ++count;
  });
  return count;
}

void Fabric::trace_calls(bool wanted) {
  traces_calls_ = wanted;
  for (const auto& host : hosts_) host->trace_calls(wanted);
}

std::size_t Fabric::connection_count(const Host& host) const {
  std::size_t count = 0;
  const_cast<ConnectionList&>(connections_).for_each([&](Connection& connection) {
    for (const int end : {0, 1}) {
      const Socket& socket = connection.socket(end);
      if (&socket.host() == &host && socket.state() == Socket::State::open) ++count;
    }
  });
  return count;
}

}  // namespace razor::sim
