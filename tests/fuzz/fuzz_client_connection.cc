// A client's connection whose input is a script: calls are submitted, cancelled and moved, the transport takes bytes or
// breaks, time passes, and the peer sends responses, true ones and any bytes. Each call ends once; what goes out is whole
// frames, in order; a response reaches the call that it names; a call that says that it did not run was not sent.

#include <deque>
#include <memory>

#include "razor/stream/internal/client_connection.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/quiet_log.h"
#include "tests/fuzz/take_output.h"
#include "tests/support/frames.h"

namespace razor::fuzz {
namespace {

using namespace std::chrono_literals;
using base::Errc;
using base::Ran;
using base::TimePoint;
using stream::CallOptions;
using stream::ClientConnection;
using stream::ClientStreamConfig;

constexpr std::size_t kCallsMax = 64;
constexpr std::uint32_t kLimit = 200;  // of messages, and of blobs

// What a completion does beside noting the end of its call.
enum class Then : std::uint8_t { nothing, submit, cancel, drain, terminate };

/// What is known of a call, beyond its life.
struct Record {
  std::uint32_t id = 0;
  bool is_ping = false;
  bool ends_in_time = true;  // it has a deadline
  std::string message;
  std::string blob;
  Then then = Then::nothing;
  bool has_ended = false;
  bool was_cancelled = false;
  bool was_seen = false;  // the transport took all of its frame
  std::optional<Ran> ran;  // where it failed
};

class Script;

class Call final : public stream::Exchange {
 public:
  Call(Script& script, std::uint32_t id) : script_(script), id(id) {}
  Call(Call&&) noexcept = default;
  ~Call() = default;

  void on_response(const wire::ResponseFrame& response) override;
  void on_failed(base::CallError error) override;
  std::string describe() const override { return "a call of the script"; }

 private:
  Script& script_;

 public:
  const std::uint32_t id;
};

class Script {
 public:
  explicit Script(Input& input)
      : input_(input),
        runs_out_of_time_(!input.flag()),
        config_(read_config(input)),
        connection_(config_, 77, peer_, log_) {}
  ~Script() {
    terminate();
    settle();
    RAZOR_CHECK(calls_.empty(), "{} calls have not ended with their connection", calls_.size());
    const stream::ClientStats stats = connection_.stats();
    RAZOR_CHECK(stats.calls_submitted == records_.size(), "{} calls are counted of {}", stats.calls_submitted,
                records_.size());
    RAZOR_CHECK(stats.in_flight == 0 && stats.queued == 0, "{} in flight, {} queued at the end", stats.in_flight,
                stats.queued);
    for (const Record& record : records_) {
      RAZOR_CHECK(record.has_ended != record.was_cancelled, "call {} has ended {}", record.id, record.has_ended);
      RAZOR_CHECK(!record.was_seen || record.ran != Ran::no, "call {} was sent, and says that it did not run", record.id);
    }
  }

  void run() {
    while (!input_.empty()) {
      step();
      check();
    }
    if (runs_out_of_time_) run_out_of_time();
  }

  // --- What completions tell
  void on_response(Call& call, const wire::ResponseFrame& response) {
    Record& record = end(call);
    const wire::Seq seq = response.head.seq;
    if (seq <= seen_.size()) {
      RAZOR_CHECK(seen_[seq - 1] == record.id || record.is_ping, "call {} gets the response of seq {}", record.id, seq);
    } else {
      RAZOR_CHECK(seq == seen_.size() + 1 && cutter_.partial() > 0, "call {} is answered and was not asked", record.id);
    }
    follow(record);
  }
  void on_failed(Call& call, const base::CallError& error) {
    Record& record = end(call);
    record.ran = error.ran();
    RAZOR_CHECK(error.errc() != Errc::internal, "call {} failed: {}", record.id, error.message());
    follow(record);
  }

