#include "razor/stream/internal/server_stream.h"

#include <array>

#include "razor/base/out_of_memory.h"
#include "razor/stream/internal/faulty_handlers.h"

namespace razor::stream {

using base::Ref;
using base::TimePoint;

static constexpr std::size_t kBuffersInAWrite = 16;

ServerStream::ServerStream(Ref<ServerShared> server, std::unique_ptr<runtime::ByteStream> stream)
    : server_(std::move(server)),
      clock_(server_->runtime.clock()),
      stream_(std::move(stream)),
      local_(stream_->local_address()),
      peer_(stream_->peer_address()),
      observer_(server_->runtime, server_->common.config.hook, local_, peer_),
      connection_(server_->common, peer_, *this, clock_.now(), &observer_),
      write_wanted_(server_->runtime.executor()),
      may_read_on_(server_->runtime.executor()),
      old_at_(server_->oldest_age(clock_.now())),
      timer_(clock_, *this),
      loops_(server_->runtime.executor()) {
  connection_.set_crowded(server_->crowded);
}

void ServerStream::start() {
  server_->connections.push_back(*this);
  ++server_->common.stats.connections;
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

// --- Loops -----------------------------------------------------------------------------------------------------------

runtime::Task<void> ServerStream::read_loop(Ref<ServerStream> self) {
  ServerConnection& connection = self->connection_;
  while (!connection.is_closed()) {
    base::MutableBytes room;
    try {
      room = connection.prepare();
    } catch (const std::bad_alloc&) {
      self->close("out of memory");
      co_return;
    }
    const auto count = co_await self->stream_->read(room);
    if (connection.is_closed()) co_return;
    if (!count) {
      self->close(count.error().message());  // responses would not reach it either
      co_return;
    }
    if (*count == 0) {
      connection.on_peer_closed(self->clock_.now());
      self->obey();
      co_return;
    }
    const TimePoint arrived = self->clock_.now();
    connection.on_bytes(*count, arrived, self->server_->stall.lateness(arrived));
    if (!connection.reads_requests()) continue;
    self->server_->common.handler_log.begin_turn(arrived);
    TimePoint now = arrived;
    while (connection.process(now) == ServerConnection::Progress::paused) {
      self->pause(self->clock_.now());
      co_await self->may_read_on_.wait();
      now = self->clock_.now();
      self->resume(now);
    }
    now = self->clock_.now();
    if (connection.is_extended()) self->server_->note_activity(now);
    self->server_->common.handler_log.end_turn(now, self->peer_);
    if (!connection.is_closed()) connection.end_read(now);
    self->obey();
    self->arm_timer();
  }
}

void ServerStream::pause(TimePoint now) {
  server_->common.handler_log.end_turn(now, peer_);
  connection_.on_pause(now);
  may_read_on_.reset();
  obey();  // pongs of what was read before may wait to be written
}

void ServerStream::resume(TimePoint now) {
  if (!connection_.is_closed()) connection_.on_resume(now, stream_->is_broken());
  server_->common.handler_log.begin_turn(now);
  if (connection_.is_closed()) obey();  // else only once the requests that wait in the reader are looked at
}

runtime::Task<void> ServerStream::write_loop(Ref<ServerStream> self) {
  std::array<base::ByteView, kBuffersInAWrite> buffers;
  ServerConnection& connection = self->connection_;
  while (!connection.is_closed()) {
    if (!connection.has_output()) {
      self->obey();
      if (connection.is_closed()) break;
      self->write_wanted_.reset();
      co_await self->write_wanted_.wait();
      continue;
    }
    connection.on_write_begins(self->clock_.now());
    self->arm_timer();
    const std::size_t count = connection.gather(buffers);
    const auto written = co_await self->stream_->write(std::span(buffers).first(count));
    if (connection.is_closed()) break;
    if (!written) {
      self->close("it takes no more responses");
      break;
    }
    const TimePoint now = self->clock_.now();
    connection.on_written(*written, now);
    if (connection.wants_sample_after_write(now)) connection.on_acknowledged(now, self->stream_->unacknowledged());
    if (connection.may_resume()) self->may_read_on_.set();
  }
}

// After everything that the connection was told.
void ServerStream::obey() {
  if (connection_.state() != Drain::State::serving) [[unlikely]] {
    if (connection_.has_left(clock_.now())) connection_.drain(stream_->input_pending());
    finish();
  }
  if (connection_.has_output()) write_wanted_.set();
  if (connection_.may_resume()) [[unlikely]]
    may_read_on_.set();
}

// Goes on to the next step of ending, as far as nothing is owed any more.
void ServerStream::finish() {
  if (!connection_.is_closed()) {
    const bool is_draining = connection_.state() == Drain::State::draining;
    switch (connection_.next_step(is_draining && stream_->input_pending())) {
      case Drain::Step::none: break;
      case Drain::Step::close: connection_.close("the peer closed"); break;
      case Drain::Step::shut_write: {
        const TimePoint now = clock_.now();
        connection_.on_write_shut(now);
        if (stream_->shutdown_write()) {
          connection_.on_acknowledged(now, stream_->unacknowledged());
          arm_timer();
        } else {
          connection_.close("the peer is gone");
        }
        break;
      }
    }
  }
  if (!connection_.is_closed() || stream_ == nullptr) return;
  const Ref self(this);
  timer_.disarm();
  stream_.reset();  // wakes the loops, which find that it is closed, and end
  write_wanted_.set();
  may_read_on_.set();
  base::ListLink<>::unlink();
  ServerStats& stats = server_->common.stats;
  --stats.connections;
  ++stats.connections_closed;
  if (server_->common.member != nullptr) server_->common.member->on_closed();
  server_->note_connections();
  server_->connection_closed.set();
}

void ServerStream::drain(base::Duration notice, wire::ServerControl::Reason reason) {
  if (connection_.is_closed()) return;
  old_at_ = TimePoint::max();
  if (notice <= base::Duration::zero() || !connection_.leave(clock_.now(), notice, reason)) {
    connection_.drain(stream_->input_pending());
  }
  obey();
  arm_timer();
}

void ServerStream::close(std::string_view why) {
  const Ref self(this);
  connection_.close(why);
  obey();
}

// --- Time ------------------------------------------------------------------------------------------------------------

void ServerStream::set_crowded(bool crowded) {
  connection_.set_crowded(crowded);
  arm_timer();
}

void ServerStream::arm_timer() {
  if (connection_.is_closed()) return;
  const TimePoint next = std::min(connection_.next_timer(), old_at_);
  if (next != TimePoint::max() && (!timer_.armed() || timer_.at() > next)) timer_.arm(next);
}

void ServerStream::on_timer() {
  const Ref self(this);
  const TimePoint now = clock_.now();
  if (now >= old_at_) retire();
  if (connection_.has_left(now)) obey();
  if (connection_.is_closed()) return;
  if (connection_.wants_sample(now)) connection_.on_acknowledged(now, stream_->unacknowledged());
  switch (connection_.check(now)) {
    case ServerConnection::Overdue::no: return arm_timer();
    case ServerConnection::Overdue::check_again_now: return timer_.arm(now);
    case ServerConnection::Overdue::closed: return obey();
  }
}

// Plain clients would take the refusal of a request for a broken response: their connections live on.
void ServerStream::retire() {
  old_at_ = TimePoint::max();
  if (connection_.leave(clock_.now(), server_->common.config.drain_notice, wire::ServerControl::Reason::max_age)) obey();
}

// --- Handlers --------------------------------------------------------------------------------------------------------

void ServerStream::handle(const wire::RequestFrame& frame, const wire::WireFormat* format, TimePoint deadline) {
  HandlerLog& log = server_->common.handler_log;
  log.add(frame.action);
  try {
    const Request request{frame.action, frame.msg, frame.blob, frame.head.seq, peer_, format, frame.source, deadline};
    Responder respond(Ref(this), frame.head.seq, format);
    if (runtime::HandlerFaultRule* rule = server_->runtime.handler_faults()) [[unlikely]] {
      run_with_faults(*rule, Ref(this), server_, request, std::move(respond));
    } else {
      server_->dispatch->dispatch(request, std::move(respond));
    }
  } catch (...) {
    note_exception("a Dispatch", std::current_exception());
  }
  if (log.turn_is_full()) [[unlikely]]
    log.end_turn(clock_.now(), peer_);
}

// --- Responses -------------------------------------------------------------------------------------------------------

void ServerStream::commit(wire::Seq seq, wire::ResponseFlag flag, base::Blob&& blob) {
  connection_.commit(seq, flag, std::move(blob));
  obey();
}

void ServerStream::refuse(wire::Seq seq, const Failure& failure) {
  connection_.refuse(seq, failure);
  obey();
}

void ServerStream::commit_number(wire::Seq seq, std::uint32_t number) {
  connection_.commit_number(seq, number);
  obey();
}

void ServerStream::note_exception(std::string_view handler, const std::exception_ptr& exception) {
  server_->common.handler_log.on_exception(handler, exception, peer_);
}

void ServerStream::note_undecodable(std::string_view method, std::string_view why) {
  server_->common.handler_log.on_undecodable(method, why, peer_, clock_.now());
}

}  // namespace razor::stream
