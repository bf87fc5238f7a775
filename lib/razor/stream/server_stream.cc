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
      may_read_on_(server_->runtime.spawner()),
      timer_(clock_, *this),
      loops_(server_->runtime.spawner()) {
  stats_.peer = peer_;
  session_.set_crowded(server_->crowded);
}

void ServerShared::note_connections() {
  const std::uint64_t now = stats.connections;
  const bool is_crowded = crowded ? 2 * now >= connections_max : 4 * now > std::uint64_t{3} * connections_max;
  if (is_crowded == crowded) return;
  crowded = is_crowded;
  connections.for_each([this](ServerStreamCore& connection) { connection.set_crowded(crowded); });
}

void ServerStreamCore::set_crowded(bool crowded) {
  session_.set_crowded(crowded);
  arm_timer();
}

void ServerStreamCore::start() {
  server_->connections.push_back(*this);
  ++server_->stats.connections;
  arm_timer();
  server_->note_connections();
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
    self->begin_turn(self->clock_.now());
    std::size_t frames = 0;
    while (self->reads_requests()) {
      if (self->must_pause()) {
        self->stop_reading();
        co_await self->may_read_on_.wait();
        self->read_again();
        continue;
      }
      const auto found = self->reader_.next();
      if (found == wire::RequestReader::Found::need_more) break;
      if (found == wire::RequestReader::Found::fault) {
        self->on_broken_head(self->reader_.faulty_head(), self->reader_.fault());
        break;
      }
      ++frames;
      while (self->must_wait_for_handlers(self->reader_.frame())) {
        self->waits_for_handlers_ = true;
        self->stop_reading();
        co_await self->may_read_on_.wait();
        self->waits_for_handlers_ = false;
        self->read_again();
      }
      if (self->reads_requests()) self->on_request(self->reader_.frame());
    }
    const base::TimePoint now = self->clock_.now();
    self->end_turn(now);
    if (self->state_ == State::closed) co_return;
    self->session_.on_bytes(now, *count, frames, self->reading());
    self->arm_timer();
    self->finish_if_done();
  }
}

// The request waits in the reader: its views live until the reader is used again.
bool ServerStreamCore::must_wait_for_handlers(const wire::RequestFrame& frame) const {
  return session_.handlers() >= server_->config.handlers_per_connection_max && state_ == State::serving &&
         server_->dispatch != nullptr && !frame.head.is_ping();
}

void ServerStreamCore::stop_reading() {
  const base::TimePoint now = clock_.now();
  end_turn(now);
  session_.on_pause(now);
  stats_.paused = true;
  may_read_on_.reset();
}

void ServerStreamCore::read_again() {
  const base::TimePoint now = clock_.now();
  stats_.paused = false;
  if (state_ == State::closed) return;
  // A connection that does not read learns of no reset. Its peer waits for none of the requests that are still in the reader.
  if (stream_->is_broken()) return close("it was reset while its requests waited");
  session_.on_resume(now, reading());
  begin_turn(now);
}

ServerSession::Reading ServerStreamCore::reading() const {
  if (!reads_requests()) return ServerSession::Reading::paused;
  if (reader_.partial_bytes() == 0) return ServerSession::Reading::between;
  return reader_.has_partial_head() ? ServerSession::Reading::body : ServerSession::Reading::head;
}

void ServerStreamCore::on_request(const wire::RequestFrame& frame) {
  if (frame.head.is_ping()) return on_ping(frame);
  ++server_->stats.requests;
  ++stats_.requests;
  if (state_ == State::draining || server_->dispatch == nullptr) {
    ++server_->stats.draining;
    answer_failed(frame.head.seq, Errc::draining);
    return;
  }
  if (server_->stats.handlers >= server_->config.handlers_max) {
    ++server_->stats.overloaded;
    answer_failed(frame.head.seq, Errc::overloaded);
    return;
  }
  if (frame.head.format_id() != 0) [[unlikely]] {
    takes_details_ = true;
    if (server_->find_format(frame.head.format_id()) == nullptr) return answer_unknown_format(frame);
  }
  dispatch(frame);
}

const wire::WireFormat* ServerShared::find_format(std::uint8_t id) const {
  const auto found = std::ranges::find(formats, id, &wire::WireFormat::id);
  return found == formats.end() ? nullptr : *found;
}

void ServerStreamCore::answer_unknown_format(const wire::RequestFrame& frame) {
  std::string why = base::format("the message is written in format {}, and this server reads 0 (msgpack)", frame.head.format_id());
  for (const wire::WireFormat* format : server_->formats) why += base::format(", {} ({})", format->id(), format->name());
  note_undecodable("a request", why);  // not by its name, which may be any: names are kept
  answer_failed(frame.head.seq, Failure(Errc::decode, base::Ran::no, why));
}

