// Random scripts against one ClientStream: calls of every kind, a server that answers, repeats itself, stalls, takes
// nothing, cuts and resets, time that passes and time that was slept through, closing and destroying. A model knows what
// must have come of every call: that it ended once, when, with what, and whether it may have run.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/stream/client_fixture.h"
#include "tests/support/pick.h"
#include "tests/support/plain_config.h"

namespace razor::stream {
namespace {

using test::one_in;
using test::pick;
using test::pick_of;

// What is found broken is kept: a check may run inside the library, where nothing may throw.
#define MUST(condition) \
  if (!(condition)) broken(#condition)

class ClientScript {
 public:
  explicit ClientScript(const ClientStreamConfig& config) : config_(config), server_(make_server()) {
    server_.in().tap = [this](base::ByteView bytes) { see_written(bytes); };
    world_.after_each_turn = [this] { check_after_turn(); };
  }
  ~ClientScript() {
    held_.clear();
    stream_.reset();
    world_.run();
  }

  /// The first thing that did not hold; empty while all does.
  const std::string& broken() const { return broken_; }

  void step() {
    switch (pick(0, 26)) {
      case 0: submit_dropped(); break;
      case 1:
      case 2:
      case 3: submit_held(); break;
      case 4: drop_held(); break;
      case 5: move_held(); break;
      case 6: reset_held(); break;
      case 7: await_held(); break;
      case 8: answer_again(); break;
      case 9: answer_half(); break;
      case 10: answer_pings(); break;
      case 11: advance(Duration(pick<std::int64_t>(0, Duration(3s).count()))); break;
      case 12: pause(Duration(pick<std::int64_t>(0, Duration(10s).count()))); break;
      case 13: set_server_room(); break;
      case 14: hold_or_release_answers(); break;
      case 15: end_somehow(); break;
      case 16:
      case 17:
      case 18:
      case 19: answer_one(); break;
      case 20: run_some_turns(); break;
      default: submit(); break;
    }
    if (!one_in(4)) run();
  }

  // No faults any more, and time enough for all.
  void finish() {
    while (!held_.empty()) drop_held();
    server_.in().set_room(1024 * 1024);
    server_.out().release();
    flush_half();
    run();
    for (int i = 0; i < 100; ++i) {
      answer_pings();
      advance(1s);
    }
    check_all_ended();
    if (stream_) {
      MUST(stream_->stats().in_flight == 0u);
      MUST(stream_->stats().queued == 0u);
      MUST(stream_->stats().queued_bytes == 0u);
    }
    destroy();
    world_.run();
    closings_.clear();
    MUST(world_.clock().timers_armed() == 0u);
    MUST(world_.executor().roots_count() == 0u);
    MUST(world_.executor().ready_count() == 0u);
    check_what_ran();
  }

 private:
  void broken(std::string_view what) {
    if (broken_.empty()) broken_ = what;
  }

  struct Known {
    Outcome outcome;
    TimePoint submitted;
    TimePoint deadline;  // D; may have passed when it is submitted
    bool abandoned = false;  // its caller stopped waiting
    bool awaited = false;    // by a coroutine, which hears of the end in a turn of its own
    std::optional<std::string> answered;  // what the server answered first
  };
  struct HeldCall {
    HeldCall(std::size_t call_id, StreamCall made) : id(call_id), call(std::move(made)) {}
    std::size_t id;
    StreamCall call;
  };

  test::ManualPeer make_server() {
    auto [stream, peer] = world_.network().connected_to_hand();
    stream_.emplace(world_, std::move(stream), config_);
    return std::move(peer);
  }

  // --- The caller

  // Every message names its call: "12:xxxx".
  std::pair<std::size_t, std::string> next_call(CallOptions& options) {
    const std::size_t id = calls_.size();
    Known& known = calls_.emplace_back();
    if (one_in(2)) options.timeout = Duration(pick<std::int64_t>(Duration(-1s).count(), Duration(8s).count()));
    if (one_in(8)) options.deadline = world_.now() + Duration(pick<std::int64_t>(0, Duration(8s).count())) - 1s;
    const Duration timeout = options.timeout.value_or(config_.call_timeout);
    known.submitted = world_.now();
    known.deadline = std::min(options.deadline, world_.now() + timeout);
    return {id, std::to_string(id) + ":" + std::string(one_in(5) ? pick<std::size_t>(0, 3000) : 0, 'x')};
  }
  ClientTask make_task(CallOptions options = {}) {
    const auto [id, msg] = next_call(options);
    Outcome& outcome = calls_[id].outcome;
    base::Bytes blob(one_in(10) ? pick<std::size_t>(0, 40'000) : 0);
    return ClientTask::with_encoded(kAction, base::as_bytes(msg),
                                    [this, &outcome](const Response& answer) { outcome.note(answer, world_.now()); })
        .with_blob(std::move(blob))
        .with_options(options);
  }
  void submit() {
    if (!stream_) return;
    ClientTask task = make_task();
    if (one_in(10)) {
      calls_.back().outcome.then = [this] {
        if (stream_) stream_->submit(make_task());
      };
    }
    stream_->submit(std::move(task));
    MUST(calls_.back().outcome.times == 0);
  }
  void submit_dropped() { const ClientTask dropped = make_task(); }
  void submit_held() {
    if (!stream_) return;
    CallOptions options;
    const auto [id, msg] = next_call(options);
    held_.push_back(std::make_unique<HeldCall>(id, stream_->call_encoded(kAction, base::as_bytes(msg), options)));
  }
  // Some call that is held, not held any more; null when there is none.
  std::unique_ptr<HeldCall> take_held() {
    if (held_.empty()) return nullptr;
    const auto nth = held_.begin() + static_cast<std::ptrdiff_t>(pick<std::size_t>(0, held_.size()));
    std::unique_ptr<HeldCall> taken = std::move(*nth);
    held_.erase(nth);
    return taken;
  }
  void drop_held() {
    if (const auto held = take_held()) calls_[held->id].abandoned = true;
  }
  void move_held() {
    if (const auto held = take_held()) held_.push_back(std::make_unique<HeldCall>(held->id, std::move(held->call)));
  }
  void reset_held() {
    if (held_.empty()) return;
    HeldCall& held = *held_[pick<std::size_t>(0, held_.size())];
    held.call.reset();
    MUST(held.call.done());
  }
  void await_held() {
    const auto held = take_held();
    if (!held) return;
    Known& known = calls_[held->id];
    known.awaited = true;
    world_.executor().spawn("await", await_one(std::move(held->call), known.outcome, world_));
  }
  static runtime::Task<void> await_one(StreamCall call, Outcome& outcome, test::ManualWorld& world) {
    const OwnedResponse answer = co_await call;
    outcome.note(*answer, world.now());
  }
  // Those that are done, whether or not somebody awaits them.
  void collect_held() {
    std::erase_if(held_, [this](const std::unique_ptr<HeldCall>& held) {
      if (!held->call.done()) return false;
      calls_[held->id].outcome.note(*held->call.await_resume(), world_.now());
      return true;
    });
  }

  // --- The server

  void see_written(base::ByteView bytes) {
    written_.add(bytes);
    for (const test::SeenRequest& request : written_.take()) {
      MUST(request.seq == ++last_seq_);
      if (request.is_ping) {
        pings_.push_back(request.seq);
        continue;
      }
      const std::size_t id = std::stoul(request.msg);
      MUST(!seq_of_.contains(id));
      MUST(seq_of_.empty() || id > seq_of_.rbegin()->first);  // in the order they were submitted
      seq_of_.emplace(id, request.seq);
    }
  }
  void send(const base::Bytes& bytes) {
    flush_half();
    server_.send(bytes);
  }
  void flush_half() {
    if (!half_.empty()) server_.send(std::exchange(half_, {}));
  }
  // The answer to a call says which one it was, and how often it was answered before.
  base::Bytes answer_to(std::size_t id) {
    const std::string text = "answer " + std::to_string(id) + " take " + std::to_string(++answers_sent_);
    if (!calls_[id].answered) calls_[id].answered = text;
    return test::answer(seq_of_.at(id), text, std::string(one_in(6) ? pick<std::size_t>(0, 100'000) : 0, 'b'));
  }
  std::optional<std::size_t> some_sent_call(bool answered) {
    std::vector<std::size_t> ids;
    for (const auto& [id, seq] : seq_of_) {
      if (calls_[id].answered.has_value() == answered) ids.push_back(id);
    }
    if (ids.empty()) return std::nullopt;
    return ids[pick<std::size_t>(0, ids.size())];
  }
  void answer_one() {
    if (const auto id = some_sent_call(false)) send(answer_to(*id));
  }
  void answer_again() {
    if (const auto id = some_sent_call(true)) send(answer_to(*id));
  }
  void answer_half() {
    const auto id = some_sent_call(false);
    if (!id) return;
    const base::Bytes whole = answer_to(*id);
    const auto cut = whole.begin() + static_cast<std::ptrdiff_t>(pick<std::size_t>(0, whole.size()));
    send(base::Bytes(whole.begin(), cut));
    half_ = base::Bytes(cut, whole.end());
  }
  void answer_pings() {
    for (; pings_answered_ < pings_.size(); ++pings_answered_) send(test::answer(pings_[pings_answered_]));
  }
  void set_server_room() {
    server_.in().set_room(pick_of<std::size_t>({10, 1000, 1024 * 1024}));
    server_.in().set_writes_wait(one_in(2));
    server_.in().set_piece(pick_of<std::size_t>({7, 1000, 1024 * 1024}));
  }
  void hold_or_release_answers() {
    switch (pick(0, 3)) {
      case 0: server_.out().hold(); break;
      case 1: server_.out().let_through(pick<std::size_t>(0, 100)); break;
      case 2: server_.out().release(); break;
    }
    server_.out().set_reads_at_once(one_in(2));
  }
  void end_somehow() {
    if (!one_in(5)) return;  // else most scripts are over soon
    switch (pick(0, 5)) {
      case 0: server_.shut(); break;
      case 1: server_.reset(); break;
      case 2: server_.in().fail_writes(std::errc::broken_pipe); break;
      case 3:
        if (stream_) {
          closings_.push_back(
              {std::make_unique<test::Running<void>>(stream_->close(Duration(pick<std::int64_t>(0, Duration(5s).count())))),
               calls_.size()});
        }
        break;
      case 4: destroy(); break;
    }
  }
  void destroy() {
    stream_.reset();
    collect_held();
    for (const Known& known : calls_) MUST(known.outcome.ended() || known.abandoned || known.awaited);
  }

  // --- Time

  void run() {
    (void)server_.take();  // seen by the tap
    world_.run();
    (void)server_.take();
    world_.run();
    collect_held();
    // CONTRACT 2: a call that has not ended has time left.
    for (const Known& known : calls_) {
      if (known.outcome.ended() || known.abandoned) continue;
      const Duration tick = tick_of(known.deadline - known.submitted, config_.tick);
      MUST(std::max(known.deadline, known.submitted) + tick > world_.now());
    }
  }
  void run_some_turns() {
    for (int turns = pick(0, 10); turns > 0 && world_.executor().run_one(); --turns) check_after_turn();
  }
  void advance(Duration span) {
    run();
    const TimePoint until = world_.now() + span;
    while (world_.clock().next_timer() <= until) {
      world_.clock().advance_to(world_.clock().next_timer());
      run();
    }
    world_.clock().advance_to(until);
    run();
  }
  void pause(Duration span) {
    run();
    world_.clock().advance(span);
    run();
  }

  // --- What must hold

  void check_after_turn() {
    // CONTRACT 20: of what the transport was given, no more than the window is unanswered.
    std::size_t under_way = 0;
    for (const auto& [id, seq] : seq_of_) {
      const Known& known = calls_[id];
      under_way += !known.outcome.ended() && !known.abandoned && !known.awaited;
    }
    for (const auto& held : held_) under_way -= held->call.done() && seq_of_.contains(held->id);
    MUST(under_way <= config_.window);
    if (stream_) MUST(stream_->stats().in_flight <= config_.window);
    for (const Known& known : calls_) MUST(known.outcome.times <= 1);
    // CONTRACT 5: close() has left nothing behind.
    for (auto& closing : closings_) {
      if (!closing.running->finished() || closing.checked) continue;
      closing.checked = true;
      for (std::size_t id = 0; id < closing.calls_before; ++id) {
        const Known& known = calls_[id];
        MUST(known.outcome.ended() || known.abandoned || known.awaited || is_held_and_done(id));
      }
    }
  }
  void check_all_ended() {
    for (const Known& known : calls_) {
      if (!known.abandoned) MUST(known.outcome.times == 1);
    }
  }
  void check_what_ran() {
    std::size_t neither_sent_nor_not = 0;
    for (std::size_t id = 0; id < calls_.size(); ++id) {
      const Known& known = calls_[id];
      const Outcome& outcome = known.outcome;
      if (!outcome.ended()) continue;
      if (outcome.kind == Response::Kind::success) {
        MUST(known.answered && outcome.msg == *known.answered);  // CONTRACT 6, 7: its own answer, and the first
        continue;
      }
      MUST(outcome.errc.has_value());
      if (outcome.ran == Ran::no) MUST(!seq_of_.contains(id));  // CONTRACT 13
      switch (*outcome.errc) {
        case Errc::deadline_exceeded:
          MUST(outcome.at >= known.deadline);  // CONTRACT 3
          break;
        case Errc::connection_lost:
        case Errc::closed:
          if (outcome.ran == Ran::maybe && !seq_of_.contains(id)) ++neither_sent_nor_not;
          break;
        case Errc::cancelled:
        case Errc::unreachable:
        case Errc::overloaded: break;
        default: broken(outcome.detail);
      }
    }
    // Only the call that the end cut in two.
    MUST(neither_sent_nor_not <= (written_.partial() > 0 ? 1u : 0u));
  }

  bool is_held_and_done(std::size_t id) const {
    return std::ranges::any_of(held_, [id](const auto& held) { return held->id == id && held->call.done(); });
  }

  struct Closing {
    std::unique_ptr<test::Running<void>> running;
    std::size_t calls_before;
    bool checked = false;
  };

  static constexpr std::uint32_t kAction = 5;

  ClientStreamConfig config_;
  std::string broken_;
  test::ManualWorld world_;
  std::deque<Known> calls_;
  std::optional<ClientStream> stream_;
  std::vector<std::unique_ptr<HeldCall>> held_;
  std::vector<Closing> closings_;

  test::FrameCutter<test::SeenRequest> written_;
  std::map<std::size_t, std::uint64_t> seq_of_;  // of the calls that were written whole, by their number
  std::vector<std::uint64_t> pings_;
  std::size_t pings_answered_ = 0;
  std::uint64_t last_seq_ = 0;
  std::uint64_t answers_sent_ = 0;
  base::Bytes half_;  // the rest of an answer that was begun
  test::ManualPeer server_;
};

RC_GTEST_PROP(ClientStreamRandomTest, EveryCallEndsOnceInTimeAndSaysWhetherItRan, ()) {
  ClientStreamConfig config = test::plain_config();
  config.window = pick_of<std::uint32_t>({1, 2, 5, 128});
  config.queue_calls_max = pick_of<std::uint32_t>({0, 3, 1024});
  config.write_buffer_max = pick_of<base::ByteCount>({100, 5000, 256 * base::kKiB});
  if (pick(0, 2) == 1) config.tick = pick_of<Duration>({10ms, 300ms, 1s});
  config.call_timeout = 9s;
  ClientScript script(config);
  for (int steps = pick(0, 250); steps > 0 && script.broken().empty(); --steps) script.step();
  if (script.broken().empty()) script.finish();
  RC_ASSERT(script.broken() == "");
}

}  // namespace
}  // namespace razor::stream
