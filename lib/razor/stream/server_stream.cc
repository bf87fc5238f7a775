#include "razor/stream/server_stream.h"

#include "razor/base/format.h"
#include "razor/base/out_of_memory.h"
#include "razor/wire/frame_writer.h"
#include "razor/wire/wire_error.h"

namespace razor::stream {

using base::Errc;
using base::LogLevel;
using base::Ref;

namespace {

constexpr std::size_t kBuffersInAWrite = 16;

}  // namespace

std::string_view name_of(ServerSession::Overdue overdue) {
  switch (overdue) {
    case ServerSession::Overdue::nothing: return "nothing is overdue";
    case ServerSession::Overdue::first_byte: return "it never sent a byte";
    case ServerSession::Overdue::idle: return "it was idle for too long";
    case ServerSession::Overdue::head: return "it did not complete a head in time";
    case ServerSession::Overdue::body: return "the body of its request made no progress";
    case ServerSession::Overdue::write: return "it took no answers for too long";
  }
  return "?";
}

ServerStreamCore::ServerStreamCore(Ref<ServerShared> server, std::unique_ptr<runtime::ByteStream> stream)
    : server_(std::move(server)),
      clock_(server_->runtime.clock()),
      stream_(std::move(stream)),
      peer_(stream_->peer_address()),
      session_(server_->config, clock_.now()),
      reader_(server_->config.limits),
      write_wanted_(server_->runtime.spawner()),
      peer_took_some_(server_->runtime.spawner()),
      timer_(clock_, *this),
      loops_(server_->runtime.spawner()) {
  stats_.peer = peer_;
}

void ServerStreamCore::start() {
  server_->connections.push_back(*this);
  ++server_->stats.connections;
  arm_timer();
  try {
    loops_.spawn("RpcServer::read_loop", read_loop(Ref(this)));
    loops_.spawn("RpcServer::write_loop", write_loop(Ref(this)));
  } catch (...) {
    close("out of memory");
    throw;
  }
}

void ServerStreamCore::transition(State to) {
  RAZOR_CHECK(to > state_, "connection of {} cannot go from state {} to {}", peer_, static_cast<int>(state_),
              static_cast<int>(to));
  state_ = to;
}

// --- Reading ---------------------------------------------------------------------------------------------------------

runtime::Task<void> ServerStreamCore::read_loop(Ref<ServerStreamCore> self) {
  while (self->state_ != State::closed) {
    base::MutableBytes room;
    try {
      room = self->reader_.prepare();
    } catch (const std::bad_alloc&) {
      self->close("out of memory");
      co_return;
    }
    const auto count = co_await self->stream_->read(room);
    if (self->state_ == State::closed) co_return;
    if (!count) {
      self->close(count.error().message());  // answers would not reach it either
      co_return;
    }
    if (*count == 0) {
      self->on_peer_closed();
      co_return;
    }
    self->stats_.bytes_received += *count;
    self->server_->stats.bytes_received += *count;
    if (!self->reads_requests()) continue;  // into the same room: it is dropped
    self->reader_.commit(*count);
    std::size_t frames = 0;
    while (self->reads_requests()) {
      if (self->must_pause()) {
        self->session_.on_pause(self->clock_.now());
        self->stats_.paused = true;
        self->peer_took_some_.reset();
        co_await self->peer_took_some_.wait();
        self->stats_.paused = false;
        self->session_.on_resume(self->clock_.now(), self->reading());
        continue;
      }
      const auto found = self->reader_.next();
      if (found == wire::RequestReader::Found::need_more) break;
      if (found == wire::RequestReader::Found::fault) {
        self->on_broken_head(self->reader_.faulty_head(), self->reader_.fault());
        break;
      }
      ++frames;
      self->on_request(self->reader_.frame());
    }
    if (self->state_ == State::closed) co_return;
    self->session_.on_bytes(self->clock_.now(), *count, frames, self->reading());
    self->arm_timer();
    self->finish_if_done();
  }
}

ServerSession::Reading ServerStreamCore::reading() const {
  if (!reads_requests()) return ServerSession::Reading::paused;
  if (reader_.partial_bytes() == 0) return ServerSession::Reading::between;
  return reader_.has_partial_head() ? ServerSession::Reading::body : ServerSession::Reading::head;
}

void ServerStreamCore::on_request(const wire::RequestFrame& frame) {
  if (frame.head.is_ping()) {
    ++server_->stats.pings;
    wire::ResponseHead pong;
    pong.seq = frame.head.seq;
    append_answer(pong, {});
    return;
  }
  ++server_->stats.requests;
  ++stats_.requests;
  if (state_ == State::draining || server_->dispatch == nullptr) {
    ++server_->stats.draining;
    answer_failed(frame.head.seq, Errc::draining);
    return;
  }
  if (session_.handlers() >= server_->config.handlers_per_connection_max ||
      server_->stats.handlers >= server_->config.handlers_max) {
    ++server_->stats.overloaded;
    answer_failed(frame.head.seq, Errc::overloaded);
    return;
  }
  dispatch(frame);
}

void ServerStreamCore::dispatch(const wire::RequestFrame& frame) {
  ServerStats& stats = server_->stats;
  ++stats.dispatched;
  stats.handlers_peak = std::max(stats.handlers_peak, ++stats.handlers);
  session_.on_dispatched();
  if (server_->runtime.trace() != nullptr) [[unlikely]] trace_begin(frame);
  try {
    run_handler(Request{frame.action, frame.msg, frame.blob, frame.head.seq, peer_}, Responder(Ref(this), frame.head.seq));
  } catch (...) {
    note_exception("a Dispatch", std::current_exception());
  }
}

void ServerStreamCore::run_handler(const Request& request, Responder respond) {
  if (runtime::RequestTroubleMaker* maker = server_->runtime.trouble()) [[unlikely]] {
    const runtime::RequestTrouble trouble = maker->next_request();
    if (trouble.any()) return run_troubled(request, std::move(respond), trouble);
  }
  server_->dispatch->dispatch(request, std::move(respond));
}

// A request whose handler starts later: what `Request` only borrows.
struct ServerStreamCore::KeptRequest {
  explicit KeptRequest(const Request& request)
      : is_name(request.action.is_name()),
        number(request.action.number()),
        name(request.action.name()),
        msg(request.msg.begin(), request.msg.end()),
        blob(request.blob.begin(), request.blob.end()),
        seq(request.seq) {}
  wire::Action action() const { return is_name ? wire::Action(name) : wire::Action(number); }

