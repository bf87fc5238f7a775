#include "razor/stream/client_stream.h"

#include "razor/base/format.h"
#include "razor/base/out_of_memory.h"
#include "razor/runtime/event.h"
#include "razor/runtime/task_scope.h"
#include "razor/runtime/with_deadline.h"
#include "razor/stream/client_session.h"
#include "razor/stream/client_task.h"
#include "razor/stream/end_elsewhere.h"
#include "razor/wire/frame_reader.h"
#include "razor/wire/frame_writer.h"
#include "razor/wire/output_buffer.h"
#include "razor/wire/wire_error.h"

namespace razor::stream {
namespace {

using base::CallError;
using base::Errc;
using base::LogLevel;
using base::Ran;
using base::Ref;

constexpr std::size_t kBuffersInAWrite = 16;

// A call whose caller stopped waiting: keeps its place in the window until the answer or the deadline comes.
class AbandonedCall final : public PendingCall {
 public:
  explicit AbandonedCall(PendingCall&& call) : PendingCall(std::move(call)) {}
  void answered(const wire::ResponseFrame&) override { delete this; }
  void failed(CallError) override { delete this; }
  std::string describe() const override { return "an abandoned call"; }

 private:
  ~AbandonedCall() = default;
};

// For traces: what an answer says, in a word or two.
std::string outcome_of(const wire::ResponseFrame& answer) {
  switch (static_cast<wire::ResponseFlag>(answer.head.flag)) {
    case wire::ResponseFlag::success: return "ok";
    case wire::ResponseFlag::error_number: return base::format("error {}", answer.head.msg_bytes_or_number);
    case wire::ResponseFlag::error_bytes: break;
  }
  const std::optional<Errc> errc = wire::errc_of(base::as_text(answer.blob));
  return errc ? std::string(name_of(*errc)) : "error";
}

std::string in_seconds(base::Duration span) { return base::format("{:g} s", std::chrono::duration<double>(span).count()); }

}  // namespace

// One connection: owned by its ClientStream, and by its loops while they run.
class ClientStreamCore final : public Channel, public base::RefCounted, public runtime::RuntimeObject {
 public:
  ClientStreamCore(runtime::Runtime& runtime, std::unique_ptr<runtime::ByteStream> stream,
                   const ClientStreamConfig& config);

  void start() {
    loops_.spawn("ClientStream::read_loop", read_loop(Ref(this)));
    loops_.spawn("ClientStream::write_loop", write_loop(Ref(this)));
  }

  wire::ByteSink& begin(PendingCall& call, const wire::Action& action, const CallOptions& options) override;
  void commit(PendingCall& call, base::Blob&& blob) override;
  void refuse(PendingCall& call, CallError why) override;
  /// The call that is begun next is a ping.
  void expect_ping() { ping_next_ = true; }

  bool has_room() {
    const bool has_room = state_ == State::open && queue_.empty() && can_send();
    room_missed_ = room_missed_ || !has_room;
    return has_room;
  }
  bool has_seqs() const { return session_.has_seqs(); }
  bool is_silent() const { return state_ != State::ended && session_.keepalive().is_silent(); }
  base::TimePoint heard_at() const { return session_.keepalive().silent_since(); }
  void watch(ClientStreamWatcher* watcher) { watcher_ = watcher; }

  static runtime::Task<void> close(Ref<ClientStreamCore> self, base::Duration limit);
  /// Ends the connection; all calls fail with `errc`, those that were never sent with ran: no. `why` is for a person.
  void end(Errc errc, std::string why);
  /// The handle goes: nothing completes after this.
  void end_by_owner();

  bool is_open() const { return state_ == State::open; }
  const std::string& end_reason() const { return end_reason_; }
  const runtime::Address& peer() const { return peer_; }
  ClientStats stats() const;

 private:
  enum class State {
    open,
    draining,  // takes no new calls; what is owed may still come
    ended,
  };
  using CallQueue = base::IntrusiveList<PendingCall, CallQueueTag>;

  // RuntimeObject
  void end_with_runtime() override { end_by_owner(); }
  std::string object_name() const override { return base::format("the ClientStream to {}", peer_); }

  // --- What arrives
  static runtime::Task<void> read_loop(Ref<ClientStreamCore> self);
  bool read_some(std::size_t count);
  bool on_answer(const wire::ResponseFrame& frame);

  // --- What goes out
  static runtime::Task<void> write_loop(Ref<ClientStreamCore> self);
  bool can_send() const {
    return session_.has_room() && session_.has_seqs() && out_.queued() < config_.write_buffer_max;
  }
  bool has_no_time(const PendingCall& call) const;
  wire::RequestHead head_of(const PendingCall& call, base::ByteView frame, const base::Blob& blob) const;
  void enqueue(PendingCall& call, base::Blob&& blob);
  void admit_queued();
  void note_room();
  void leave_queue(PendingCall& call);
  // The transport has taken a part of its frame at least. A write that waits has taken nothing (byte_stream.h).
  bool was_sent(const PendingCall& call) const { return call.sent_from_ < out_.consumed(); }
  // Only a whole frame can be dispatched: what the transport has not taken when the connection ends is never sent.
  bool was_sent_whole(const PendingCall& call) const { return call.sent_until_ <= out_.consumed(); }