void ServerStreamCore::on_ping(const wire::RequestFrame& frame) {
  ++server_->stats.pings;
  const wire::Seq seq = frame.head.seq;
  const auto pong_or_end = [&](auto queue_pong) {
    if (!base::with_memory(queue_pong)) close("out of memory for a pong");
  };
  if (frame.head.is_prompt_ping()) {
    takes_details_ = true;
    pong_or_end([&] { out_.put_prompt_pong(seq); });
    if (state_ == State::closed) return;
    ++server_->stats.answers;
    ++stats_.answers;
    write_wanted_.set();
  } else if (session_.handlers() > 0) {
    pong_or_end([&] { held_pongs_.hold(seq, session_.handlers()); });
  } else {
    append_pong(seq);
  }
}

void ServerStreamCore::append_pong(wire::Seq seq) {
  wire::ResponseHead pong;
  pong.seq = seq;
  append_answer(pong, {});
}

// The answer of `answered` stands in the queue: the pongs that waited for nothing else come behind it.
void ServerStreamCore::release_pongs(wire::Seq answered) {
  held_pongs_.on_answered(answered, session_.handlers());
  while (state_ != State::closed) {
    const std::optional<wire::Seq> pong = held_pongs_.take_ready();
    if (!pong) break;
    append_pong(*pong);
  }
  if (!has_too_many_pongs()) may_read_on_.set();
}

void ServerStreamCore::dispatch(const wire::RequestFrame& frame) {
  server_->turn.push_back(frame.action);
  ServerStats& stats = server_->stats;
  ++stats.dispatched;
  stats.handlers_peak = std::max(stats.handlers_peak, ++stats.handlers);
  session_.on_dispatched();
  if (server_->runtime.trace() != nullptr) [[unlikely]] trace_begin(frame);
  try {
    const wire::WireFormat* format = nullptr;
    if (frame.head.format_id() != 0) [[unlikely]] format = server_->find_format(frame.head.format_id());
    run_handler(Request{frame.action, frame.msg, frame.blob, frame.head.seq, peer_, format, frame.source},
                Responder(Ref(this), frame.head.seq, format));
  } catch (...) {
    note_exception("a Dispatch", std::current_exception());
  }
  if (server_->turn.size() == ServerShared::kTurnRequestsMax) [[unlikely]] end_turn(clock_.now());
}

// --- Handlers that hold the thread -----------------------------------------------------------------------------------

void ServerStreamCore::begin_turn(base::TimePoint now) {
  server_->turn_began = now;
  server_->turn.clear();
}

void ServerStreamCore::end_turn(base::TimePoint now) {
  const base::Duration took = now - server_->turn_began;
  if (took > server_->config.handler_slow_after && !server_->turn.empty()) [[unlikely]] log_slow_turn(took);
  begin_turn(now);
}

// Names each method once. The number of names is bounded, since a peer may choose them.
void ServerStreamCore::log_slow_turn(base::Duration took) {
  constexpr std::size_t kNamesMax = 64;
  std::set<std::string>& noted = server_->slow_handlers;
  std::string names;
  std::set<std::string> these;
  bool is_news = false;
  for (const wire::Action& action : server_->turn) {
    std::string name = action.is_name() ? std::string(action.name()) : base::format("action {}", action.number());
    if (!these.insert(name).second) continue;
    names += (names.empty() ? "" : ", ") + name;
    if (noted.size() < kNamesMax && noted.insert(std::move(name)).second) is_news = true;
  }
  if (!is_news) return;
  server_->runtime.log().log(
      LogLevel::warning,
      "{} {} held the server's thread for {} ms, on a request from {} (warned of above {} ms, once for each method): "
      "meanwhile nobody else was served",
      these.size() == 1 ? "the handler of" : "a handler of one of", names,
      std::chrono::duration_cast<std::chrono::milliseconds>(took).count(), peer_,
      std::chrono::duration_cast<std::chrono::milliseconds>(server_->config.handler_slow_after).count());
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
        blob(request.take_blob()),
        seq(request.seq),
        format(request.format) {}
  wire::Action action() const { return is_name ? wire::Action(name) : wire::Action(number); }

  bool is_name;
  std::uint32_t number;
  std::string name;
  base::Bytes msg;
  base::Blob blob;
  wire::Seq seq;
  const wire::WireFormat* format;
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
  const Request kept{request.action(), request.msg, request.blob, request.seq, self->peer_, request.format};
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

// A peer of another version makes the same mistake with every call: a line a minute says it, the counter says how often.
void ServerStreamCore::note_undecodable(std::string_view method, std::string_view why) {
  constexpr base::Duration kLoggedEvery = std::chrono::minutes(1);
  ++server_->stats.undecodable;
  const base::TimePoint now = clock_.now();
  const auto logged = server_->undecodable_logged.find(method);
  if (logged != server_->undecodable_logged.end() && now - logged->second < kLoggedEvery) return;
  server_->undecodable_logged.insert_or_assign(std::string(method), now);
  server_->runtime.log().log(LogLevel::warning,
                             "the arguments of {} from {} did not decode: {} (logged once a minute for each method; {} requests "
                             "so far)",
                             method, peer_, why, server_->stats.undecodable);
}

void ServerStreamCore::on_broken_head(const wire::RequestHead& head, wire::HeadFault fault) {
  ++server_->stats.connections_faulty;
  const wire::FrameSizes sizes{head.name_bytes(), head.msg_bytes, head.blob_bytes};
  server_->runtime.log().log(LogLevel::info, "request from {} refused: magic {:#06x}, version {}, {}", peer_, head.magic,
                             head.version, sizes.compared_to(server_->config.limits));
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
      out_.answers().begin_frame();
      wire::begin_response(out_.answers());
      return out_.answers();
    } catch (const std::bad_alloc&) {
      out_.answers().abandon_frame();
      answer_has_memory_ = false;
    }
  }
  dropped_.clear();
  return dropped_;
}

