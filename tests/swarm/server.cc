#include "tests/swarm/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "razor/base/out_of_memory.h"

namespace razor::swarm {

using faults::HandlerAnswer;

// A server checks now and then, also at what the peer's machine acknowledges still.
static constexpr base::Duration kStallSlack = 5s;
// Longer than a request is under way where nothing is wrong.
static constexpr base::Duration kOneWay = 20ms;
// Longer than a handler is delayed, and than its answer may wait for a peer that does not read.
static constexpr base::Duration kDelayedAnswers = 90s;

static base::TimePoint deadline_of(const CallContext& context) {
  return context.deadline().value_or(base::TimePoint::max());
}

// Counts the handlers that run; in a coroutine's frame, so that those that are destroyed count, too.
struct SwarmServer::Running {
  Running(SwarmServer& owner, const runtime::Address& peer, base::TimePoint deadline)
      : server(owner), here(server.running_.emplace(server.running_.end(), peer, deadline)) {}
  Running(SwarmServer& owner, const CallContext& context) : Running(owner, context.peer(), deadline_of(context)) {}
  Running(const Running&) = delete;
  ~Running() { server.running_.erase(here); }
  SwarmServer& server;
  std::list<RunningHandler>::iterator here;
};

// While it serves.
struct SwarmServer::Serving {
  Serving(SwarmServer& owner, runtime::Event& changed) : server(owner) { server.changed_ = &changed; }
  ~Serving() {
    server.serving_.clear();
    server.changed_ = nullptr;
  }
  SwarmServer& server;
};

void SwarmServer::begin(const Order& order, const runtime::Address& peer, base::TimePoint deadline, bool may_be_sent_again) {
  // Before anything that a fault may leave no memory for: the handler has been entered.
  scene_.ledger.dispatched(order.id, name_, hash_of(order));
  ++dispatched_;
  // CONTRACT 18. Retries come later than they were made; and while there are faults, what was never sent may move.
  // Connections that grow old are left while calls wait for them, and what was refused for certain is sent again: where few
  // handlers may run, or the time of a call is about over.
  const Settings& settings = scene_.settings;
  const bool may_be_refused = settings.server.handlers_max < 1000 || deadline - host().clock_now() < 2s;
  // A victim has an impostor among its addresses in the calm, too.
  const bool may_move = settings.server.max_connection_age != base::Duration::max() || peer.host() == "victim" ||
                        (settings.pool.pool.stream.hello != HelloMode::off && may_be_refused);
  if (order.serial >= scene_.first_calm_call && !may_be_sent_again && !may_move) {
    std::uint64_t& last = last_of_[peer.to_string()];
    RAZOR_RULE(18, order.serial > last, "{}, the {}th that was made, comes to {} behind the {}th of {}",
               faults::Ledger::name_of_call(order.id), order.serial, name_, last, peer);
    last = std::max(last, order.serial);
  }
}

static base::Duration time_of(const Order& order) { return std::chrono::milliseconds(order.milliseconds); }

// The answer of a handler that has done its work.
Product SwarmServer::product_for(const SwarmServer& server, const Order& order) {
  Product product(order.id, bytes_of(order.id, order.answer_bytes));
  server.scene_.ledger.answered(order.id, HandlerAnswer::value, hash_of(product.payload));
  return product;
}

class SwarmServer::WorkService final : public Work {
 public:
  WorkService(Runtime& runtime, SwarmServer& server) : runtime_(runtime), server_(server) {}

  Call<Product, std::string> once(Order order) override { return begin(std::move(order), false); }
  Call<Product, std::string> often(Order order) override { return begin(std::move(order), true); }
  Call<Product, std::string> begin(Order order, bool may_be_sent_again) {
    server_.begin(order, current_context().peer(), deadline_of(current_context()), may_be_sent_again);
    // The plain kind of handler, which has no coroutine.
    if (order.milliseconds == 0) {
      if (order.throws) throws(order);
      return finished(order);
    }
    return work(runtime_, server_, std::move(order));
  }

  Call<Product, Elsewhere> led(Order order) override {
    server_.begin(order, current_context().peer(), deadline_of(current_context()), true);
    const Scene& scene = server_.scene_;
    if (scene.leader != server_.name_) {
      server_.scene_.ledger.answered(order.id, HandlerAnswer::refused);
      return Fail(Elsewhere(scene.leader_is_known ? Scene::address_of(scene.leader).to_string() : std::string()));
    }
    return lead(runtime_, server_, std::move(order));
  }