  // --- Time
  void schedule_settling() {
    if (!settling_.is_linked()) spawner().make_ready(settling_);
  }
  void settle();
  void on_timer();
  void arm_timer(base::TimePoint now);
  void look_at_deadlines(base::TimePoint now);
  void fail_due();
  void expire(PendingCall& call);
  void look_at_peer(base::TimePoint now);
  SentBytes sent_bytes() const;
  void note_bytes(base::TimePoint now);
  void get_acquainted(base::TimePoint now);
  bool append_ping();

  // --- Ends of calls
  void abandon(PendingCall& call) override;
  void relocated(PendingCall& to) override {
    if (to.where_ == PendingCall::Where::in_flight) session_.relocated(to);
  }
  void fail_later(PendingCall& call, CallError error);
  void deliver_failures();
  void drop_unsent(const std::string& why);
  void note_progress_of_draining();

  // --- For who traces: called only where somebody does, or did when the call began
  [[gnu::cold]] void trace_begin(PendingCall& call);
  [[gnu::cold]] void trace_number(const PendingCall& call);
  [[gnu::cold]] void trace_event(runtime::SpanId span, std::string_view name);
  [[gnu::cold]] void trace_answered(PendingCall& call, const wire::ResponseFrame& answer);
  [[gnu::cold]] void trace_failed(PendingCall& call, const CallError& error);
  [[gnu::cold]] void trace_end(PendingCall& call, const runtime::SpanEnd& end);

  // --- State
  void transition(State to, std::string why);

  struct Settling final : runtime::Ready {
    explicit Settling(ClientStreamCore& owner)
        : Ready([](Ready& ready) { static_cast<Settling&>(ready).core.settle(); }), core(owner) {}
    ClientStreamCore& core;
  };
  struct Delivering final : runtime::Ready {
    explicit Delivering(ClientStreamCore& owner)
        : Ready([](Ready& ready) { static_cast<Delivering&>(ready).core.deliver_failures(); }), core(owner) {}
    ClientStreamCore& core;
  };
  struct SessionTimer final : runtime::Timer {
    SessionTimer(runtime::Clock& clock, ClientStreamCore& owner)
        : Timer(clock, [](Timer& timer) { static_cast<SessionTimer&>(timer).core.on_timer(); }), core(owner) {}
    ClientStreamCore& core;
  };

  // The call between `begin` and `commit`.
  struct Begun {
    bool direct = false;  // built in `out_`; else in `scratch_`
    std::uint32_t action = 0;
    std::size_t name_bytes = 0;
    bool is_ping = false;
    bool memory_refused = false;
    // 0 is the ping, and a number that has the bit of names would be read as the length of one.
    bool action_is_valid() const {
      return (action != 0 || is_ping) && ((action & wire::Action::kNameBit) != 0 ? action & wire::Action::kNumberMax : 0) == name_bytes;
    }
  };

  ClientStreamConfig config_;
  runtime::Clock& clock_;
  std::unique_ptr<runtime::ByteStream> stream_;  // null once ended
  runtime::Address local_;
  runtime::Address peer_;
  std::uint64_t client_id_;
  State state_ = State::open;
  std::string end_reason_;

  ClientSession session_;
  wire::ResponseReader reader_;
  wire::OutputBuffer out_;
  runtime::Event write_wanted_;
  bool can_write_ = true;  // false once a write has failed
  Begun begun_;
  bool ping_next_ = false;
  wire::BytesSink scratch_;

  DeadlineList fresh_;  // calls whose deadline is reckoned when the batch is settled
  DeadlineList due_;    // calls that end unless their answer is among the bytes that can be read already
  base::ByteCount due_after_received_ = 0;
  CallQueue queue_;
  std::size_t queued_ = 0;
  base::ByteCount queued_bytes_ = 0;
  CallQueue refused_;  // calls that fail in a turn of their own
  CallQueue failing_;  // those of them whose turn it is
  Settling settling_;
  Delivering delivering_;
  SessionTimer timer_;

  base::TimePoint acquaint_at_ = base::TimePoint::min();
  ClientStreamWatcher* watcher_ = nullptr;
  bool room_missed_ = false;  // somebody was told that there is none