  bool is_name;
  std::uint32_t number;
  std::string name;
  base::Bytes msg;
  base::Bytes blob;
  wire::Seq seq;
};

void ServerStreamCore::run_troubled(const Request& request, Responder respond, const runtime::RequestTrouble& trouble) {
  if (trouble.delay > base::Duration::zero()) {
    server_->handlers.run_inline("a delayed handler", run_later(Ref(this), KeptRequest(request), std::move(respond), trouble));
    return;
  }
  if (trouble.throws) throw std::runtime_error("a fault of the test, in place of the handler");
  // Else it is dropped: the responder answers for it.
}

runtime::Task<void> ServerStreamCore::run_later(Ref<ServerStreamCore> self, KeptRequest request, Responder respond,
                                                runtime::RequestTrouble trouble) {
  co_await self->clock_.sleep_for(trouble.delay);
  // Nothing is dispatched from a connection that is gone, nor by a server that is.
  if (!self->is_open() || self->server_->dispatch == nullptr) co_return;
  trouble.delay = base::Duration::zero();
  const Request kept{request.action(), request.msg, request.blob, request.seq, self->peer_};
  try {
    if (trouble.any()) {
      self->run_troubled(kept, std::move(respond), trouble);
    } else {
      self->server_->dispatch->dispatch(kept, std::move(respond));
    }
  } catch (...) {
    self->note_exception("a Dispatch", std::current_exception());
  }
}

void ServerStreamCore::note_exception(std::string_view handler, const std::exception_ptr& exception) {
  ++server_->stats.handlers_threw;
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& error) {
    server_->runtime.log().log(LogLevel::error, "{} threw on a request from {}: {}", handler, peer_, error.what());
  } catch (...) {
    server_->runtime.log().log(LogLevel::error, "{} threw on a request from {}", handler, peer_);
  }
}

