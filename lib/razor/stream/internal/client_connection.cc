#include "razor/stream/internal/client_connection.h"

#include "razor/base/format.h"
#include "razor/base/out_of_memory.h"
#include "razor/base/time_text.h"

namespace razor::stream {

using base::CallError;
using base::Errc;
using base::LogLevel;
using base::Ran;
using base::TimePoint;
using Reason = Exchange::Reason;

namespace {

// A call whose caller stopped waiting: keeps its place in the window until the response or the deadline comes.
class AbandonedCall final : public Exchange {
 public:
  explicit AbandonedCall(Exchange&& exchange) : Exchange(std::move(exchange)) {}
  void on_response(const wire::ResponseFrame&) override { delete this; }
  void on_failed(CallError) override { delete this; }
  std::string describe() const override { return "an abandoned call"; }

 private:
  ~AbandonedCall() = default;
};

}  // namespace

ClientConnection::ClientConnection(const ClientStreamConfig& config, std::uint64_t client_id, const runtime::Address& peer,
                                   base::LogSink& log, ClientCallObserver* observer)
    : config_(config),
      peer_(peer),
      log_(log),
      observer_(observer),
      writer_(client_id, config_.limits),
      reader_(config.limits),
      hello_(config.hello),
      sent_(config.window),
      queue_(config.queue_calls_max, config.queue_bytes_max),
      deadlines_(config.tick),
      keepalive_(config.ping_interval, config.ping_timeout) {}

void ClientConnection::transition(State to, std::string why) {
  const bool is_allowed = (state_ == State::open && to != State::open) || (state_ == State::draining && to == State::ended);
  RAZOR_CHECK(is_allowed, "connection to {} cannot go from state {} to {}", peer_, static_cast<int>(state_),
              static_cast<int>(to));
  log_.log(LogLevel::debug, "connection to {}: {}", peer_, why);
  if (end_reason_.empty()) end_reason_ = std::move(why);
  const bool was_open = std::exchange(state_, to) == State::open;
  if (was_open && watcher_ != nullptr) watcher_->on_not_open();
}

// --- Submitting ------------------------------------------------------------------------------------------------------

void ClientConnection::note_options(Exchange& exchange, const CallOptions& options) {
  exchange.set_time(options.timeout.value_or(config_.call_timeout), options.deadline);
  exchange.format_ = options.format;
  exchange.was_told_unwanted_ = false;
  exchange.word_ = wire::call_word(options.attempt, options.idempotent, options.is_hedge, options.criticality);
}

wire::ByteSink& ClientConnection::begin(Exchange& exchange, const wire::Action& action, const CallOptions& options) {
  note_options(exchange, options);
  if (options.has_extension()) [[unlikely]]
    return begin_extended(exchange, action, options);
  return writer_.begin(action, goes_out_at_once());
}

wire::ByteSink& ClientConnection::begin_ping(Exchange& exchange, const CallOptions& options) {
  note_options(exchange, options);
  return writer_.begin_ping(goes_out_at_once());
}

// Why the call of the draft may not be sent, however much room there is. It is one of these.
CallError ClientConnection::refusal_of(const Exchange& exchange, const wire::FrameSizes& sizes) {
  if (writer_.fault() == RequestWriter::DraftFault::memory) return base::out_of_memory(Ran::no);
  if (writer_.fault() == RequestWriter::DraftFault::refused) return *std::exchange(draft_refusal_, std::nullopt);
  if (!writer_.action_is_valid()) {
    return CallError(Errc::encode, Ran::no,
                     base::format("call on {}: {:#x} is not the number of an action", peer_, writer_.action()));
  }
  if (!sizes.fit(config_.limits)) {
    return CallError(Errc::too_large, Ran::no, base::text_or_empty([&] {
                       return base::format(
                           "call {} on {}: {}; the limits are `limits` of the caller's ClientStreamConfig "
                           "and of the server's ServerConfig",
                           exchange.describe(), peer_, sizes.compared_to(config_.limits));
                     }));
  }
  return CallError(Errc::deadline_exceeded, Ran::no, base::text_or_empty([&] {
                     return base::format("call {} on {}: its time was over when it was submitted", exchange.describe(),
                                         peer_);
                   }));
}

void ClientConnection::commit(Exchange& exchange, base::Blob&& blob, TimePoint now) {
  const wire::FrameSizes sizes = writer_.sizes(blob.size());
  if (!writer_.is_valid(sizes) || exchange.has_no_time(now)) [[unlikely]]
    return refuse(exchange, refusal_of(exchange, sizes));
  if (!writer_.goes_out()) return enqueue(exchange, sizes, std::move(blob));
  note_time_left(exchange, now);
  if (!writer_.send(exchange, std::move(blob), sent_)) [[unlikely]]
    return refuse(exchange, base::out_of_memory(Ran::no));
  batch_has_call_ = batch_has_call_ || !writer_.is_ping();
  ++stats_.calls_submitted;
  if (is_observed()) [[unlikely]] {
    observer_->on_submitted(exchange, sizes.msg_bytes + sizes.blob_bytes, writer_.is_ping());
    observer_->on_sent(exchange);
  }
  deadlines_.submit(exchange);
  batch_is_open_ = true;
}

void ClientConnection::refuse(Exchange& exchange, CallError why) {
  writer_.abandon();
  ++stats_.calls_submitted;
  if (is_observed()) [[unlikely]]
    observer_->on_submitted(exchange, 0, writer_.is_ping());
  fail(exchange, Reason::refused, std::move(why));
}

std::optional<CallError> ClientConnection::refusal_of_waiting(const Exchange& exchange, base::ByteCount bytes) const {
  if (state_ != State::open) {
    const Errc errc = has_ended() ? Errc::unreachable : Errc::closed;
    return CallError(errc, Ran::no, base::format("call {} on {}: {}", exchange.describe(), peer_, end_reason_));
  }
  if (!sent_.has_seqs()) {
    return CallError(Errc::unreachable, Ran::no, base::format("connection to {} has used up its seqs", peer_));
  }
  if (!queue_.has_place_for(bytes)) {
    return CallError(
        Errc::overloaded, Ran::no,
        base::format("call {} on {}: {} calls with {} bytes wait already (limits {} and {})", exchange.describe(), peer_,
                     queue_.calls(), queue_.bytes(), queue_.calls_max(), queue_.bytes_max()));
  }
  return std::nullopt;
}

void ClientConnection::enqueue(Exchange& exchange, const wire::FrameSizes& sizes, base::Blob&& blob) {
  const base::ByteCount bytes = writer_.frame().size() + blob.size();
  if (auto refusal = refusal_of_waiting(exchange, bytes)) return refuse(exchange, *std::move(refusal));
  if (!base::catching_bad_alloc([&] { queue_.push(exchange, writer_.frame(), std::move(blob), writer_.action()); })) {
    return refuse(exchange, base::out_of_memory(Ran::no));
  }
  ++stats_.calls_submitted;
  if (is_observed()) [[unlikely]] {
    observer_->on_submitted(exchange, sizes.msg_bytes + sizes.blob_bytes, writer_.is_ping());
    observer_->on_queued(exchange);
  }
  deadlines_.submit(exchange);
  batch_is_open_ = true;
}

// FIFO: as many as there is room for.
void ClientConnection::start_queued(TimePoint now) {
  if (queue_.empty() || has_ended()) return;
  while (!queue_.empty() && can_send()) {
    Exchange& exchange = queue_.front();
    if (exchange.deadline() <= now) {  // its tick has not come yet
      expire(exchange);
      continue;
    }
    if (waits_for_hello(exchange)) break;
    const auto queued = queue_.take(exchange, Reason::room);
    // Its batch may not have ended yet: then its deadline is not reckoned, and only its timeout says how long it has.
    note_time_left(exchange, now);
    if (!writer_.send(exchange, *queued, sent_)) [[unlikely]] {
      fail(exchange, Reason::refused, base::out_of_memory(Ran::no));
      continue;
    }
    if (exchange.observation_) [[unlikely]]
      observer_->on_sent(exchange);
  }
  batch_is_open_ = true;
}

void ClientConnection::end_batch(TimePoint now) {
  batch_is_open_ = false;
  if (std::exchange(batch_has_call_, false) && !keepalive_.is_known()) get_acquainted(now);
  deadlines_.end_batch(now);
  stats_.in_flight_peak = std::max(stats_.in_flight_peak, sent_.window_used());
  if (sent_.any()) keepalive_.on_owed(now);
}

bool ClientConnection::has_room() {
  const bool has_room = goes_out_at_once();
  room_missed_ = room_missed_ || !has_room;
  return has_room;
}

void ClientConnection::note_room() {
  if (watcher_ == nullptr || !room_missed_ || !goes_out_at_once()) return;
  room_missed_ = false;
  watcher_->on_room();
}

// --- Writing ---------------------------------------------------------------------------------------------------------

void ClientConnection::on_written(std::size_t count, TimePoint now) {
  writer_.consume(count);
  ++stats_.writes;
  start_queued(now);
  note_room();
}

void ClientConnection::on_write_failed(const std::string& why) {
  if (state_ == State::open) transition(State::draining, why);
  can_write_ = false;
  sent_.for_each([&](Exchange& exchange) {
    if (writer_.has_begun(exchange)) return;
    sent_.remove(exchange, Reason::lost);
    fail(exchange, Reason::lost, CallError(Errc::connection_lost, Ran::no, why));
  });
  fail_queued(Reason::lost, Errc::connection_lost, why, false);
}

// --- Reading ---------------------------------------------------------------------------------------------------------

void ClientConnection::on_bytes(std::size_t count, TimePoint now) {
  reader_.commit(count);
  ++stats_.reads;
  stats_.bytes_received += count;
  note_bytes(now);
  while (true) {
    const wire::ResponseReader::Found found = reader_.next();
    if (found == wire::ResponseReader::Found::need_more) break;
    if (found == wire::ResponseReader::Found::fault) return on_faulty_head(reader_.faulty_head());
    if (!on_response(reader_.frame(), now)) return;
  }
  start_queued(now);
}

void ClientConnection::on_faulty_head(const wire::ResponseHead& head) {
  terminate(Errc::bad_frame, base::format("{} sent a broken head: magic {:#06x}, version {}, flag {}, message of {} "
                                          "bytes (limit {}), blob of {} (limit {})",
                                          peer_, head.magic, head.version, head.flag, head.msg_bytes(),
                                          config_.limits.msg_bytes_max, head.blob_bytes, config_.limits.blob_bytes_max));
}

// False when the connection has ended: a completion may have ended it, too.
bool ClientConnection::on_response(const wire::ResponseFrame& frame, TimePoint now) {
  if (hello_.is_asked() && !on_first_response(frame)) [[unlikely]]
    return false;
  Exchange* exchange = nullptr;
  switch (sent_.on_response(frame.head.seq, exchange)) {
    case SentCalls::Found::expected:
      end_nothing_owed();
      if (!writer_.has_begun(*exchange)) [[unlikely]] {
        fail(*exchange, Reason::lost,
             CallError(Errc::bad_frame, Ran::no, base::format("{} answered before it was asked", peer_)));
        break;
      }
      deliver(*exchange, frame, now);
      return !has_ended() && (can_write_ || !is_drained());
    case SentCalls::Found::prompt_pong:
      keepalive_.on_known();  // a later silence is not that of one who answers in order
      return true;
    case SentCalls::Found::pong: return true;
    case SentCalls::Found::late: ++stats_.responses_late; return true;
    case SentCalls::Found::never_sent:
      if (frame.head.seq == 0) {
        ++stats_.responses_control;
        on_control(frame);
        return true;
      }
      break;
  }
  terminate(Errc::bad_frame, base::format("{} answered seq {}, which was never sent", peer_, frame.head.seq));
  return false;
}

void ClientConnection::deliver(Exchange& exchange, const wire::ResponseFrame& frame, TimePoint now) {
  if (static_cast<wire::ResponseFlag>(frame.head.flag) == wire::ResponseFlag::framework_error) [[unlikely]] {
    if (hold_until_deadline(exchange, frame, now)) return;
  }
  DeadlineCheck::remove(exchange);
  ++stats_.calls_answered;
  if (exchange.observation_) [[unlikely]]
    observer_->on_response(exchange, frame);
  if (exchange.format_ == nullptr) [[likely]]
    return exchange.on_response(frame);
  wire::ResponseFrame in_format = frame;
  in_format.format = exchange.format_;
  exchange.on_response(in_format);
}

void ClientConnection::note_bytes(TimePoint now) {
  const bool was_silent = keepalive_.is_silent();
  keepalive_.on_bytes(now);
  end_nothing_owed();
  if (was_silent && watcher_ != nullptr) watcher_->on_heard();
}

// --- Time ------------------------------------------------------------------------------------------------------------

TimePoint ClientConnection::next_timer(TimePoint now) {
  TimePoint next = keepalive_.next_check();
  if (sent_.any() || !queue_.empty() || !held_.empty()) next = std::min(next, deadlines_.next_tick(now));
  return next;
}

void ClientConnection::check_deadlines(TimePoint now, bool input_pending) {
  if (has_ended()) return;
  deadlines_.check(now, input_pending, stats_.bytes_received,
                   [this](TimedCall& call) { expire(static_cast<Exchange&>(call)); });
  start_queued(now);
}

void ClientConnection::expire(Exchange& exchange) {
  if (exchange.state_ == Exchange::State::failing) {
    static_cast<base::ListLink<CallQueueTag>&>(exchange).unlink();
    return failures_.push(exchange);
  }
  const bool was_in_flight = exchange.state_ == Exchange::State::in_flight;
  std::string why = base::format("call {} on {}: no {} within {}", exchange.describe(), peer_,
                                 was_in_flight ? "answer" : "room in the window", base::seconds_text(exchange.timeout()));
  if (was_in_flight) {
    sent_.remove(exchange, Reason::deadline);
  } else {
    queue_.take(exchange, Reason::deadline);
  }
  fail(exchange, Reason::deadline, CallError(Errc::deadline_exceeded, was_in_flight ? Ran::maybe : Ran::no, std::move(why)));
}

// Right behind calls, so that a peer that answers pings at once shows it even if it answers the calls as they come. Not behind
// a ping: every peer answers two pings in their order.
void ClientConnection::get_acquainted(TimePoint now) {
  if (now < acquaint_at_ || state_ != State::open || !sent_.any() || !sent_.has_seqs() || hello_.is_asked()) return;
  acquaint_at_ = base::saturating_add(now, config_.acquaint_interval);
  if (config_.acquaint_interval != base::Duration::max()) append_ping();  // without memory the next one will do
}

bool ClientConnection::append_ping() {
  if (!writer_.send_ping(sent_)) return false;
  ++stats_.pings_sent;
  if (observer_ != nullptr) observer_->on_ping();
  return true;
}

void ClientConnection::check_peer(TimePoint now, const SentBytes& sent, bool input_pending) {
  const Keepalive::Verdict verdict = keepalive_.check(now, sent);
  switch (verdict) {
    case Keepalive::Verdict::alive: return;
    case Keepalive::Verdict::send_ping:
      if (!can_write_ || !sent_.may_ping()) return;
      if (!append_ping()) return terminate(Errc::connection_lost, base::format("no memory for a ping to {}", peer_));
      keepalive_.on_ping(writer_.appended());
      return;
    case Keepalive::Verdict::silent:
    case Keepalive::Verdict::dead: break;
  }
  if (input_pending) {
    // It counts, though nobody has read it yet.
    if (verdict == Keepalive::Verdict::dead) return note_bytes(now);
    keepalive_.on_bytes(now);
    return end_nothing_owed();
  }
  const std::string silence = base::seconds_text(now - keepalive_.silent_since());
  if (verdict == Keepalive::Verdict::dead) {
    return terminate(Errc::connection_lost,
                     base::format("{} sent nothing for {}, and its machine acknowledges nothing", peer_, silence));
  }
  ++stats_.silences;
  log_.log(LogLevel::info,
           "connection to {}: nothing came for {}, and a ping that arrived is not answered; its process is busy "
           "or stopped",
           peer_, silence);
  if (watcher_ != nullptr) watcher_->on_silent();
}

// --- Ends ------------------------------------------------------------------------------------------------------------

void ClientConnection::cancel(Exchange& exchange) {
  const bool is_in_flight = exchange.state_ == Exchange::State::in_flight;
  if (exchange.observation_) [[unlikely]]
    observer_->on_cancelled(exchange, is_in_flight);
  switch (exchange.state_) {
    case Exchange::State::idle:
    case Exchange::State::delegated:
    case Exchange::State::delegated_sent: return;
    case Exchange::State::in_flight:
      tell_unwanted(exchange);
      relocated(*new AbandonedCall(std::move(exchange)));  // owns itself
      break;
    case Exchange::State::queued: queue_.take(exchange, Reason::cancelled); break;
    case Exchange::State::failing:
      static_cast<base::ListLink<CallQueueTag>&>(exchange).unlink();
      exchange.transition(Exchange::State::idle, Reason::cancelled);
      break;
  }
  ++stats_.calls_abandoned;
  DeadlineCheck::remove(exchange);
  exchange.failure_.reset();
}

// The call is out of all lists but, perhaps, that of its deadline.
void ClientConnection::fail(Exchange& exchange, Reason why, CallError error) {
  DeadlineCheck::remove(exchange);
  exchange.transition(Exchange::State::failing, why);
  exchange.failure_ = std::make_unique<CallError>(std::move(error));
  failures_.push(exchange);
}

void ClientConnection::deliver_failures() {
  failures_.deliver([this](Exchange& exchange) {
    const std::unique_ptr<CallError> error = std::move(exchange.failure_);
    exchange.transition(Exchange::State::idle, Reason::delivered);
    ++stats_.calls_failed;
    if (exchange.observation_) [[unlikely]]
      observer_->on_failed(exchange, *error);
    exchange.on_failed(std::move(*error));
  });
}

void ClientConnection::fail_queued(Reason why, Errc errc, const std::string& detail, bool names_call) {
  while (!queue_.empty()) {
    Exchange& exchange = queue_.front();
    queue_.take(exchange, why);
    fail(exchange, why,
         CallError(errc, Ran::no, names_call ? base::format("call {}: {}", exchange.describe(), detail) : detail));
  }
}

void ClientConnection::drain(std::string why) {
  if (state_ == State::open) transition(State::draining, std::move(why));
}

void ClientConnection::terminate(Errc errc, std::string why) {
  if (has_ended()) return;
  transition(State::ended, why);
  batch_is_open_ = false;
  sent_.for_each([&](Exchange& exchange) {
    sent_.remove(exchange, Reason::lost);
    const bool is_whole = writer_.has_written(exchange);
    const bool is_cut_off = !is_whole && writer_.has_begun(exchange);
    fail(exchange, is_cut_off ? Reason::cut_off : Reason::lost,
         CallError(errc, is_whole ? Ran::maybe : Ran::no, base::format("call {}: {}", exchange.describe(), why)));
  });
  fail_queued(Reason::lost, errc, why, true);
  end_held(errc, why);
}

ClientStats ClientConnection::stats() const {
  ClientStats stats = stats_;
  stats.bytes_sent = writer_.consumed();
  stats.bytes_unsent = writer_.queued();
  stats.in_flight = sent_.window_used();
  stats.queued = queue_.calls();
  stats.queued_bytes = queue_.bytes();
  return stats;
}

}  // namespace razor::stream