void ServerStreamCore::end_answer(wire::Seq seq, wire::ResponseFlag flag, base::Blob&& blob) {
  finish_answer(seq, flag, std::move(blob));
  if (!spans_.empty()) [[unlikely]] trace_end(seq, flag == wire::ResponseFlag::success ? "ok" : "error");
  handled(seq);
}

void ServerStreamCore::finish_answer(wire::Seq seq, wire::ResponseFlag flag, base::Blob&& blob) {
  if (!answer_counts_) {
    ++server_->stats.answers_dropped;
    return;
  }
  if (!answer_has_memory_) return answer_failed(seq, Errc::overloaded);
  const wire::FrameLimits& limits = server_->config.limits;
  const std::size_t body = out_.answers().frame().size() - wire::kResponseHeadBytes;
  const bool is_error = flag == wire::ResponseFlag::error_bytes;
  if (body > (is_error ? limits.blob_bytes_max : limits.msg_bytes_max) || blob.size() > limits.blob_bytes_max) {
    server_->runtime.log().log(LogLevel::error,
                               "answer to {} is too large: message of {} bytes (limit {}), blob of {} (limit {})", peer_,
                               body, limits.msg_bytes_max, blob.size(), limits.blob_bytes_max);
    out_.answers().abandon_frame();
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
  wire::store_head(out_.answers().frame().data(), head);
  if (!base::with_memory([&] { out_.answers().end_frame(std::move(blob)); })) {
    out_.answers().abandon_frame();
    answer_failed(seq, Errc::overloaded);
    return;
  }
  ++server_->stats.answers;
  ++stats_.answers;
  write_wanted_.set();
  if (out_.queued() > server_->config.write_queue_hard_max) close("too many answers wait for a peer that does not read");
}

void ServerStreamCore::abandon_answer() {
  if (answer_counts_) out_.answers().abandon_frame();
}

void ServerStreamCore::end_answer_failed(wire::Seq seq, const Failure& failure) {
  if (!spans_.empty()) [[unlikely]] trace_end(seq, name_of(failure.errc));
  if (answer_counts_) {
    out_.answers().abandon_frame();
    answer_failed(seq, failure);
  } else {
    ++server_->stats.answers_dropped;
  }
  handled(seq);
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
  handled(seq);
}

void ServerStreamCore::answer_failed(wire::Seq seq, const Failure& failure) {
  const std::string_view text = wire::text_of(failure.errc);
  base::Bytes detail;
  if (takes_details_ && !failure.detail.empty()) {
    (void)base::with_memory([&] { detail = wire::encoded_detail(failure.ran, failure.detail); });
  }
  wire::ResponseHead head;
  head.flag = static_cast<std::uint8_t>(wire::ResponseFlag::error_bytes);
  head.seq = seq;
  head.msg_bytes_or_number = static_cast<std::uint32_t>(detail.size());
  head.blob_bytes = static_cast<std::uint32_t>(text.size());
  ++server_->stats.answers_failed;
  append_answer(head, detail, base::as_bytes(text));
}

void ServerStreamCore::append_answer(const wire::ResponseHead& head, base::ByteView msg, base::ByteView blob) {
  try {
    out_.answers().begin_frame();
    wire::begin_response(out_.answers());
    out_.answers().put(msg);
    out_.answers().put(blob);
  } catch (const std::bad_alloc&) {
    out_.answers().abandon_frame();
    close("out of memory for an answer");
    return;
  }
  wire::store_head(out_.answers().frame().data(), head);
  out_.answers().end_frame();
  ++server_->stats.answers;
  ++stats_.answers;
  write_wanted_.set();
}

void ServerStreamCore::handled(wire::Seq seq) {
  --server_->stats.handlers;
  session_.on_handled();
  if (!held_pongs_.empty()) [[unlikely]] release_pongs(seq);
  if (waits_for_handlers_) [[unlikely]] may_read_on_.set();
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
      if (self->session_.sample_is_due(self->clock_.now())) self->sample_acknowledged(self->clock_.now());
    }
    if (self->out_.queued() <= self->server_->config.write_queue_max / 2 && !self->waits_for_handlers_) {
      self->may_read_on_.set();
    }
  }
}