void ServerStreamCore::on_broken_head(const wire::RequestHead& head, wire::HeadFault fault) {
  ++server_->stats.connections_faulty;
  const wire::FrameLimits& limits = server_->config.limits;
  server_->runtime.log().log(
      LogLevel::info,
      "request from {} refused: magic {:#06x}, version {}, action of {} bytes (limit {}), message of {} (limit {}), blob "
      "of {} (limit {})",
      peer_, head.magic, head.version, head.name_bytes(), limits.action_bytes_max, head.msg_bytes,
      limits.msg_bytes_max, head.blob_bytes, limits.blob_bytes_max);
  switch (fault) {
    case wire::HeadFault::version: answer_failed(head.seq, Errc::invalid_version); break;
    case wire::HeadFault::too_large: answer_failed(head.seq, Errc::too_large); break;
    case wire::HeadFault::magic:
    case wire::HeadFault::flag:
    case wire::HeadFault::none: break;
  }
  if (state_ == State::closed) return;  // there was no memory for the answer
  transition(State::refusing);
  finish_if_done();
}

void ServerStreamCore::on_peer_closed() {
  if (state_ == State::lingering) {
    close("the peer closed");
    return;
  }
  transition(State::peer_closed);
  session_.on_pause(clock_.now());
  finish_if_done();
}

// --- Answering -------------------------------------------------------------------------------------------------------

wire::ByteSink& ServerStreamCore::begin_answer(bool counts) {
  answer_counts_ = counts && is_open();
  answer_has_memory_ = true;
  if (answer_counts_) {
    try {
      out_.begin_frame();
      wire::begin_response(out_);
      return out_;
    } catch (const std::bad_alloc&) {
      out_.abandon_frame();
      answer_has_memory_ = false;
    }
  }
  dropped_.clear();
  return dropped_;
}

void ServerStreamCore::end_answer(wire::Seq seq, wire::ResponseFlag flag, base::Bytes&& blob) {
  finish_answer(seq, flag, std::move(blob));
  if (!spans_.empty()) [[unlikely]] trace_end(seq, flag == wire::ResponseFlag::success ? "ok" : "error");
  handled();
}

void ServerStreamCore::finish_answer(wire::Seq seq, wire::ResponseFlag flag, base::Bytes&& blob) {
  if (!answer_counts_) {
    ++server_->stats.answers_dropped;
    return;
  }
  if (!answer_has_memory_) return answer_failed(seq, Errc::overloaded);
  const wire::FrameLimits& limits = server_->config.limits;
  const std::size_t body = out_.frame().size() - wire::kResponseHeadBytes;
  const bool is_error = flag == wire::ResponseFlag::error_bytes;
  if (body > (is_error ? limits.blob_bytes_max : limits.msg_bytes_max) || blob.size() > limits.blob_bytes_max) {
    server_->runtime.log().log(LogLevel::error,
                               "answer to {} is too large: message of {} bytes (limit {}), blob of {} (limit {})", peer_,
                               body, limits.msg_bytes_max, blob.size(), limits.blob_bytes_max);
    out_.abandon_frame();
    if (!spans_.empty()) trace_end(seq, name_of(Errc::too_large));
    answer_failed(seq, Errc::too_large);
    return;
  }
  wire::ResponseHead head;
  head.flag = static_cast<std::uint8_t>(flag);
  head.seq = seq;
  if (is_error) {
    head.blob_bytes = static_cast<std::uint32_t>(body);
  } else {
    head.msg_bytes_or_number = static_cast<std::uint32_t>(body);
    head.blob_bytes = static_cast<std::uint32_t>(blob.size());
  }
  wire::store_head(out_.frame().data(), head);
  if (!base::with_memory([&] { out_.end_frame(std::move(blob)); })) {
    out_.abandon_frame();
    answer_failed(seq, Errc::overloaded);
    return;
  }
  ++server_->stats.answers;
  ++stats_.answers;
  write_wanted_.set();
  if (out_.queued() > server_->config.write_queue_hard_max) close("too many answers wait for a peer that does not read");
}

void ServerStreamCore::abandon_answer() {
  if (answer_counts_) out_.abandon_frame();
}

void ServerStreamCore::end_answer_failed(wire::Seq seq, Errc errc) {
  if (!spans_.empty()) [[unlikely]] trace_end(seq, name_of(errc));
  if (answer_counts_) {
    out_.abandon_frame();
    answer_failed(seq, errc);
  } else {
    ++server_->stats.answers_dropped;
  }
  handled();
}