 private:
  static ClientStreamConfig read_config(Input& input) {
    constexpr base::Duration kAcquaint[] = {base::Duration::max(), 0s, 100ms};
    ClientStreamConfig config;
    config.window = 1 + input.below(8);
    config.queue_calls_max = input.below(8);
    config.queue_bytes_max = 1 + 4 * input.below(256);
    config.write_buffer_max = 1 + input.below(256);
    config.limits = {.action_bytes_max = 16, .msg_bytes_max = kLimit, .blob_bytes_max = kLimit};
    config.call_timeout = 10ms + 10ms * input.below(100);
    if (input.flag()) config.tick = 10ms;
    config.acquaint_interval = kAcquaint[input.below(std::size(kAcquaint))];
    config.ping_interval = 10ms + 10ms * input.below(50);
    config.ping_timeout = 10ms + 10ms * input.below(50);
    return config;
  }

  void step() {
    switch (input_.below(20)) {
      case 0:
      case 1:
      case 2: submit(input_.byte(), Then::nothing); break;
      case 3: submit(input_.byte(), static_cast<Then>(input_.below(5))); break;
      case 4: end_batch(); break;
      case 5: take(input_.below(64)); break;
      case 6: take(~std::size_t{0}); break;
      case 7:
      case 8: answer(); break;
      case 9: test::put_bytes(incoming_, input_.bytes(1 + input_.below(40))); break;
      case 10: receive(1 + input_.below(64)); break;
      case 11: receive(~std::size_t{0}); break;
      case 12: pass(1ms * input_.below(256)); break;
      case 13: on_timer(); break;
      case 14: cancel(input_.byte()); break;
      case 15: relocate(input_.byte()); break;
      case 16: connection_.deliver_failures(); break;
      case 17: fail_writes(); break;
      case 18: connection_.drain("the script says so"); break;
      default:
        if (input_.below(8) == 0) terminate();
        break;
    }
    obey();
  }

  void check() {
    const stream::ClientStats stats = connection_.stats();
    RAZOR_CHECK(stats.in_flight <= config_.window, "{} in flight", stats.in_flight);
    RAZOR_CHECK(stats.queued <= config_.queue_calls_max && stats.queued_bytes <= config_.queue_bytes_max,
                "{} queued, of {} bytes", stats.queued, stats.queued_bytes);
    RAZOR_CHECK(stats.bytes_sent == taken_ && stats.bytes_received == received_, "{} bytes sent of {}, {} received of {}",
                stats.bytes_sent, taken_, stats.bytes_received, received_);
    RAZOR_CHECK(!cutter_.broken(), "what goes out is no frame");
  }