  runtime::Event drained_;
  ClientStats stats_;
  runtime::TaskScope loops_;
};

ClientStreamCore::ClientStreamCore(runtime::Runtime& runtime, std::unique_ptr<runtime::ByteStream> stream,
                                   const ClientStreamConfig& config)
    : Channel(runtime),
      RuntimeObject(runtime.spawner()),
      config_(config),
      clock_(runtime.clock()),
      stream_(std::move(stream)),
      local_(stream_->local_address()),
      peer_(stream_->peer_address()),
      client_id_(runtime.random().seed_for("ClientStream client_id")),
      session_(config),
      reader_(config.limits),
      write_wanted_(runtime.spawner()),
      settling_(*this),
      delivering_(*this),
      timer_(runtime.clock(), *this),
      drained_(runtime.spawner()),
      loops_(runtime.spawner()) {}

void ClientStreamCore::transition(State to, std::string why) {
  const bool allowed = (state_ == State::open && to != State::open) ||
                       (state_ == State::draining && to == State::ended);
  RAZOR_CHECK(allowed, "connection to {} cannot go from state {} to {}", peer_, static_cast<int>(state_),
              static_cast<int>(to));
  runtime().log().log(LogLevel::debug, "connection to {}: {}", peer_, why);
  if (end_reason_.empty()) end_reason_ = std::move(why);
  const bool was_open = std::exchange(state_, to) == State::open;
  if (was_open && watcher_ != nullptr) watcher_->on_not_open();
}

// --- Submitting ------------------------------------------------------------------------------------------------------

wire::ByteSink& ClientStreamCore::begin(PendingCall& call, const wire::Action& action, const CallOptions& options) {
  check_use();
  call.channel_ = this;
  call.timeout_ = options.timeout.value_or(config_.call_timeout);
  call.deadline_ = options.deadline;
  call.format_ = options.format;
  begun_.action = wire::action_field(action);
  begun_.name_bytes = action.name().size();
  begun_.is_ping = std::exchange(ping_next_, false);
  begun_.memory_refused = false;
  begun_.direct = state_ == State::open && queue_.empty() && can_send();
  if (begun_.direct) {
    try {
      out_.begin_frame();
      wire::begin_request(out_, action);
      return out_;
    } catch (const std::bad_alloc&) {
      out_.abandon_frame();
      begun_.direct = false;
      begun_.memory_refused = true;
    }
  }
  scratch_.clear();
  if (!base::with_memory([&] { wire::begin_request(scratch_, action); })) begun_.memory_refused = true;
  return scratch_;
}

// Of the call that was begun: all but the seq.
wire::RequestHead ClientStreamCore::head_of(const PendingCall& call, base::ByteView frame, const base::Blob& blob) const {
  wire::RequestHead head;
  if (call.format_ != nullptr) [[unlikely]] head.format = call.format_->id();
  if (begun_.action == 0) head.format = wire::kPromptPingFormat;
  head.action = begun_.action;
  head.client_id = client_id_;
  head.msg_bytes = static_cast<std::uint32_t>(frame.size() - wire::kRequestHeadBytes - head.name_bytes());
  head.blob_bytes = static_cast<std::uint32_t>(blob.size());
  return head;
}

void ClientStreamCore::commit(PendingCall& call, base::Blob&& blob) {
  if (begun_.memory_refused) [[unlikely]] {
    refuse(call, base::out_of_memory(Ran::no));
    return;
  }
  const base::ByteView frame = begun_.direct ? base::ByteView(out_.frame()) : scratch_.view();
  const wire::FrameSizes sizes{begun_.name_bytes, frame.size() - wire::kRequestHeadBytes - begun_.name_bytes, blob.size()};
  if (!begun_.action_is_valid()) [[unlikely]] {
    refuse(call, CallError(Errc::encode, Ran::no,
                           base::format("call on {}: {:#x} is not the number of an action", peer_, begun_.action)));
    return;
  }
  if (!sizes.fit(config_.limits)) [[unlikely]] {
    refuse(call, CallError(Errc::too_large, Ran::no, base::text_with_memory([&] {
                             return base::format("call {} on {}: {}; the limits are `limits` of the caller's ClientStreamConfig "
                                                "and of the server's ServerConfig",
                                                call.describe(), peer_, sizes.compared_to(config_.limits));
                           })));
    return;
  }
  if (has_no_time(call)) [[unlikely]] {
    refuse(call, CallError(Errc::deadline_exceeded, Ran::no, base::text_with_memory([&] {
                             return base::format("call {} on {}: its time was over when it was submitted",
                                                 call.describe(), peer_);
                           })));
    return;
  }
  if (!begun_.direct) {
    enqueue(call, std::move(blob));
    return;
  }
  wire::RequestHead head = head_of(call, frame, blob);
  call.sent_from_ = out_.appended();
  std::byte* at = nullptr;
  if (!base::with_memory([&] { at = out_.end_frame(std::move(blob)); })) [[unlikely]] {
    refuse(call, base::out_of_memory(Ran::no));
    return;
  }
  call.sent_until_ = out_.appended();
  ++stats_.calls_submitted;
  head.seq = session_.send(call);
  wire::store_head(at, head);
  if (runtime().trace() != nullptr) [[unlikely]] {
    trace_begin(call);
    trace_number(call);
  }
  fresh_.push_back(call);
  schedule_settling();
}

bool ClientStreamCore::has_no_time(const PendingCall& call) const {
  if (call.timeout_ <= base::Duration::zero()) return true;
  return call.deadline_ != base::TimePoint::max() && call.deadline_ <= clock_.now();
}

void ClientStreamCore::refuse(PendingCall& call, CallError why) {
  if (begun_.direct) out_.abandon_frame();
  begun_.direct = false;
  ++stats_.calls_submitted;
  if (runtime().trace() != nullptr) trace_begin(call);
  fail_later(call, std::move(why));
}

// The call waits for the window. Its head is written now, all but the seq.
void ClientStreamCore::enqueue(PendingCall& call, base::Blob&& blob) {
  if (state_ != State::open) {
    const Errc errc = state_ == State::ended ? Errc::unreachable : Errc::closed;
    refuse(call, CallError(errc, Ran::no, base::format("call {} on {}: {}", call.describe(), peer_, end_reason_)));
    return;
  }
  if (!session_.has_seqs()) {
    refuse(call, CallError(Errc::unreachable, Ran::no, base::format("connection to {} has used up its seqs", peer_)));
    return;
  }
  const base::ByteCount bytes = scratch_.size() + blob.size();
  if (queued_ >= config_.queue_calls_max || queued_bytes_ + bytes > config_.queue_bytes_max) {
    refuse(call, CallError(Errc::overloaded, Ran::no,
                           base::format("call {} on {}: {} calls with {} bytes wait already (limits {} and {})",
                                       call.describe(), peer_, queued_, queued_bytes_, config_.queue_calls_max,
                                       config_.queue_bytes_max)));
    return;
  }
  base::Bytes frame;
  if (!base::with_memory([&] { frame = base::to_bytes(scratch_.view()); })) {
    refuse(call, base::out_of_memory(Ran::no));
    return;
  }
  ++stats_.calls_submitted;
  call.held_ = std::make_unique<PendingCall::Held>();
  call.held_->frame = std::move(frame);
  call.held_->blob = std::move(blob);
  wire::store_head(call.held_->frame.data(), head_of(call, call.held_->frame, call.held_->blob));
  call.where_ = PendingCall::Where::queued;
  queue_.push_back(call);
  ++queued_;
  queued_bytes_ += bytes;
  if (runtime().trace() != nullptr) [[unlikely]] {
    trace_begin(call);
    trace_event(call.span_, "waits for room");
  }
  fresh_.push_back(call);
  schedule_settling();
}

void ClientStreamCore::leave_queue(PendingCall& call) {
  static_cast<base::ListLink<CallQueueTag>&>(call).unlink();
  --queued_;
  queued_bytes_ -= call.held_->frame.size() + call.held_->blob.size();
}

void ClientStreamCore::admit_queued() {
  if (queue_.empty() || state_ == State::ended) return;
  const base::TimePoint now = clock_.now();
  while (!queue_.empty() && can_send()) {
    PendingCall& call = queue_.front();
    if (call.deadline_ <= now) {  // its tick has not come yet
      expire(call);
      continue;
    }
    leave_queue(call);
    const std::unique_ptr<PendingCall::Held> held = std::move(call.held_);
    call.sent_from_ = out_.appended();
    wire::RequestHead head = wire::load_request_head(held->frame.data());
    std::byte* at = nullptr;
    try {
      out_.begin_frame();
      out_.put(held->frame);
      at = out_.end_frame(std::move(held->blob));
    } catch (const std::bad_alloc&) {
      out_.abandon_frame();
      fail_later(call, base::out_of_memory(Ran::no));
      continue;
    }
    call.sent_until_ = out_.appended();
    head.seq = session_.send(call);
    wire::store_head(at, head);
    if (call.span_ != runtime::kNoSpan) [[unlikely]] trace_number(call);
  }
  schedule_settling();
}

// Behind all that may have made room.
void ClientStreamCore::note_room() {
  if (watcher_ == nullptr || !room_missed_ || state_ != State::open || !queue_.empty() || !can_send()) return;
  room_missed_ = false;
  watcher_->on_room();
}

// --- Writing ---------------------------------------------------------------------------------------------------------

runtime::Task<void> ClientStreamCore::write_loop(Ref<ClientStreamCore> self) {
  std::array<base::ByteView, kBuffersInAWrite> buffers;
  while (self->state_ != State::ended) {
    if (self->out_.empty()) {
      self->write_wanted_.reset();
      co_await self->write_wanted_.wait();
      continue;
    }
    const std::size_t count = self->out_.gather(buffers);
    const auto written = co_await self->stream_->write(std::span(buffers).first(count));
    if (self->state_ == State::ended) break;
    if (!written) {
      // Answers that arrived before may still be read; read_loop sees the end.
      const std::string why = base::format("write to {}: {}", self->peer_, written.error().message());
      if (self->state_ == State::open) self->transition(State::draining, why);
      self->can_write_ = false;
      self->drop_unsent(why);
      break;
    }
    self->out_.consume(*written);
    ++self->stats_.writes;
    self->admit_queued();
    self->note_room();
  }
}

// Nothing goes out any more: what was not sent fails, what was may still be answered.
void ClientStreamCore::drop_unsent(const std::string& why) {
  session_.for_each_in_flight([&](PendingCall& call) {
    if (was_sent(call)) return;
    session_.end(call);
    fail_later(call, CallError(Errc::connection_lost, Ran::no, why));
  });
  while (!queue_.empty()) {
    PendingCall& call = queue_.front();
    leave_queue(call);
    fail_later(call, CallError(Errc::connection_lost, Ran::no, why));
  }
  note_progress_of_draining();
}

// --- Reading ---------------------------------------------------------------------------------------------------------

runtime::Task<void> ClientStreamCore::read_loop(Ref<ClientStreamCore> self) {
  while (self->state_ != State::ended) {
    base::MutableBytes room;
    try {
      room = self->reader_.prepare();
    } catch (const std::bad_alloc&) {
      self->end(Errc::connection_lost, base::format("read from {}: out of memory", self->peer_));
      co_return;
    }
    const auto count = co_await self->stream_->read(room);
    if (self->state_ == State::ended) co_return;
    if (!count) {
      self->end(Errc::connection_lost, base::format("read from {}: {}", self->peer_, count.error().message()));
      co_return;
    }
    if (*count == 0) {
      self->end(Errc::connection_lost, base::format("{} closed the connection", self->peer_));
      co_return;
    }
    if (!self->read_some(*count)) co_return;
  }
}

// False when the connection has ended.
bool ClientStreamCore::read_some(std::size_t count) {
  reader_.commit(count);
  ++stats_.reads;
  stats_.bytes_received += count;
  note_bytes(clock_.now());
  while (true) {
    switch (reader_.next()) {
      case wire::ResponseReader::Found::frame:
        if (!on_answer(reader_.frame())) return false;
        continue;
      case wire::ResponseReader::Found::fault:
        end(Errc::bad_frame, base::format("{} sent a broken head: magic {:#06x}, version {}, flag {}, message of {} "
                                         "bytes (limit {}), blob of {} (limit {})",
                                         peer_, reader_.faulty_head().magic, reader_.faulty_head().version,
                                         reader_.faulty_head().flag, reader_.faulty_head().msg_bytes(),
                                         config_.limits.msg_bytes_max, reader_.faulty_head().blob_bytes,
                                         config_.limits.blob_bytes_max));
        return false;
      case wire::ResponseReader::Found::need_more: break;
    }
    break;
  }
  admit_queued();
  if (!due_.empty() && stats_.bytes_received >= due_after_received_) {
    fail_due();
    look_at_deadlines(clock_.now());
  }
  if (state_ == State::ended) return false;
  note_room();
  // What the completions submitted goes out before more is read, so that both ends work at a time.
  if (settling_.is_linked()) {
    settling_.unlink();
    settle();
  }
  return true;
}

// False when the connection has ended: also a completion may have ended it.
bool ClientStreamCore::on_answer(const wire::ResponseFrame& frame) {
  PendingCall* call;
  switch (session_.on_answer(frame.head.seq, call)) {
    case ClientSession::Answer::expected:
      if (!was_sent(*call)) [[unlikely]] {
        fail_later(*call, CallError(Errc::bad_frame, Ran::no, base::format("{} answered before it was asked", peer_)));
        break;
      }
      ++stats_.calls_answered;
      if (call->span_ != runtime::kNoSpan) [[unlikely]] trace_answered(*call, frame);
      if (call->format_ != nullptr) [[unlikely]] {
        wire::ResponseFrame in_format = frame;
        in_format.format = call->format_;
        call->answered(in_format);
      } else {
        call->answered(frame);
      }
      if (state_ == State::draining) note_progress_of_draining();
      return state_ != State::ended;
    case ClientSession::Answer::pong: return true;
    case ClientSession::Answer::late: ++stats_.answers_late; return true;
    case ClientSession::Answer::never_sent:
      if (frame.head.seq == 0) {
        ++stats_.answers_control;
        return true;
      }
      break;
  }
  end(Errc::bad_frame, base::format("{} answered seq {}, which was never sent", peer_, frame.head.seq));
  return false;
}

// --- Time ------------------------------------------------------------------------------------------------------------

// Once after each batch of submissions: one look at the clock for all their deadlines, one write for all their frames.
void ClientStreamCore::settle() {
  const base::TimePoint now = clock_.now();
  if (!fresh_.empty() && !session_.keepalive().is_known()) get_acquainted(now);
  while (DeadlineEntry* entry = fresh_.pop_front()) {
    auto& call = static_cast<PendingCall&>(*entry);
    call.deadline_ = std::min(call.deadline_, base::saturating_add(now, call.timeout_));
    session_.deadlines().insert(call, call.deadline_, now);
  }
  stats_.in_flight_peak = std::max(stats_.in_flight_peak, session_.window().used());
  if (session_.owes()) session_.keepalive().on_owed(now);
  arm_timer(now);
  if (!out_.empty()) write_wanted_.set();
}

void ClientStreamCore::arm_timer(base::TimePoint now) {
  base::TimePoint next = session_.keepalive().next_check();
  if (session_.owes() || !queue_.empty()) next = std::min(next, session_.deadlines().next_tick(now));
  if (next != base::TimePoint::max() && (!timer_.armed() || timer_.at() > next)) timer_.arm(next);
}

void ClientStreamCore::on_timer() {
  const Ref self(this);
  settle();
  const base::TimePoint now = clock_.now();
  look_at_deadlines(now);
  if (state_ != State::ended) look_at_peer(now);
  if (state_ != State::ended) arm_timer(now);
}

// Answers that can be read already come first, also after the process was stopped for a while: then what is due ends
// only when those bytes have been looked at.
void ClientStreamCore::look_at_deadlines(base::TimePoint now) {
  if (!due_.empty() || state_ == State::ended) return;
  session_.deadlines().expire(now, due_);
  if (due_.empty()) return;
  const std::size_t readable = stream_->bytes_readable();
  if (readable > 0) {
    due_after_received_ = stats_.bytes_received + readable;
    return;
  }
  fail_due();
}

void ClientStreamCore::fail_due() {
  while (DeadlineEntry* entry = due_.pop_front()) expire(static_cast<PendingCall&>(*entry));
  admit_queued();
  note_room();
  deliver_failures();
  note_progress_of_draining();
}

void ClientStreamCore::expire(PendingCall& call) {
  const bool was_sent = call.where_ == PendingCall::Where::in_flight;
  const std::string why =
      base::format("call {} on {}: no {} within {}", call.describe(), peer_,
                  was_sent ? "answer" : "room in the window", in_seconds(call.timeout_));
  if (was_sent) {
    session_.end(call);
  } else {
    leave_queue(call);
  }
  fail_later(call, CallError(Errc::deadline_exceeded, was_sent ? Ran::maybe : Ran::no, why));
}

SentBytes ClientStreamCore::sent_bytes() const {
  if (!can_write_) return {0, 1};  // nothing that is sent will be acknowledged any more
  const base::ByteCount taken = out_.consumed();
  const std::optional<runtime::Unacknowledged> unacknowledged = stream_->unacknowledged();
  if (!unacknowledged) return {taken, 0};
  return {taken - std::min<base::ByteCount>(unacknowledged->bytes, taken), unacknowledged->under_way};
}

void ClientStreamCore::note_bytes(base::TimePoint now) {
  const bool was_silent = session_.keepalive().is_silent();
  session_.on_bytes(now);
  if (was_silent && watcher_ != nullptr) watcher_->on_heard();
}

// Right behind calls, so that a peer that answers pings at once shows it even if it answers the calls as they come.
void ClientStreamCore::get_acquainted(base::TimePoint now) {
  if (now < acquaint_at_ || state_ != State::open || !session_.owes() || !session_.has_seqs()) return;
  acquaint_at_ = base::saturating_add(now, config_.acquaint_interval);
  if (config_.acquaint_interval != base::Duration::max()) append_ping();  // without memory the next one will do
}

bool ClientStreamCore::append_ping() {
  wire::RequestHead ping;
  ping.format = wire::kPromptPingFormat;
  ping.client_id = client_id_;
  std::array<std::byte, wire::kRequestHeadBytes> frame;
  ping.seq = session_.send_ping();
  wire::store_head(frame.data(), ping);
  if (!base::with_memory([&] { out_.append_copy(frame); })) return false;
  ++stats_.pings_sent;
  trace_event(runtime::kNoSpan, "ping");
  write_wanted_.set();
  return true;
}

void ClientStreamCore::look_at_peer(base::TimePoint now) {
  Keepalive& keepalive = session_.keepalive();
  if (now < keepalive.next_check()) return;
  const Keepalive::Verdict verdict = keepalive.check(now, sent_bytes());
  switch (verdict) {
    case Keepalive::Verdict::alive: return;
    case Keepalive::Verdict::send_ping:
      if (!can_write_ || !session_.may_ping()) return;
      if (!append_ping()) return end(Errc::connection_lost, base::format("no memory for a ping to {}", peer_));
      keepalive.on_ping(out_.appended());
      return;
    case Keepalive::Verdict::silent:
    case Keepalive::Verdict::dead: break;
  }
  if (stream_->bytes_readable() > 0) {
    // They count, though nobody has read them yet.
    verdict == Keepalive::Verdict::silent ? session_.on_bytes(now) : note_bytes(now);
    return;
  }
  const std::string silence = in_seconds(now - keepalive.silent_since());
  if (verdict == Keepalive::Verdict::dead) {
    end(Errc::connection_lost, base::format("{} sent nothing for {}, and its machine acknowledges nothing", peer_, silence));
    return;
  }
  ++stats_.silences;
  runtime().log().log(LogLevel::info,
                      "connection to {}: nothing came for {}, and a ping that arrived is not answered; its process is busy "
                      "or stopped",
                      peer_, silence);
  if (watcher_ != nullptr) watcher_->on_silent();
}

// --- Ends ------------------------------------------------------------------------------------------------------------

void ClientStreamCore::abandon(PendingCall& call) {
  switch (call.where_) {
    case PendingCall::Where::nowhere:
    case PendingCall::Where::carried:
    case PendingCall::Where::carried_and_sent: return;
    case PendingCall::Where::in_flight:
      if (call.span_ != runtime::kNoSpan) trace_event(call.span_, "abandoned");
      new AbandonedCall(std::move(call));
      break;
    case PendingCall::Where::queued: leave_queue(call); break;
    case PendingCall::Where::refused: static_cast<base::ListLink<CallQueueTag>&>(call).unlink(); break;
  }
  if (call.span_ != runtime::kNoSpan) trace_end(call, {false, "abandoned", {}});  // of one in flight another has the span now
  ++stats_.calls_abandoned;
  call.where_ = PendingCall::Where::nowhere;
  DeadlineWheel::remove(call);
  call.held_.reset();
}

// The call is out of all lists but, perhaps, that of its deadline.
void ClientStreamCore::fail_later(PendingCall& call, CallError error) {
  DeadlineWheel::remove(call);
  call.where_ = PendingCall::Where::refused;
  call.held_ = std::make_unique<PendingCall::Held>();
  call.held_->error = std::move(error);
  refused_.push_back(call);
  if (!delivering_.is_linked()) spawner().make_ready(delivering_);
}

// Those that fail because of what is run here wait for another turn: a caller that tries again at once does not keep
// this loop going. A completion may close or destroy the stream, which ends the others of this turn first.
void ClientStreamCore::deliver_failures() {
  const Ref self(this);
  failing_.splice_back(refused_);
  while (PendingCall* call = failing_.pop_front()) {
    const std::unique_ptr<PendingCall::Held> held = std::move(call->held_);
    call->where_ = PendingCall::Where::nowhere;
    ++stats_.calls_failed;
    if (call->span_ != runtime::kNoSpan) trace_failed(*call, held->error);
    call->failed(std::move(held->error));
  }
}

void ClientStreamCore::end(Errc errc, std::string why) {
  if (state_ == State::ended) return;
  const Ref self(this);
  transition(State::ended, std::move(why));
  session_.for_each_in_flight([&](PendingCall& call) {
    session_.end(call);
    call.cut_off_ = was_sent(call) && !was_sent_whole(call);
    fail_later(call, CallError(errc, was_sent_whole(call) ? Ran::maybe : Ran::no,
                               base::format("call {}: {}", call.describe(), end_reason_)));
  });
  while (!queue_.empty()) {
    PendingCall& call = queue_.front();
    leave_queue(call);
    fail_later(call, CallError(errc, Ran::no, base::format("call {}: {}", call.describe(), end_reason_)));
  }
  timer_.disarm();
  settling_.unlink();
  stream_.reset();  // wakes the loops, which find the state and end
  write_wanted_.set();
  drained_.set();
  deliver_failures();
}

// Also what completions that run here submit: with the handle, nobody is left to wait for another turn.
void ClientStreamCore::end_by_owner() {
  const Ref self(this);
  end(Errc::closed, "closed by its owner");
  while (!refused_.empty() || !failing_.empty()) deliver_failures();
}

void ClientStreamCore::note_progress_of_draining() {
  if (state_ != State::draining || session_.owes() || !queue_.empty()) return;
  drained_.set();
  if (!can_write_) end(Errc::connection_lost, end_reason_);  // it is of no more use, and its end may never be heard of
}

runtime::Task<void> ClientStreamCore::close(Ref<ClientStreamCore> self, base::Duration limit) {
  self->check_use();
  if (self->state_ == State::open) self->transition(State::draining, "closed by its owner");
  self->note_progress_of_draining();
  struct Drained {
    static runtime::Task<void> wait(runtime::Event& drained) { co_await drained.wait(); }
  };
  const base::TimePoint until = base::saturating_add(self->clock_.now(), limit);
  const auto drained = co_await runtime::with_deadline(self->clock_, until, Drained::wait(self->drained_));
  self->end(Errc::closed, drained ? "closed by its owner" : "closed by its owner before all answers had come");
  self->deliver_failures();
}

ClientStats ClientStreamCore::stats() const {
  ClientStats stats = stats_;
  stats.bytes_sent = out_.consumed();
  stats.bytes_unsent = out_.queued();
  stats.in_flight = session_.window().used();
  stats.queued = static_cast<std::uint32_t>(queued_);
  stats.queued_bytes = queued_bytes_;
  return stats;
}

// --- Tracing ---------------------------------------------------------------------------------------------------------

void ClientStreamCore::trace_begin(PendingCall& call) {
  call.span_ = runtime().trace()->begin_span({runtime::SpanStart::Side::asks, call.describe(), local_, peer_});
}

void ClientStreamCore::trace_number(const PendingCall& call) {
  if (runtime::TraceSink* trace = runtime().trace()) trace->number_span(call.span_, call.seq_);
}

void ClientStreamCore::trace_event(runtime::SpanId span, std::string_view name) {
  if (runtime::TraceSink* trace = runtime().trace()) trace->event(span, name);
}

void ClientStreamCore::trace_answered(PendingCall& call, const wire::ResponseFrame& answer) {
  trace_end(call, {true, outcome_of(answer), {}});
}

void ClientStreamCore::trace_failed(PendingCall& call, const CallError& error) {
  trace_end(call, {false, base::format("{} (ran: {})", name_of(error.errc()), name_of(error.ran())), error.detail()});
}

void ClientStreamCore::trace_end(PendingCall& call, const runtime::SpanEnd& end) {
  const runtime::SpanId span = std::exchange(call.span_, runtime::kNoSpan);
  if (runtime::TraceSink* trace = runtime().trace()) trace->end_span(span, end);
}

// --- ClientStream ----------------------------------------------------------------------------------------------------

runtime::Task<base::Result<ClientStream>> ClientStream::connect(runtime::Runtime& runtime, runtime::Address address,
                                                                ClientStreamConfig config) {
  const base::TimePoint until = base::saturating_add(runtime.clock().now(), config.connect_timeout);
  auto stream = co_await runtime::with_deadline(runtime.clock(), until, runtime.network().connect(std::move(address)));
  if (!stream) co_return base::Result<ClientStream>(stream.error(), stream.message());
  std::optional<ClientStream> made;
  if (!base::with_memory([&] { made.emplace(runtime, *std::move(stream), config); })) {
    co_return std::make_error_code(std::errc::not_enough_memory);
  }
  co_return *std::move(made);
}

ClientStream::ClientStream(runtime::Runtime& runtime, std::unique_ptr<runtime::ByteStream> stream,
                           ClientStreamConfig config)
    : core_(base::make_ref<ClientStreamCore>(runtime, std::move(stream), config)) {
  try {
    core_->start();
  } catch (...) {
    core_->end_by_owner();  // one of its loops may have begun
    throw;
  }
}

ClientStream::ClientStream(ClientStream&&) noexcept = default;

ClientStream& ClientStream::operator=(ClientStream&& other) noexcept {
  std::swap(core_, other.core_);
  return *this;
}

ClientStream::~ClientStream() { end_with_handle(core_); }

void ClientStream::submit(ClientTask task) { stream::submit(*core_, std::move(task)); }

StreamCall ClientStream::call_encoded(const wire::Action& action, base::ByteView message, const CallOptions& options,
                                      base::Blob blob) {
  return StreamCall(channel(), action, options, message, std::move(blob));
}

runtime::Task<void> ClientStream::close(base::Duration limit) { return ClientStreamCore::close(core_, limit); }

StreamCall ClientStream::ping(const CallOptions& options) {
  core_->expect_ping();
  return StreamCall(channel(), wire::Action(std::uint32_t{0}), options, base::ByteView());
}

bool ClientStream::has_room() const { return core_->has_room(); }
bool ClientStream::is_silent() const { return core_->is_silent(); }
base::TimePoint ClientStream::heard_at() const { return core_->heard_at(); }
bool ClientStream::has_seqs() const { return core_->has_seqs(); }
void ClientStream::watch(ClientStreamWatcher* watcher) { core_->watch(watcher); }
bool ClientStream::is_open() const { return core_->is_open(); }
std::string ClientStream::end_reason() const { return core_->end_reason(); }
const runtime::Address& ClientStream::peer_address() const { return core_->peer(); }
ClientStats ClientStream::stats() const { return core_->stats(); }
Channel& ClientStream::channel() { return *core_; }

std::string StreamCall::describe() const {
  if (!action_.empty()) return action_;
  return number_ == 0 ? "ping" : base::format("action {}", number_);
}

std::string ClientStats::to_string() const {
  return base::format(
      "{} calls: {} answered, {} failed, {} abandoned, {} in flight (peak {}), {} queued ({} B); {} B sent in {} writes, "
      "{} B received in {} reads; {} pings, {} silences, {} late answers",
      calls_submitted, calls_answered, calls_failed, calls_abandoned, in_flight, in_flight_peak, queued, queued_bytes,
      bytes_sent, writes, bytes_received, reads, pings_sent, silences, answers_late + answers_control);
}

}  // namespace razor::stream