  Call<> refuse_to_encode(Unencodable) override {
    RAZOR_RULE(35, false, "a call whose arguments cannot be encoded was sent");
    return {};
  }

 private:
  std::variant<Product, std::string> outcome(const Order& order) {
    if (order.fails) {
      std::string error = fmt::format("order {} is refused", order.id);
      server_.scene_.ledger.answered(order.id, HandlerAnswer::error, hash_of(error));
      return error;
    }
    return product_for(server_, order);
  }
  Call<Product, std::string> finished(const Order& order) {
    std::variant<Product, std::string> ended = outcome(order);
    if (ended.index() == 1) return Fail(std::get<1>(std::move(ended)));
    return std::get<0>(std::move(ended));
  }
  [[noreturn]] void throws(const Order& order) {
    server_.scene_.ledger.answered(order.id, HandlerAnswer::threw);
    throw std::runtime_error("a handler of the swarm throws");
  }
  Call<Product, std::string> work(Runtime& runtime, SwarmServer& server, Order order) {
    const CallContext context = co_await razor::context();
    const Running running(server, context);
    co_await runtime.clock().sleep_for(time_of(order));
    if (order.throws) throws(order);
    std::variant<Product, std::string> ended = outcome(order);
    if (ended.index() == 1) co_return Fail(std::get<1>(std::move(ended)));
    co_return std::get<0>(std::move(ended));
  }
  static Call<Product, Elsewhere> lead(Runtime& runtime, SwarmServer& server, Order order) {
    const CallContext context = co_await razor::context();
    const Running running(server, context);
    co_await runtime.clock().sleep_for(time_of(order));
    co_return product_for(server, order);
  }

  Runtime& runtime_;
  SwarmServer& server_;
};

// Serves tasks of the stream interface: the blob comes back. Keeps its Responders, as handlers without coroutines do.
class SwarmServer::StoreDispatch final : public Dispatch {
 public:
  explicit StoreDispatch(SwarmServer& server) : server_(server) {}

  void dispatch(const Request& request, Responder respond) override {
    Order order;
    bool is_known = false;
    const bool has_memory =
        base::catching_bad_alloc([&] { is_known = request.action == Action(kStore) && request.decode(order); });
    if (!has_memory) return respond.fail(stream::Failure(base::Errc::overloaded, base::Ran::no));
    if (!is_known) return respond.fail(base::Errc::decode);
    server_.begin(order, request.peer, request.deadline, false);
    faults::Ledger& ledger = server_.scene_.ledger;
    if (order.drops) {
      ledger.answered(order.id, HandlerAnswer::dropped);
      return;
    }
    if (order.throws) {
      ledger.answered(order.id, HandlerAnswer::threw);
      throw std::runtime_error("a dispatch of the swarm throws");
    }
    base::Bytes blob(request.blob.begin(), request.blob.end());
    const base::Duration takes = std::chrono::milliseconds(order.milliseconds);
    runtime::TaskScope& handlers = respond.handlers();
    handlers.run_inline("a handler of the swarm", answer(server_, std::move(order), std::move(blob), takes, request.peer,
                                                         request.deadline, std::move(respond)));
  }

 private:
  static runtime::Task<void> answer(SwarmServer& server, Order order, base::Bytes blob, base::Duration takes,
                                    runtime::Address peer, base::TimePoint deadline, Responder respond) {
    const Running running(server, peer, deadline);
    if (takes > 0ns) co_await respond.runtime().clock().sleep_for(takes);
    faults::Ledger& ledger = server.scene_.ledger;
    if (order.fails) {
      const auto number = static_cast<std::uint32_t>(1000 + order.id % 1000);
      ledger.answered(order.id, HandlerAnswer::error, number);
      respond.fail(number);
    } else {
      ledger.answered(order.id, HandlerAnswer::value, sim::hash_of(blob));
      respond.reply(order.id, std::move(blob));
    }
    respond.fail(base::Errc::internal);  // one answer too many: counted, and dropped
  }

  SwarmServer& server_;
};

class SwarmServer::WatchService final : public Watch {
 public:
  WatchService(Runtime& runtime, SwarmServer& server) : runtime_(runtime), server_(server) {}