// --- Ending ----------------------------------------------------------------------------------------------------------

void ServerStreamCore::drain() {
  if (state_ != State::serving) return;
  // What has arrived already is answered: rpc_draining says that it did not run.
  drained_after_received_ = stats_.bytes_received + stream_->bytes_readable();
  transition(State::draining);
  if (waits_for_handlers_) may_read_on_.set();  // what waits is refused now
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
  // Closing now would reset a peer that still sends, and destroy what is under way to it. (RFC 9112, 9.6)
  const base::TimePoint now = clock_.now();
  session_.on_pause(now);
  session_.on_write_begins(now);
  sample_acknowledged(now);
  arm_timer();
}

// While the server wants to close, the peer has its time to do so only once it has everything.
void ServerStreamCore::sample_acknowledged(base::TimePoint now) {
  const std::optional<runtime::Unacknowledged> unacknowledged = stream_->unacknowledged();
  std::optional<base::ByteCount> total;
  if (unacknowledged) total = stats_.bytes_sent - std::min<base::ByteCount>(unacknowledged->bytes, stats_.bytes_sent);
  session_.on_acknowledged(now, total);
  if (state_ != State::lingering || linger_until_ != base::TimePoint::max()) return;
  if (unacknowledged && unacknowledged->bytes > 0) return;
  session_.on_written(now);
  linger_until_ = base::saturating_add(now, server_->config.linger_timeout);
}

void ServerStreamCore::close(std::string_view why) {
  if (state_ == State::closed) return;
  const Ref self(this);
  transition(State::closed);
  server_->runtime.log().log(LogLevel::debug, "connection of {} closed: {}", peer_, why);
  timer_.disarm();
  stream_.reset();  // wakes the loops, which find the state and end
  write_wanted_.set();
  may_read_on_.set();
  base::ListLink<>::unlink();
  --server_->stats.connections;
  ++server_->stats.connections_closed;
  server_->note_connections();
  server_->connection_closed.set();
}

void ServerStreamCore::on_timer() {
  const Ref self(this);
  const base::TimePoint now = clock_.now();
  if (now >= session_.next_sample() || session_.check(now) == ServerSession::Overdue::write) sample_acknowledged(now);
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
  const base::TimePoint next = std::min({session_.next_check(), session_.next_sample(), linger_until_});
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

void Responder::reply_encoded(base::ByteView message, base::Blob blob) {
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

void Responder::fail_undecodable(std::string_view method, std::string_view why) {
  (void)base::with_memory([&] { connection_->note_undecodable(method, wire::printable(why)); });  // it may quote the message
  begin();
  end_failed(Failure(Errc::decode, base::Ran::no, why));
}

void Responder::fail_thrown(std::string_view method, const std::exception_ptr& exception) {
  connection_->note_exception(method, exception);
  fail(Errc::internal);
}

wire::ByteSink& Responder::begin() { return connection_->begin_answer(!answered_); }

void Responder::end_success(base::Blob&& blob) {
  if (!take_turn()) return connection_->abandon_answer();
  connection_->end_answer(seq_, wire::ResponseFlag::success, std::move(blob));
}

void Responder::end_error_bytes() {
  if (!take_turn()) return connection_->abandon_answer();
  connection_->end_answer(seq_, wire::ResponseFlag::error_bytes, {});
}

void Responder::end_failed(const Failure& failure) {
  if (!take_turn()) return connection_->abandon_answer();
  connection_->end_answer_failed(seq_, failure);
}

bool Responder::peer_is_there() const { return connection_->is_open(); }
const runtime::Address& Responder::peer() const { return connection_->peer(); }
runtime::Runtime& Responder::runtime() const { return connection_->runtime(); }
runtime::TaskScope& Responder::handlers() const { return connection_->handlers(); }

}  // namespace razor::stream
