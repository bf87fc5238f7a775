#include "sim/socket.h"

#include <algorithm>
#include <utility>

#include "sim/connection.h"
#include "sim/running.h"
#include "sim/sim_runtime.h"

namespace razor::sim {

using runtime::ByteStream;
using std::make_error_code;

Socket::Socket(Connection& connection, int end, Host& host, runtime::Address local, runtime::Address peer)
    : connection_(connection), end_(end), host_(host), local_(std::move(local)), peer_(std::move(peer)) {}

Direction& Socket::in() const { return connection_.from(1 - end_); }
Direction& Socket::out() const { return connection_.from(end_); }

bool Socket::try_read(ByteStream::Read& read) {
  if (in().readable() > 0) {
    read.finish(in().read(read.buffer()));
  } else if (in().end_arrived()) {
    read.finish(std::size_t{0});
  } else if (error_) {
    read.finish(std::exchange(error_, {}));
  } else if (is_dead_) {
    read.finish(std::size_t{0});
  } else {
    return false;
  }
  return true;
}

bool Socket::try_write(ByteStream::Write& write) {
  if (error_) {
    write.finish(std::exchange(error_, {}));
    return true;
  }
  if (is_dead_ || write_is_shut_) {
    write.finish(make_error_code(std::errc::broken_pipe));
    return true;
  }
  std::size_t total = 0;
  for (const base::ByteView buffer : write.buffers()) total += buffer.size();
  RAZOR_CHECK(total > 0, "write of no bytes");
  const std::size_t count = std::min(total, out().room());
  if (count == 0) return false;
  out().write(write.buffers(), count);
  write.finish(count);
  return true;
}

bool Socket::start(ByteStream::Read& read) {
  RAZOR_CHECK(reader_ == nullptr, "two reads at a time on {}", peer_);
  RAZOR_CHECK(!read.buffer().empty(), "read into an empty buffer");
  if (state_ != State::open) {
    read.finish(make_error_code(std::errc::operation_canceled));
    return true;
  }
  reader_ = &read;
  if (has_to_read() && !read_turn_.is_linked()) runtime_->queue(read_turn_);
  return false;
}

bool Socket::start(ByteStream::Write& write) {
  RAZOR_CHECK(writer_ == nullptr, "two writes at a time on {}", peer_);
  if (state_ != State::open) {
    write.finish(make_error_code(std::errc::operation_canceled));
    return true;
  }
  if (runtime_->may_go_on_at_once() && try_write(write)) return true;
  writer_ = &write;
  if (may_write() && !write_turn_.is_linked()) runtime_->queue(write_turn_);
  return false;
}

bool Socket::has_to_read() const { return in().readable() > 0 || in().end_arrived() || is_dead_; }
bool Socket::may_write() const { return is_dead_ || write_is_shut_ || out().room() > 0; }

void Socket::wake_reader() {
  if (reader_ != nullptr && has_to_read() && !read_turn_.is_linked()) runtime_->run_soon(read_turn_);
}

void Socket::room_appeared() {
  if (writer_ != nullptr && may_write() && !write_turn_.is_linked()) runtime_->run_soon(write_turn_);
}

void Socket::run_read() {
  {
    const InSimulator in_simulator;
    if (reader_ == nullptr || !try_read(*reader_)) return;
  }
  std::exchange(reader_, nullptr)->resume_now();
}

void Socket::run_write() {
  {
    const InSimulator in_simulator;
    if (writer_ == nullptr || !try_write(*writer_)) return;
  }
  std::exchange(writer_, nullptr)->resume_now();
}

base::Result<void> Socket::shutdown_write() {
  if (state_ != State::open) return make_error_code(std::errc::operation_canceled);
  if (is_dead_) return make_error_code(std::errc::not_connected);
  write_is_shut_ = true;
  out().end();
  return {};
}

void Socket::cancel_waiting() {
  const std::error_code canceled = make_error_code(std::errc::operation_canceled);
  if (ByteStream::Read* read = std::exchange(reader_, nullptr)) {
    read->finish(canceled);
    runtime_->queue(*read);
  }
  if (ByteStream::Write* write = std::exchange(writer_, nullptr)) {
    write->finish(canceled);
    runtime_->queue(*write);
  }
}

void Socket::close() {
  if (state_ == State::host_crashed) cancel_waiting();  // their coroutines are about to be destroyed, after this
  if (state_ != State::open) return;
  cancel_waiting();
  state_ = State::closed;
  if (is_dead_) return;
  if (in().readable() > 0) {
    out().reset();  // as systems do where bytes were not read
    is_dead_ = true;
  } else {
    out().end();
  }
  in().receiver_closed();
}

void Socket::reset() {
  if (state_ != State::open) return;
  cancel_waiting();
  state_ = State::closed;
  if (std::exchange(is_dead_, true)) return;
  out().reset();
  in().receiver_closed();
}

void Socket::host_crashed() {
  if (state_ == State::host_crashed) return;
  read_turn_.unlink();
  write_turn_.unlink();
  in().receiver_crashes();
  state_ = State::host_crashed;
  out().sender_crashed();
}

void Socket::die(std::errc error) {
  is_dead_ = true;
  error_ = make_error_code(error);
  out().drop();
  if (state_ != State::open || runtime_ == nullptr) return;
  wake_reader();
  room_appeared();
}

void Socket::reset_arrived() {
  if (is_dead_) return;
  die(in().end_arrived() ? std::errc::broken_pipe : std::errc::connection_reset);
}

void Socket::reset_by_network() {
  if (!is_dead_) die(std::errc::connection_reset);
}

void Socket::timed_out() {
  if (!is_dead_) die(std::errc::timed_out);
}

std::optional<runtime::Unacknowledged> Socket::unacknowledged() const {
  if (state_ != State::open || is_dead_ || peer_.family() == runtime::Address::Family::unix_socket) return std::nullopt;
  return out().unacknowledged();
}

std::size_t Socket::bytes_readable() const { return state_ == State::open ? in().readable() : 0; }

}  // namespace razor::sim