  Call<Product, std::string> watch(Order order) override {
    server_.begin(order, current_context().peer(), deadline_of(current_context()), false);
    return run(runtime_, server_, std::move(order));
  }

 private:
  static Call<Product, std::string> run(Runtime& runtime, SwarmServer& server, Order order) {
    const CallContext context = co_await razor::context();
    const Running running(server, context);
    const WatchedHandlers::Watched watched(server.watched_, context);
    co_await runtime.clock().sleep_for(time_of(order));
    co_return product_for(server, order);
  }

  Runtime& runtime_;
  SwarmServer& server_;
};

class SwarmServer::WasteService final : public Waste {
 public:
  Call<std::string> make(std::uint32_t bytes) override {
    return std::string(std::min<std::uint32_t>(bytes, kWasteMax), 'w');
  }
};

SwarmServer::SwarmServer(Scene& scene, std::string name) : scene_(scene), name_(std::move(name)) {
  host().start([this](Runtime& runtime) { return serve(runtime); });
}

runtime::Task<void> SwarmServer::serve(Runtime& runtime) {
  running_.clear();
  last_of_.clear();
  StoreDispatch store(*this);  // of all threads, which end with the host
  std::vector<Runtime*> runtimes{&runtime};
  while (static_cast<int>(runtimes.size()) < scene_.settings.server_threads) runtimes.push_back(&host().add_runtime());
  while (!stopped_) {
    runtime::Event changed(runtime.executor());
    ServerGroup group(runtimes, {.server = scene_.settings.server, .acceptor_serves = scene_.settings.acceptor_serves});
    const Serving serving(*this, changed);
    group.for_each_server([this, &store](Runtime& there, Server& server) {
      server.add(std::make_shared<WorkService>(there, *this));
      server.add(std::make_shared<WatchService>(there, *this));
      server.add(std::make_shared<WasteService>());
      server.set_fallback(store);
      serving_.push_back(&server);
    });
    const auto bound = group.listen(Address::tcp("0.0.0.0", kPort));
    RAZOR_REQUIRE(bound.ok(), "listen: {}", bound.error().message());
    co_await changed.wait();
    const base::TimePoint closing = runtime.clock().now();
    const base::TimePoint closing_in_world = scene_.world.now();
    const base::Duration limit = close_limit_;  // another restart may be asked for meanwhile
    co_await group.close(limit);
    const base::Duration took = runtime.clock().now() - closing;
    // Of a process that stood still when the time was over, other threads may still have to see that.
    const bool ran = scene_.ran_since(host(), closing_in_world);
    RAZOR_RULE(4, took <= limit + 1ms || !ran, "{} closed in {} ns, and had {} ns for it", name_, took.count(),
               limit.count());
    const ServerStats last = co_await group.stats();
    RAZOR_RULE(25, last.connections == 0 || !ran, "{} is closed, and has {}", name_, last.to_string());
  }
}

void SwarmServer::restart_gracefully(base::Duration limit) {
  close_limit_ = limit;
  if (changed_ != nullptr) changed_->set();
}

void SwarmServer::stop() {
  stopped_ = true;
  restart_gracefully(10s);
}

// Those of calls that hold a place in their caller's window: a call that it drops does, one whose time is over does not. When that
// is, the server knows only while requests come at once and two clocks agree.
std::size_t SwarmServer::handlers_wanted_by(const runtime::Address& peer) const {
  const base::Duration span = scene_.settings.timeout_max();
  const faults::Injector& injector = scene_.run.injector();
  const bool is_troubled =
      injector.touched(name_, span) || injector.touched(peer.host(), span) || scene_.settings.bytes_per_second > 0;
  if (is_troubled || !Scene::is_own_caller(peer.host())) return 0;
  const base::TimePoint now = host().clock_now();
  return static_cast<std::size_t>(std::ranges::count_if(running_, [&](const RunningHandler& handler) {
    return handler.deadline != base::TimePoint::max() && handler.deadline > now + kOneWay && handler.peer == peer;
  }));
}

std::string SwarmServer::wrong_handlers() const {
  if (serving_.empty() || !host().is_up()) return {};
  const ServerConfig& config = scene_.settings.server;
  if (running_.size() > config.handlers_max) {
    return fmt::format("{} runs {} handlers at a time, and may {}", name_, running_.size(), config.handlers_max);
  }
  for (const ConnectionStats& connection : connections()) {
    if (connection.handlers > config.handlers_per_connection_max) {
      return fmt::format("{} runs {} handlers for {}, and may {}", name_, connection.handlers, connection.peer,
                         config.handlers_per_connection_max);
    }
    if (const std::size_t wanted = handlers_wanted_by(connection.peer); wanted > scene_.settings.pool.pool.stream.window) {
      return fmt::format("{} runs {} handlers for {}, whose window is {}", name_, wanted, connection.peer,
                         scene_.settings.pool.pool.stream.window);
    }
  }
  return {};
}

std::vector<ConnectionStats> SwarmServer::connections() const {
  std::vector<ConnectionStats> all;
  for (const Server* server : serving_) std::ranges::move(server->connections(), std::back_inserter(all));
  return all;
}

std::string SwarmServer::wrong_watches() {
  if (serving_.empty() || !host().is_up()) return {};
  std::set<std::string> connected;
  for (const ConnectionStats& connection : connections()) connected.insert(connection.peer.to_string());
  return watched_.wrong(scene_, host(), [&](const std::string& peer) { return connected.contains(peer); });
}

bool SwarmServer::may_leave_unread(const std::string& peer) const {
  if (serving_.empty() || !host().is_up()) return true;
  return std::ranges::any_of(connections(), [&](const ConnectionStats& connection) {
    return connection.paused && connection.peer.to_string() == peer;
  });
}

std::string SwarmServer::wrong_frames() const {
  if (serving_.empty() || !host().is_up()) return {};
  const Settings& settings = scene_.settings;
  if (settings.attacker || settings.has_small_frames() || scene_.run.injector().touched_by("corrupt", name_, 24h)) return {};
  std::uint64_t faulty = 0;
  for (const Server* server : serving_) faulty += server->stats().connections_faulty;
  return faulty == 0 ? "" : fmt::format("{} has refused {} frames, which nobody broke", name_, faulty);
}

std::string SwarmServer::wrong_queues() const {
  if (serving_.empty() || !host().is_up()) return {};
  const Settings& settings = scene_.settings;
  for (const ConnectionStats& connection : connections()) {
    // Reading stops, and handlers that ran before may answer still: none of an untrusted peer's, unless a fault delays them; a window
    // full of a caller's.
    const bool is_delayed = scene_.run.injector().touched_by("handler_delay", name_, kDelayedAnswers);
    const bool is_caller = connection.peer.host() != "attacker";
    const base::ByteCount most_of_handlers =
        is_caller ? settings.pool.pool.stream.window * (static_cast<base::ByteCount>(settings.payload_max) + base::kKiB) +
                        settings.large_bytes
                  : kWasteMax * (is_delayed ? kWasteRequests : 1);
    if (connection.bytes_queued > settings.server.write_queue_max + most_of_handlers + base::kKiB) {
      return fmt::format("{} keeps {} B for {}", name_, connection.bytes_queued, connection.peer);
    }
  }
  return {};
}

std::string SwarmServer::wrong_stalls() {
  if (serving_.empty() || !host().is_up()) {
    stalled_.clear();
    return {};
  }
  const base::TimePoint now = scene_.world.now();
  const base::TimePoint clock_now = host().clock_now();
  std::map<std::string, Stall> stalled;
  std::string wrong;
  for (const ConnectionStats& connection : connections()) {
    if (connection.bytes_queued == 0) continue;
    const std::string peer = connection.peer.to_string();
    const auto before = stalled_.find(peer);
    Stall stall{connection.bytes_sent, now, clock_now};
    if (before != stalled_.end() && before->second.bytes_sent == connection.bytes_sent) stall = before->second;
    const base::Duration most = scene_.settings.server.write_stall_timeout + kStallSlack;
    const base::Duration stalled_for = clock_now - stall.since_by_clock;
    if (stalled_for > most && scene_.ran_since(host(), stall.since)) {
      wrong = fmt::format("{} waits for {}, which takes no byte of its answers, since {} s", name_, peer, stalled_for / 1s);
    }
    stalled.emplace(peer, stall);
  }
  stalled_ = std::move(stalled);
  return wrong;
}

}  // namespace razor::swarm
