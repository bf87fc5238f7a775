#include "tests/swarm/caller.h"

#include <fmt/format.h>

#include <array>

#include "faults/sometimes.h"
#include "razor/runtime/with_deadline.h"
#include "razor/stream/client_stream.h"

namespace razor::swarm {

// Calls that have not ended. Completions may come when the coroutine that made them is gone.
struct SwarmCaller::UnderWay {
  explicit UnderWay(runtime::Executor& executor) : one_ended(executor) {}
  int count = 0;
  bool closed = false;
  runtime::Event one_ended;

  void ended() {
    --count;
    one_ended.set();
  }
};

// While it has something to call with.
struct SwarmCaller::Shown {
  Shown(SwarmCaller& owner, FailoverPool* pool, runtime::Event& changed) : caller(owner) {
    caller.pool_ = pool;
    caller.changed_ = &changed;
  }
  ~Shown() {
    caller.pool_ = nullptr;
    caller.changed_ = nullptr;
  }
  SwarmCaller& caller;
};

// One call, as drawn.
struct SwarmCaller::CallDraw {
  enum class Kind { once, often, led, store, watch };
  Kind kind = Kind::once;
  base::Duration timeout{};
  base::Duration abandon_after{};  // zero: waits for its end
  bool completion_throws = false;
  Order order;
  base::Bytes blob;
  bool is_large = false;

