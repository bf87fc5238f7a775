#pragma once
// ServerTimeouts: until when a server waits for the peer of one connection: for its first byte, the rest of a request, the
// taking of responses. Pure: it is told what happens, and says when to check again and why the connection should be closed.

#include <algorithm>
#include <optional>
#include <string_view>

#include "razor/stream/internal/server_in_flight.h"
#include "razor/stream/server_config.h"

namespace razor::stream {

class ServerTimeouts {
 public:
  /// How far the request has come that the peer is sending.
  enum class Reading : std::uint8_t {
    between,  // no byte of it
    head,
    body,
    paused,  // we do not read: whatever the peer does, it cannot be late
  };

  /// Why a connection is closed.
  enum class Overdue { nothing, first_byte, idle, head, body, write };

  /// `config` and `running` outlive it. While a handler runs, which ends in a write, the connection is not idle.
  ServerTimeouts(const ServerConfig& config, const ServerInFlight& running, base::TimePoint accepted)
      : config_(config), running_(running), reading_since_(accepted), writing_since_(accepted) {}

  /// `count` bytes have come, and reading has got as far as `reading`. `frames` requests were completed by them.
  void on_bytes(base::TimePoint now, base::ByteCount count, std::size_t frames, Reading reading) {
    has_spoken_ = true;
    body_bytes_ += count;
    const bool moved_on = frames > 0 || reading != reading_;
    if (moved_on || (reading == Reading::body && body_bytes_ >= config_.body_progress_bytes)) start(now, reading);
  }
  /// Reading stops until the peer has taken answers, or goes on.
  void on_pause(base::TimePoint now) { start(now, Reading::paused); }
  void on_resume(base::TimePoint now, Reading reading) { start(now, reading); }

  /// Answers wait to be written from now on; or the peer took some; or nothing is left to write.
  void on_write_begins(base::TimePoint now) {
    if (!writing_) writing_since_ = write_began_ = now;
    writing_ = true;
  }
  void on_write_progress(base::TimePoint now) { writing_since_ = now; }
  /// Of the bytes written since the connection began, the peer's machine has acknowledged `total`; nullopt: nobody knows.
  /// To be told at `next_sample`, and after writes that took a part only, when `sample_is_due`.
  void on_acknowledged(base::TimePoint now, std::optional<base::ByteCount> total) {
    samples_ = total.has_value();
    sampled_at_ = now;
    if (total.value_or(0) <= acknowledged_) return;
    acknowledged_ = *total;
    if (writing_) writing_since_ = now;
  }
  /// When to ask again what is acknowledged; max: not while things are as they are.
  base::TimePoint next_sample() const {
    if (!writing_ || !samples_) return base::TimePoint::max();
    return base::saturating_add(std::max(*sampled_at_, write_began_), sample_period());
  }
  bool sample_is_due(base::TimePoint now) const {
    return !sampled_at_ || now >= base::saturating_add(*sampled_at_, sample_period());
  }
  void on_written(base::TimePoint now) {
    writing_ = false;
    if (reading_ == Reading::between) reading_since_ = now;  // idle from here on
  }

  /// Connections are short from now on, or are not any more: those that never sent a byte are closed earlier then.
  void set_crowded(bool crowded) { crowded_ = crowded; }

  Overdue check(base::TimePoint now) const {
    if (writing_ && now >= write_deadline()) return Overdue::write;
    if (now < read_deadline()) return Overdue::nothing;
    switch (reading_) {
      case Reading::head: return Overdue::head;
      case Reading::body: return Overdue::body;
      case Reading::between: return has_spoken_ ? Overdue::idle : Overdue::first_byte;  // crowded or not
      case Reading::paused: break;
    }
    return Overdue::nothing;
  }

  /// When to check again; max: not before something happens.
  base::TimePoint next_check() const { return writing_ ? std::min(read_deadline(), write_deadline()) : read_deadline(); }

 private:
  void start(base::TimePoint now, Reading reading) {
    reading_ = reading;
    reading_since_ = now;
    body_bytes_ = 0;
  }

  base::Duration sample_period() const { return std::min(config_.write_stall_timeout / 4, config_.linger_timeout); }
  base::TimePoint write_deadline() const { return base::saturating_add(writing_since_, config_.write_stall_timeout); }
  base::TimePoint read_deadline() const {
    switch (reading_) {
      case Reading::head: return base::saturating_add(reading_since_, config_.head_timeout);
      case Reading::body: return base::saturating_add(reading_since_, config_.body_progress_timeout);
      case Reading::between:
        if (writing_ || !running_.empty()) break;
        return base::saturating_add(reading_since_, has_spoken_ || !crowded_
                                                        ? config_.idle_timeout
                                                        : std::min(config_.first_byte_timeout, config_.idle_timeout));
      case Reading::paused: break;
    }
    return base::TimePoint::max();
  }

  const ServerConfig& config_;
  const ServerInFlight& running_;
  Reading reading_ = Reading::between;
  base::TimePoint reading_since_;
  base::ByteCount body_bytes_ = 0;  // of the body being read, since `reading_since_`
  bool has_spoken_ = false;
  bool crowded_ = false;
  bool writing_ = false;
  base::TimePoint writing_since_;
  base::ByteCount acknowledged_ = 0;
  bool samples_ = false;  // what is acknowledged is known
  base::TimePoint write_began_;
  std::optional<base::TimePoint> sampled_at_;
};

std::string_view name_of(ServerTimeouts::Overdue overdue);

}  // namespace razor::stream