void ServerStreamCore::answer_number(wire::Seq seq, std::uint32_t number) {
  if (!spans_.empty()) [[unlikely]] trace_end(seq, base::format("error {}", number));
  if (is_open()) {
    wire::ResponseHead head;
    head.flag = static_cast<std::uint8_t>(wire::ResponseFlag::error_number);
    head.msg_bytes_or_number = number;
    head.seq = seq;
    append_answer(head, {});
  } else {
    ++server_->stats.answers_dropped;
  }
  handled();
}

void ServerStreamCore::answer_failed(wire::Seq seq, Errc errc) {
  const std::string_view text = wire::text_of(errc);
  wire::ResponseHead head;
  head.flag = static_cast<std::uint8_t>(wire::ResponseFlag::error_bytes);
  head.seq = seq;
  head.blob_bytes = static_cast<std::uint32_t>(text.size());
  ++server_->stats.answers_failed;
  append_answer(head, base::as_bytes(text));
}

void ServerStreamCore::append_answer(const wire::ResponseHead& head, base::ByteView body) {
  try {
    out_.begin_frame();
    wire::begin_response(out_);
    out_.put(body);
  } catch (const std::bad_alloc&) {
    out_.abandon_frame();
    close("out of memory for an answer");
    return;
  }
  wire::store_head(out_.frame().data(), head);
  out_.end_frame();
  ++server_->stats.answers;
  ++stats_.answers;
  write_wanted_.set();
}

void ServerStreamCore::handled() {
  --server_->stats.handlers;
  session_.on_handled();
  if (state_ != State::serving) finish_if_done();
}

void ServerStreamCore::trace_begin(const wire::RequestFrame& frame) {
  runtime::TraceSink& trace = *server_->runtime.trace();
  const wire::Action& action = frame.action;
  const std::string name = action.is_name() ? std::string(action.name()) : base::format("action {}", action.number());
  const runtime::SpanId span =
      trace.begin_span({runtime::SpanStart::Side::answers, name, peer_, stream_->local_address()});
  if (span == runtime::kNoSpan) return;
  trace.number_span(span, frame.head.seq);
  spans_.emplace(frame.head.seq, span);
}

void ServerStreamCore::trace_end(wire::Seq seq, std::string_view outcome) {
  const auto found = spans_.find(seq);
  if (found == spans_.end()) return;
  const runtime::SpanId span = found->second;
  spans_.erase(found);
  if (runtime::TraceSink* trace = server_->runtime.trace()) {
    trace->end_span(span, {is_open(), outcome, is_open() ? "" : "nobody waits for the answer any more"});
  }
}

// --- Writing ---------------------------------------------------------------------------------------------------------

runtime::Task<void> ServerStreamCore::write_loop(Ref<ServerStreamCore> self) {
  std::array<base::ByteView, kBuffersInAWrite> buffers;
  while (self->state_ != State::closed) {
    if (self->out_.empty()) {
      self->finish_if_done();
      if (self->state_ == State::closed) break;
      self->write_wanted_.reset();
      co_await self->write_wanted_.wait();
      continue;
    }
    self->session_.on_write_begins(self->clock_.now());
    self->arm_timer();
    const std::size_t count = self->out_.gather(buffers);
    const auto written = co_await self->stream_->write(std::span(buffers).first(count));
    if (self->state_ == State::closed) break;
    if (!written) {
      self->close("it does not take answers any more");
      break;
    }
    self->out_.consume(*written);
    self->stats_.bytes_sent += *written;
    self->server_->stats.bytes_sent += *written;
    if (self->out_.empty()) {
      self->session_.on_written(self->clock_.now());
    } else {
      self->session_.on_write_progress(self->clock_.now());
    }
    if (self->out_.queued() <= self->server_->config.write_queue_max / 2) self->peer_took_some_.set();
  }
}

// --- Ending ----------------------------------------------------------------------------------------------------------

void ServerStreamCore::drain() {
  if (state_ != State::serving) return;
  // What has arrived already is answered: rpc_draining says that it did not run.
  drained_after_received_ = stats_.bytes_received + stream_->bytes_readable();
  transition(State::draining);
  finish_if_done();
}