  bool idempotent() const { return kind == Kind::often; }
};

namespace {

std::string_view name_of(int kind) {
  constexpr std::array<std::string_view, 5> kNames{"Work.once", "Work.often", "Work.led", "store", "Watch.watch"};
  return kNames[static_cast<std::size_t>(kind)];
}

base::Bytes as_blob(std::string_view text) {
  const base::ByteView bytes = base::as_bytes(text);
  return base::Bytes(bytes.begin(), bytes.end());
}

// Says that nobody waits for a call any more, however its coroutine ends.
struct Abandonment {
  Abandonment(faults::Ledger& noted, std::uint64_t call) : ledger(noted), id(call) {}
  Abandonment(const Abandonment&) = delete;
  ~Abandonment() { ledger.abandoned(id); }
  faults::Ledger& ledger;
  std::uint64_t id;
};

template <class Call>
runtime::Task<void> abandon(runtime::Clock& clock, faults::Ledger& ledger, std::uint64_t id, Call call,
                            base::Duration after) {
  const Abandonment abandonment(ledger, id);
  Call waiting = std::move(call);  // goes before the ledger is told
  co_await clock.sleep_for(after);
}

}  // namespace

SwarmCaller::SwarmCaller(Scene& scene, std::string name, std::vector<std::string> servers, By by)
    : scene_(scene), name_(std::move(name)), servers_(std::move(servers)), by_(by) {
  host().start([this](Runtime& runtime) { return run(runtime); });
}

std::vector<Address> SwarmCaller::addresses() const {
  std::vector<Address> addresses;
  for (const std::string& server : servers_) addresses.push_back(Scene::address_of(server));
  return addresses;
}

void SwarmCaller::close_now(base::Duration limit) {
  close_limit_ = limit;
  closing_ = true;
  if (changed_ != nullptr) changed_->set();
}

void SwarmCaller::update_servers(std::vector<std::string> servers) {
  servers_ = std::move(servers);
  if (pool_ == nullptr) return;
  scene_.network.addresses_updated(name_);
  pool_->update_addresses(addresses());
}

void SwarmCaller::stop() {
  stopping_ = true;
  if (changed_ != nullptr) changed_->set();
}

runtime::Task<void> SwarmCaller::run(Runtime& runtime) {
  sim::RandomStream random(runtime.random().seed_for("calls of the swarm"));
  while (!stopping_) {
    closing_ = false;
    scene_.ledger.opened(name_);
    if (by_ == By::pool) {
      co_await run_with_pool(runtime, random);
    } else {
      co_await run_with_stream(runtime, random);
    }
    co_await runtime.clock().sleep_for(random.between(0ns, 500ms));
  }
  finished_ = true;
}

// Empty where a fault leaves no memory for it.
std::optional<FailoverPool> SwarmCaller::make_pool(Runtime& runtime) const {
  try {
    return FailoverPool(runtime, addresses(), scene_.settings.pool);
  } catch (const std::bad_alloc&) {
    return std::nullopt;
  }
}

runtime::Task<void> SwarmCaller::run_with_pool(Runtime& runtime, sim::RandomStream& random) {
  const auto under_way = std::make_shared<UnderWay>(runtime.executor());
  runtime::Event changed(runtime.executor());
  scene_.network.pool_made(name_);
  std::optional<FailoverPool> made = make_pool(runtime);
  if (!made) co_return;
  FailoverPool& pool = *made;
  const Shown shown(*this, &pool, changed);
  co_await make_calls(runtime, pool.channel(), random, under_way, {});
  const base::Duration limit = closing_ ? close_limit_ : base::Duration(10s);
  const PoolState before = pool.state();
  RAZOR_SOMETIMES(before.in_flight > 0, "close: calls are under way");
  RAZOR_SOMETIMES(before.waiting > 0, "close: calls wait");
  RAZOR_SOMETIMES(before.connections() > 0 && before.in_flight >= scene_.settings.pool.pool.stream.window,
                  "close: a window is full");
  scene_.ledger.closing(name_, limit);
  co_await pool.close(limit);
  scene_.ledger.closed(name_);
  const PoolState last = pool.state();
  RAZOR_RULE(5, under_way->count == 0, "{} calls of {} have not ended, and its pool is closed", under_way->count, name_);
  RAZOR_RULE(25, last.in_flight == 0 && last.waiting == 0 && last.bytes == 0 && last.connections() == 0,
             "the pool of {} is closed, and has {}", name_, last.to_string());
  const PoolStats& stats = last.stats;
  RAZOR_RULE(1, stats.calls_submitted == stats.calls_answered + stats.calls_failed_total() + stats.calls_abandoned,
             "the pool of {} lost count of its calls: {}", name_, last.to_string());
  RAZOR_SOMETIMES(stats.hedges_won > 0, "a hedge wins");
  RAZOR_SOMETIMES(stats.retries > 0, "a call is sent again");
  RAZOR_SOMETIMES(stats.redirects > 0, "a call is redirected");
  RAZOR_SOMETIMES(stats.retries > 0 && stats.redirects > 0, "retries and redirects in one pool");
  RAZOR_SOMETIMES(stats.moves > 0, "an unsent call moves");
}

runtime::Task<void> SwarmCaller::run_with_stream(Runtime& runtime, sim::RandomStream& random) {
  const std::size_t index = random.below(servers_.size());
  auto connected =
      co_await ClientStream::connect(runtime, Scene::address_of(servers_[index]), scene_.settings.pool.pool.stream);
  if (!connected) co_return;
  ClientStream stream = *std::move(connected);
  const auto under_way = std::make_shared<UnderWay>(runtime.executor());
  runtime::Event changed(runtime.executor());
  const Shown shown(*this, nullptr, changed);
  co_await make_calls(runtime, stream.channel(), random, under_way, [&stream] { return stream.is_open(); });
  const base::Duration limit = closing_ ? close_limit_ : base::Duration(10s);
  RAZOR_SOMETIMES(!stream.has_room(), "close of a stream: its window is full");
  scene_.ledger.closing(name_, limit);
  co_await stream.close(limit);
  scene_.ledger.closed(name_);
  RAZOR_RULE(5, under_way->count == 0, "{} calls of {} have not ended, and its stream is closed", under_way->count, name_);
  RAZOR_RULE(20, stream.stats().in_flight == 0, "{} places in a window are taken, and the stream is closed",
             stream.stats().in_flight);
}

runtime::Task<void> SwarmCaller::make_calls(Runtime& runtime, stream::Channel& channel, sim::RandomStream& random,
                                            std::shared_ptr<UnderWay> under_way, std::function<bool()> go_on) {
  runtime::Clock& clock = runtime.clock();
  runtime::TaskScope impatient(runtime.executor());
  while (!closing_ && !stopping_ && (!go_on || go_on())) {
    // Most often one or a few calls, and now and then as many as the settings have.
    const auto burst = static_cast<std::uint64_t>(scene_.settings.burst);
    std::uint64_t count = 1;
    if (random.one_in(2)) count = 1 + random.below(8);
    if (random.one_in(12)) count = 1 + random.below(burst);
    for (std::uint64_t i = 0; i < count && !resting_; ++i) make_call(runtime, channel, random, under_way, impatient);
    changed_->reset();
    const base::Duration pause = random.between(0ns, scene_.settings.pause);
    (void)co_await runtime::with_deadline(clock, clock.now() + pause, runtime::until_set(*changed_));
  }
  while (stopping_ && !closing_ && under_way->count > 0) {
    under_way->one_ended.reset();
    co_await under_way->one_ended.wait();
  }
}

SwarmCaller::CallDraw SwarmCaller::draw_call(sim::RandomStream& random) const {
  const Settings& settings = scene_.settings;
  CallDraw call;
  const auto tenth = static_cast<std::int64_t>(random.below(10));
  const bool by_stream_interface = random.one_in(2);
  call.kind = tenth < settings.idempotent                  ? CallDraw::Kind::often
              : tenth < settings.idempotent + settings.led ? CallDraw::Kind::led
              : by_stream_interface                        ? CallDraw::Kind::store
                                                           : CallDraw::Kind::once;
  call.timeout = random.between(1s, 10s) / 1ms * 1ms;
  // What comes behind a large call, or a slow one of a peer that handles one at a time, waits as long as that takes.
  if (settings.is_patient() && (must_succeed_ || random.one_in(2))) call.timeout = random.between(40s, 60s) / 1ms * 1ms;
  if (random.one_in(10)) call.timeout = random.between(10ms, 1s) / 1ms * 1ms;
  call.abandon_after = random.one_in(40) ? random.between(1ms, 2s) : 0ns;
  if (random.one_in(12)) {
    call.kind = CallDraw::Kind::watch;
    if (random.one_in(2)) call.abandon_after = random.between(1ms, 2s);
  }
  call.completion_throws = random.one_in(100);
  const auto most = static_cast<std::uint64_t>(settings.payload_max);
  const bool may_fail = call.kind != CallDraw::Kind::led && call.kind != CallDraw::Kind::watch;
  call.order.fails = random.one_in(20) && may_fail;
  call.order.throws = random.one_in(60) && may_fail && !must_succeed_;
  call.order.drops = random.one_in(60) && call.kind == CallDraw::Kind::store && !must_succeed_;
  // A watch that lasts is there to be cancelled. In the calm, or where few handlers may run, it would keep others waiting.
  const bool has_others_wait = scene_.is_calm() || settings.server.handlers_max < 1000;
  const bool lasts = call.kind == CallDraw::Kind::watch && !has_others_wait && random.one_in(2);
  const auto takes = random.between(0ns, lasts ? 4s : settings.handler_max);
  call.order.milliseconds = random.one_in(2) && !lasts ? 0 : static_cast<std::uint32_t>(takes / 1ms);
  // The response comes about when the time is over, by one of two clocks.
  if (call.order.milliseconds > 0 && random.one_in(10)) {
    call.timeout = std::chrono::milliseconds(std::max<std::int64_t>(call.order.milliseconds + random.below(30), 10));
  }
  call.order.answer_bytes = static_cast<std::uint32_t>(random.below(most + 1));
  const std::size_t payload = random.below(most + 1);
  call.order.payload = bytes_of(random.bits(), random.one_in(4) ? payload : payload / 20);
  if (call.kind == CallDraw::Kind::store) call.blob = as_blob(bytes_of(random.bits(), random.below(most + 1)));
  return call;
}

// Some calls take long: so large that they are under way for seconds, or handled for as long. In the calm, one of each kind
// comes first, since then each has to succeed.
void SwarmCaller::make_it_special(CallDraw& call, sim::RandomStream& random) {
  const Settings& settings = scene_.settings;
  if (!settings.is_patient() || large_is_under_way_ || call.kind == CallDraw::Kind::led ||
      call.kind == CallDraw::Kind::watch || by_ == By::stream)
    return;
  int special = 0;
  if (calm_specials_ > 0) {
    special = calm_specials_--;
  } else if (!must_succeed_ && random.one_in(100)) {
    special = 1 + static_cast<int>(random.below(kCalmSpecials));
  }
  if (special == 0) return;
  call.timeout = 60s;
  call.abandon_after = 0ns;
  call.order.throws = call.order.drops = call.order.fails = false;
  if (special == 1) {
    call.order.milliseconds = static_cast<std::uint32_t>(4000 + random.below(3000));
    return;
  }
  if (settings.large_bytes == 0) return;
  call.is_large = large_is_under_way_ = true;
  const std::uint32_t size = settings.large_bytes - static_cast<std::uint32_t>(random.below(settings.large_bytes / 4));
  if (special == 2) {
    call.order.answer_bytes = size;
    if (call.kind != CallDraw::Kind::store) return;
  }
  if (call.kind == CallDraw::Kind::store) {
    call.blob = as_blob(bytes_of(random.bits(), size));  // which comes back
  } else {
    call.order.payload = bytes_of(random.bits(), size);
  }
}

std::uint64_t SwarmCaller::submitted(const CallDraw& call) {
  const Settings& settings = scene_.settings;
  const ClientPoolConfig& pool = settings.pool.pool;
  const std::size_t bytes_max = call.order.payload.size() + call.order.answer_bytes + 256;
  const bool may_be_refused = bytes_max + call.blob.size() / 5 > pool.stream.limits.msg_bytes_max ||
                              pool.queue_calls_max < 1024 || pool.bytes_max < 1'000'000 || pool.fail_fast ||
                              by_ == By::stream;
  faults::CallTerms terms;
  terms.name = name_of(static_cast<int>(call.kind));
  terms.caller = name_;
  terms.timeout = call.timeout;
  terms.tick = stream::tick_of(terms.timeout, pool.stream.tick);
  terms.request_hash = hash_of(call.order);
  terms.runs_max = call.idempotent() ? settings.runs_max() : 1;
  terms.may_end_unsent = may_be_refused;
  terms.peers_trusted = peers_trusted_;
  terms.servers_know_deadlines = pool.stream.hello != HelloMode::off;
  // A reference server serves Work, and no more: it answers rpc_decode to the rest.
  const bool is_known_everywhere =
      (call.kind != CallDraw::Kind::store && call.kind != CallDraw::Kind::watch) || !settings.reference_server;
  // Nor does it know of limits: an answer above them ends the connection, with all calls that are under way on it.
  const bool may_be_cut_off = settings.reference_server && settings.has_small_frames();
  // One that meets a connection on which a system is still about to send again what a fault lost has a second try.
  // Where the calm is long, that is over.
  const bool may_try_again = (call.idempotent() && pool.retry.limit > 0) || settings.is_patient();
  terms.must_succeed = must_succeed_ && may_try_again && settings.has_ample_room() && !may_be_refused &&
                       is_known_everywhere && !may_be_cut_off && call.timeout > (settings.is_patient() ? 30s : 8s);
  return scene_.ledger.submitted(terms);
}

void SwarmCaller::make_call(Runtime& runtime, stream::Channel& channel, sim::RandomStream& random,
                            const std::shared_ptr<UnderWay>& under_way, runtime::TaskScope& impatient) {
  if (random.one_in(150)) return make_unencodable_call(channel, under_way);
  CallDraw call;
  try {
    call = draw_call(random);
    make_it_special(call, random);
  } catch (const std::bad_alloc&) {
    if (call.is_large) large_is_under_way_ = false;
    return;  // a fault had no memory for it: no call is made
  }
  const std::uint64_t id = submitted(call);
  call.order.id = id;
  call.order.serial = ++scene_.calls_made;
  ++under_way->count;
  faults::Ledger& ledger = scene_.ledger;
  const bool is_often = call.idempotent();
  const auto done = [this, &ledger, id, under_way, is_often, is_large = call.is_large,
                     throws = call.completion_throws](const auto& reply) {
    under_way->ended();
    if (is_large) large_is_under_way_ = false;
    work::note_end(ledger, id, reply);
    if (reply.has_call_error()) check_closed(id, reply.call_error());
    if (is_often && !reply.ok() && !reply.has_call_error()) ++scene_.often_errors;
    if (throws) throw std::runtime_error("a completion of the swarm throws");
  };
  const Client<Work> client = Client<Work>(channel).with({.timeout = call.timeout});
  const Client<Watch> watcher = Client<Watch>(channel).with({.timeout = call.timeout});
  if (call.kind == CallDraw::Kind::store) {
    auto completion = [this, &ledger, id, under_way, is_large = call.is_large,
                       throws = call.completion_throws](const Response& answer) {
      under_way->ended();
      if (is_large) large_is_under_way_ = false;
      switch (answer.kind()) {
        case Response::Kind::failed:
          ledger.failed(id, answer.error());
          check_closed(id, answer.error());
          break;
        case Response::Kind::success: ledger.succeeded(id, sim::hash_of(answer.blob())); break;
        case Response::Kind::error_number: ledger.ended_with_error(id, answer.number()); break;
        case Response::Kind::error_bytes: ledger.ended_with_error(id, sim::hash_of(answer.blob())); break;
      }
      if (throws) throw std::runtime_error("a completion of the swarm throws");
    };
    stream::submit(channel, ClientTask(kStore, call.order, std::move(completion))
                                .with_blob(std::move(call.blob))
                                .with_options({.timeout = call.timeout}));
    return;
  }
  if (call.abandon_after > 0ns && call.kind != CallDraw::Kind::led) {
    --under_way->count;
    const auto leave = [&](auto under_way_call) {
      impatient.run_inline("an impatient caller",
                           abandon(runtime.clock(), ledger, id, std::move(under_way_call), call.abandon_after));
    };
    if (call.kind == CallDraw::Kind::watch) return leave(watcher.watch(call.order));
    if (call.idempotent()) return leave(client.often(call.order));
    return leave(client.once(call.order));
  }
  switch (call.kind) {
    case CallDraw::Kind::once: return client.once.start(done, call.order);
    case CallDraw::Kind::often: return client.often.start(done, call.order);
    case CallDraw::Kind::led: return client.led.start(done, call.order);
    case CallDraw::Kind::watch: return watcher.watch.start(done, call.order);
    case CallDraw::Kind::store: return;
  }
}

// CONTRACT 28: only its owner closes a call's way.
void SwarmCaller::check_closed(std::uint64_t id, const CallError& error) const {
  const bool by_owner = closing_ || stopping_ || changed_ == nullptr || by_ == By::stream;
  RAZOR_RULE(28, error.errc() != base::Errc::closed || by_owner, "{} of {}, which has closed nothing: {}",
             faults::Ledger::name_of_call(id), name_, error.message());
}

// CONTRACT 35: it fails alone.
void SwarmCaller::make_unencodable_call(stream::Channel& channel, const std::shared_ptr<UnderWay>& under_way) {
  faults::CallTerms terms;
  terms.name = "Work.refuse_to_encode";
  terms.caller = name_;
  terms.timeout = 5s;
  terms.tick = stream::tick_of(terms.timeout, scene_.settings.pool.pool.stream.tick);
  terms.may_end_unsent = true;
  const std::uint64_t id = scene_.ledger.submitted(terms);
  ++under_way->count;
  Client<Work>(channel)
      .with({.timeout = 5s})
      .refuse_to_encode.start(
          [&ledger = scene_.ledger, id, under_way](const Reply<void>& reply) {
            under_way->ended();
            RAZOR_RULE(35, reply.has_call_error(), "what cannot be encoded has succeeded");
            ledger.failed(id, reply.call_error());
            RAZOR_RULE(35, reply.call_error().ran() == base::Ran::no, "what cannot be encoded: {}",
                       reply.call_error().message());
          },
          Unencodable());
}

std::string SwarmCaller::wrong_bounds() const {
  if (pool_ == nullptr || !host().is_up()) return {};
  const PoolState state = pool_->state();
  const ClientPoolConfig& limits = scene_.settings.pool.pool;
  if (state.waiting > 2 * limits.queue_calls_max) {
    return fmt::format("{} calls of {} wait, and {} may, and as many that came back", state.waiting, name_,
                       limits.queue_calls_max);
  }
  if (state.bytes > limits.bytes_max && state.waiting + state.in_flight > 1) {
    return fmt::format("{} B of calls of {} are kept, and {} may", state.bytes, name_, limits.bytes_max);
  }
  return {};
}

}  // namespace razor::swarm