  // --- Submitting
  void submit(std::uint8_t how, Then then) {
    if (records_.size() == kCallsMax) return;
    Record& record = records_.emplace_back();
    record.id = static_cast<std::uint32_t>(records_.size());
    record.then = then;
    Call& call = *calls_.emplace_back(std::make_unique<Call>(*this, record.id));
    CallOptions options;
    switch (how & 7) {
      case 1: options.timeout = 0s; break;
      case 2: options.timeout = 50ms; break;
      case 3: options.deadline = now_ + 20ms; break;
      case 4: options.deadline = now_; break;
      case 5:
        options.timeout = base::Duration::max();
        record.ends_in_time = false;
        break;
      default: break;
    }
    if ((how & 0x38) == 0x38) {
      record.is_ping = true;
      connection_.begin_ping(call, options);
      return connection_.commit(call, {}, now_);
    }
    static constexpr wire::Action kActions[] = {5u, 5u, 5u, "A.b", "A.b", 0u, 0x8000'0001u};  // 0 and the last one are none
    test::put_little(scratch_, record.id);
    record.message =
        std::string(base::as_text(scratch_)) + std::string((how >> 6) * 66u, 'm');  // at most 202 bytes: above the limit
    scratch_.clear();
    if ((how & 0x40) != 0) record.blob = std::string(input_.byte(), 'b');
    connection_.begin(call, kActions[(how >> 3) & 7], options).put(base::as_bytes(record.message));
    if ((how & 7) == 6) return connection_.refuse(call, base::CallError(Errc::encode, Ran::no, "the script says so"));
    connection_.commit(call, base::Blob::copy_of(record.blob), now_);
  }
  void end_batch() {
    if (!connection_.has_ended()) connection_.end_batch(now_);
  }
  std::unique_ptr<Call>* find(std::uint8_t number) { return calls_.empty() ? nullptr : &calls_[number % calls_.size()]; }
  void cancel(std::uint8_t number) {
    std::unique_ptr<Call>* call = find(number);
    if (call == nullptr) return;
    const std::unique_ptr<Call> gone = std::move(*call);
    forget(call);
    records_[gone->id - 1].was_cancelled = true;
    connection_.cancel(*gone);
  }
  void relocate(std::uint8_t number) {
    std::unique_ptr<Call>* call = find(number);
    if (call == nullptr) return;
    auto moved = std::make_unique<Call>(std::move(**call));
    connection_.relocated(*moved);
    *call = std::move(moved);
  }
  void forget(const std::unique_ptr<Call>* call) { calls_.erase(calls_.begin() + (call - calls_.data())); }

  // --- The end of a call: it is destroyed below its own completion.
  Record& end(Call& call) {
    Record& record = records_[call.id - 1];
    RAZOR_CHECK(!record.has_ended && !record.was_cancelled, "call {} ends twice", record.id);
    record.has_ended = true;
    const auto found = std::ranges::find(calls_, &call, &std::unique_ptr<Call>::get);
    RAZOR_CHECK(found != calls_.end(), "call {} is not there", record.id);
    calls_.erase(found);
    return record;
  }
  void follow(const Record& record) {
    switch (record.then) {
      case Then::nothing: break;
      case Then::submit: submit(0, Then::nothing); break;
      case Then::cancel: cancel(0); break;
      case Then::drain: connection_.drain("a completion says so"); break;
      case Then::terminate: terminate(); break;
    }
  }

  // --- The transport, and the loops, as in client_stream_core.cc
  bool can_write() const { return !connection_.has_ended() && connection_.can_write(); }
  void take(std::size_t count) {
    if (!can_write() || !connection_.has_output()) return;
    const std::size_t taken = take_output(connection_, cutter_, count);
    if (taken == 0) return;
    taken_ += taken;
    connection_.on_written(taken, now_);
    for (const test::SeenRequest& request : cutter_.take()) note_seen(request);
  }
  void note_seen(const test::SeenRequest& request) {
    seen_.push_back(0);
    RAZOR_CHECK(request.seq == seen_.size() && request.client_id == 77, "seq {} behind {}", request.seq, seen_.size() - 1);
    if (request.is_ping) return;
    base::ByteView message = base::as_bytes(request.msg);
    RAZOR_CHECK(message.size() >= 4, "a message of {} bytes", message.size());
    const auto id = test::take_little<std::uint32_t>(message);
    RAZOR_CHECK(id > last_seen_ && id <= records_.size(), "call {} goes out behind {}", id, last_seen_);
    Record& record = records_[id - 1];
    RAZOR_CHECK(request.msg == record.message && request.blob == record.blob, "call {} goes out with another body", id);
    record.was_seen = true;
    last_seen_ = seen_.back() = id;
  }
  void fail_writes() {
    if (!can_write() || !connection_.has_output()) return;
    connection_.on_write_failed("the script says so");
  }
  void answer() {
    test::AnswerBytes frame;
    const std::uint32_t which = input_.byte();
    frame.seq = which == 0xff ? 0 : which == 0xfe ? seen_.size() + 1 : 1 + which % (seen_.size() + 1);
    const std::uint32_t kind = input_.byte();
    frame.flag = kind % 16 == 15 ? 3 : kind % 3;
    frame.body = base::to_bytes(input_.bytes(kind >> 4));
    (frame.flag == 2 ? frame.blob_length : frame.msg_length) = static_cast<std::uint32_t>(frame.body.size());
    if (frame.flag == 1) frame.body.clear();
    test::put_bytes(incoming_, frame.bytes());
  }
  void receive(std::size_t count) {
    while (count > 0 && !incoming_.empty() && !connection_.has_ended()) {
      const base::MutableBytes room = connection_.prepare();
      RAZOR_CHECK(!room.empty(), "no room to read into");
      const std::size_t read = std::min({room.size(), count, incoming_.size()});
      std::copy_n(incoming_.begin(), read, room.begin());
      incoming_.erase(incoming_.begin(), incoming_.begin() + static_cast<std::ptrdiff_t>(read));
      received_ += read;
      count -= read;
      connection_.on_bytes(read, now_);
      if (connection_.awaits_input()) check_deadlines();
      if (connection_.batch_is_open()) end_batch();
      obey();
    }
  }
  void obey() {
    if (connection_.is_drained() && !connection_.can_write())
      connection_.terminate(Errc::connection_lost, "nothing is owed");
    if (connection_.has_ended()) incoming_.clear();
  }
  void terminate() {
    connection_.terminate(Errc::closed, "the script says so");
    connection_.deliver_failures();
  }

  // --- Time
  void pass(base::Duration span) { now_ += span; }
  void check_deadlines() { connection_.check_deadlines(now_, !incoming_.empty()); }
  void on_timer() {
    end_batch();
    if (!connection_.awaits_input()) check_deadlines();
    if (connection_.has_ended() || !connection_.peer_is_due(now_)) return;
    const base::ByteCount lag = std::min<base::ByteCount>(taken_, input_.byte());
    connection_.check_peer(now_, {taken_ - lag, lag}, !incoming_.empty());
  }
  void settle() {
    for (int turns = 0; connection_.has_failures(); ++turns) {
      RAZOR_CHECK(turns < 1000, "calls fail for ever");
      connection_.deliver_failures();
      obey();
    }
  }
  bool waits_for_a_deadline() const {
    return std::ranges::any_of(calls_, [&](const auto& call) { return records_[call->id - 1].ends_in_time; });
  }
  // The peer says nothing more: whatever has a deadline ends by it.
  void run_out_of_time() {
    receive(~std::size_t{0});
    settle();
    for (int turns = 0; waits_for_a_deadline(); ++turns) {
      RAZOR_CHECK(turns < 3000, "a call outlives its deadline");
      end_batch();
      const TimePoint next = connection_.next_timer(now_);
      RAZOR_CHECK(next != TimePoint::max(), "a call waits, and no timer");
      now_ = std::max(now_, next);
      on_timer();
      obey();
      settle();
    }
  }

  Input& input_;
  const bool runs_out_of_time_;  // else the connection is terminated while calls are under way
  QuietLog log_;
  const runtime::Address peer_ = runtime::Address::tcp("10.0.0.1", 80);
  const ClientStreamConfig config_;
  TimePoint now_{1000s};
  std::deque<Record> records_;
  std::vector<std::unique_ptr<Call>> calls_;  // those that have not ended
  ClientConnection connection_;

  base::Bytes scratch_;
  base::Bytes incoming_;  // what the peer sent, and is not read
  base::ByteCount received_ = 0;
  base::ByteCount taken_ = 0;
  test::FrameCutter<test::SeenRequest> cutter_;
  std::vector<std::uint32_t> seen_;  // by seq: the call, 0 for a ping
  std::uint32_t last_seen_ = 0;
};

void Call::on_response(const wire::ResponseFrame& response) { script_.on_response(*this, response); }
void Call::on_failed(base::CallError error) { script_.on_failed(*this, error); }

}  // namespace
}  // namespace razor::fuzz

RAZOR_FUZZ_TARGET(client_connection) {
  razor::fuzz::Script script(input);
  script.run();
}