// Goes on to the next state of ending, as far as nothing is owed any more.
void ServerStreamCore::finish_if_done() {
  if (state_ == State::serving || state_ == State::lingering || state_ == State::closed) return;
  if (!out_.empty() || session_.handlers() > 0) return;
  if (state_ == State::peer_closed) {
    close("the peer closed");
    return;
  }
  // Of what had arrived before, some may not be read yet, or wait in the reader for the peer to take answers.
  if (state_ == State::draining && (stats_.paused || stats_.bytes_received < drained_after_received_)) return;
  transition(State::lingering);
  if (!stream_->shutdown_write()) {
    close("the peer is gone");
    return;
  }
  linger_until_ = base::saturating_add(clock_.now(), server_->config.linger_timeout);
  arm_timer();
}

void ServerStreamCore::close(std::string_view why) {
  if (state_ == State::closed) return;
  const Ref self(this);
  transition(State::closed);
  server_->runtime.log().log(LogLevel::debug, "connection of {} closed: {}", peer_, why);
  timer_.disarm();
  stream_.reset();  // wakes the loops, which find the state and end
  write_wanted_.set();
  peer_took_some_.set();
  base::ListLink<>::unlink();
  --server_->stats.connections;
  ++server_->stats.connections_closed;
  server_->connection_closed.set();
}

void ServerStreamCore::on_timer() {
  const Ref self(this);
  const base::TimePoint now = clock_.now();
  const bool has_lingered = now >= linger_until_;
  const ServerSession::Overdue overdue = session_.check(now);
  if (!has_lingered && overdue == ServerSession::Overdue::nothing) {
    seemed_overdue_ = false;
    arm_timer();
    return;
  }
  // This process may have been stopped: what the peer did meanwhile is looked at first, in the turn between.
  if (!std::exchange(seemed_overdue_, true)) {
    timer_.arm(now);
    return;
  }
  if (has_lingered) {
    close("it did not close after its last answer");
    return;
  }
  ++server_->stats.connections_overdue;
  server_->runtime.log().log(LogLevel::info, "connection of {} closed: {}", peer_, name_of(overdue));
  close(name_of(overdue));
}

void ServerStreamCore::arm_timer() {
  if (state_ == State::closed) return;
  const base::TimePoint next = std::min(session_.next_check(), linger_until_);
  if (next != base::TimePoint::max() && (!timer_.armed() || timer_.at() > next)) timer_.arm(next);
}

ConnectionStats ServerStreamCore::stats() const {
  ConnectionStats stats = stats_;
  stats.handlers = session_.handlers();
  stats.bytes_queued = out_.queued();
  return stats;
}

// --- Responder -------------------------------------------------------------------------------------------------------

bool Responder::take_turn() {
  if (!answered_) return answered_ = true;
  connection_->note_repeated_answer();
  return false;
}

void Responder::reply_encoded(base::ByteView message, base::Bytes blob) {
  wire::ByteSink& sink = begin();
  if (!base::with_memory([&] { sink.put(message); })) return end_failed(Errc::overloaded);
  end_success(std::move(blob));
}

void Responder::fail_bytes(base::ByteView error) {
  wire::ByteSink& sink = begin();
  if (!base::with_memory([&] { sink.put(error); })) return end_failed(Errc::overloaded);
  end_error_bytes();
}

void Responder::fail(std::uint32_t number) {
  if (!take_turn()) return;
  connection_->answer_number(seq_, number);
}

void Responder::fail(Errc errc) {
  begin();
  end_failed(errc);
}

void Responder::fail_thrown(std::string_view method, const std::exception_ptr& exception) {
  connection_->note_exception(method, exception);
  fail(Errc::internal);
}

wire::ByteSink& Responder::begin() { return connection_->begin_answer(!answered_); }

void Responder::end_success(base::Bytes&& blob) {
  if (!take_turn()) return connection_->abandon_answer();
  connection_->end_answer(seq_, wire::ResponseFlag::success, std::move(blob));
}

void Responder::end_error_bytes() {
  if (!take_turn()) return connection_->abandon_answer();
  connection_->end_answer(seq_, wire::ResponseFlag::error_bytes, {});
}

void Responder::end_failed(Errc errc) {
  if (!take_turn()) return connection_->abandon_answer();
  connection_->end_answer_failed(seq_, errc);
}

bool Responder::peer_is_there() const { return connection_->is_open(); }
const runtime::Address& Responder::peer() const { return connection_->peer(); }
runtime::Runtime& Responder::runtime() const { return connection_->runtime(); }
runtime::TaskScope& Responder::handlers() const { return connection_->handlers(); }

}  // namespace razor::stream
