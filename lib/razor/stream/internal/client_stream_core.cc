#include "razor/stream/internal/client_stream_core.h"

#include <array>

#include "razor/runtime/with_deadline.h"

namespace razor::stream {

using base::CallError;
using base::Errc;
using base::Ref;

namespace {

constexpr std::size_t kBuffersInAWrite = 16;

}  // namespace

ClientStreamCore::ClientStreamCore(runtime::Runtime& runtime, std::unique_ptr<runtime::ByteStream> stream,
                                   const ClientStreamConfig& config)
    : Channel(runtime),
      RuntimeObject(runtime.executor()),
      clock_(runtime.clock()),
      stream_(std::move(stream)),
      local_(stream_->local_address()),
      peer_(stream_->peer_address()),
      observer_(runtime, config.hook, local_, peer_),
      connection_(config, runtime.random().seed_for("ClientStream client_id"), peer_, runtime.log(), &observer_),
      pings_(*this),
      write_wanted_(runtime.executor()),
      drained_(runtime.executor()),
      ending_batch_(*this),
      delivering_(*this),
      timer_(runtime.clock(), *this),
      loops_(runtime.executor()) {}

// --- Submitting ------------------------------------------------------------------------------------------------------

wire::ByteSink& ClientStreamCore::begin(Exchange& exchange, const wire::Action& action, const CallOptions& options) {
  check_use();
  own(exchange);
  return connection_.begin(exchange, action, options);
}

wire::ByteSink& ClientStreamCore::Pings::begin(Exchange& exchange, const wire::Action&, const CallOptions& options) {
  core.check_use();
  core.own(exchange);
  return core.connection_.begin_ping(exchange, options);
}

void ClientStreamCore::commit(Exchange& exchange, base::Blob&& blob) {
  connection_.commit(exchange, std::move(blob), exchange.has_own_deadline() ? clock_.now() : base::TimePoint::min());
  obey();
}

void ClientStreamCore::refuse(Exchange& exchange, CallError why) {
  connection_.refuse(exchange, std::move(why));
  obey();
}

// After everything that the connection was told.
void ClientStreamCore::obey() {
  if (connection_.is_drained()) [[unlikely]] {
    drained_.set();
    // It is of no more use, and its end may never be heard of.
    if (!connection_.can_write()) connection_.terminate(Errc::connection_lost, connection_.end_reason());
  }
  if (connection_.has_ended() && stream_ != nullptr) [[unlikely]] {
    timer_.disarm();
    ending_batch_.unlink();
    stream_.reset();  // wakes the loops, which find that it has ended, and end
    write_wanted_.set();
    drained_.set();
  }
  if (connection_.batch_is_open() && !ending_batch_.is_linked()) executor().schedule(ending_batch_);
  if (connection_.has_failures() && !delivering_.is_linked()) [[unlikely]]
    executor().schedule(delivering_);
}

// --- Loops -----------------------------------------------------------------------------------------------------------

runtime::Task<void> ClientStreamCore::write_loop(Ref<ClientStreamCore> self) {
  std::array<base::ByteView, kBuffersInAWrite> buffers;
  ClientConnection& connection = self->connection_;
  while (!connection.has_ended()) {
    if (!connection.has_output()) {
      self->write_wanted_.reset();
      co_await self->write_wanted_.wait();
      continue;
    }
    const std::size_t count = connection.gather(buffers);
    const auto written = co_await self->stream_->write(std::span(buffers).first(count));
    if (connection.has_ended()) break;
    if (!written) {
      // Responses that arrived before may still be read; read_loop sees the end.
      connection.on_write_failed(base::format("write to {}: {}", self->peer_, written.error().message()));
      self->obey();
      break;
    }
    connection.on_written(*written, self->clock_.now());
    self->obey();
  }
}

runtime::Task<void> ClientStreamCore::read_loop(Ref<ClientStreamCore> self) {
  while (!self->connection_.has_ended()) {
    base::MutableBytes room;
    try {
      room = self->connection_.prepare();
    } catch (const std::bad_alloc&) {
      self->terminate(Errc::connection_lost, base::format("read from {}: out of memory", self->peer_));
      co_return;
    }
    const auto count = co_await self->stream_->read(room);
    if (self->connection_.has_ended() || !self->on_read(count)) co_return;
  }
}

// False when the connection has ended.
bool ClientStreamCore::on_read(const base::Result<std::size_t>& count) {
  if (!count) {
    terminate(Errc::connection_lost, base::format("read from {}: {}", peer_, count.error().message()));
    return false;
  }
  if (*count == 0) {
    terminate(Errc::connection_lost, base::format("{} closed the connection", peer_));
    return false;
  }
  connection_.on_bytes(*count, clock_.now());
  if (connection_.awaits_input()) check_deadlines(clock_.now());
  if (connection_.has_ended()) {
    obey();
    deliver_failures();
    return false;
  }
  connection_.note_room();
  // What the completions submitted goes out before more is read, so that both ends work at a time.
  if (connection_.batch_is_open()) {
    ending_batch_.unlink();
    end_batch();
  }
  obey();
  return true;
}

// --- Time ------------------------------------------------------------------------------------------------------------

void ClientStreamCore::end_batch() {
  const base::TimePoint now = clock_.now();
  connection_.end_batch(now);
  arm_timer(now);
  if (connection_.has_output()) write_wanted_.set();
}

void ClientStreamCore::arm_timer(base::TimePoint now) {
  const base::TimePoint next = connection_.next_timer(now);
  if (next != base::TimePoint::max() && (!timer_.armed() || timer_.at() > next)) timer_.arm(next);
}

void ClientStreamCore::on_timer() {
  const Ref self(this);
  end_batch();
  const base::TimePoint now = clock_.now();
  if (!connection_.awaits_input()) check_deadlines(now);
  if (!connection_.has_ended()) check_peer(now);
  if (!connection_.has_ended()) arm_timer(now);
}

void ClientStreamCore::check_deadlines(base::TimePoint now) {
  if (connection_.has_ended()) return;
  connection_.check_deadlines(now, stream_->input_pending());
  connection_.note_room();
  deliver_failures();
}

void ClientStreamCore::check_peer(base::TimePoint now) {
  if (!connection_.peer_is_due(now)) return;
  connection_.check_peer(now, sent_bytes(), stream_->input_pending());
  if (!connection_.has_ended() && connection_.has_output()) write_wanted_.set();
  const bool has_ended = connection_.has_ended();
  obey();
  if (has_ended) deliver_failures();
}

SentBytes ClientStreamCore::sent_bytes() const {
  if (!connection_.can_write()) return {0, 1};  // nothing that is sent will be acknowledged any more
  const base::ByteCount taken = connection_.consumed();
  const std::optional<runtime::Unacknowledged> unacknowledged = stream_->unacknowledged();
  if (!unacknowledged) return {taken, 0};
  return {taken - std::min<base::ByteCount>(unacknowledged->bytes, taken), unacknowledged->under_way};
}

// --- Ends ------------------------------------------------------------------------------------------------------------

void ClientStreamCore::terminate(Errc errc, std::string why) {
  if (connection_.has_ended()) return;
  const Ref self(this);
  connection_.terminate(errc, std::move(why));
  obey();
  deliver_failures();
}

// A completion may close or destroy the stream, which ends the others of this turn first.
void ClientStreamCore::deliver_failures() {
  const Ref self(this);
  connection_.deliver_failures();
  obey();
}

// Also what completions that run here submit: with the handle, nobody is left to wait for another turn.
void ClientStreamCore::shut_down() {
  const Ref self(this);
  terminate(Errc::closed, "closed by its owner");
  while (connection_.has_failures()) deliver_failures();
}

runtime::Task<void> ClientStreamCore::close(Ref<ClientStreamCore> self, base::Duration limit) {
  self->check_use();
  self->connection_.drain("closed by its owner");
  self->obey();
  const base::TimePoint until = base::saturating_add(self->clock_.now(), limit);
  const auto drained = co_await runtime::with_deadline(self->clock_, until, runtime::until_set(self->drained_));
  self->terminate(Errc::closed, drained ? "closed by its owner" : "closed by its owner before all responses had come");
  self->deliver_failures();
}

}  // namespace razor::stream
