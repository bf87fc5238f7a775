#include "sim/direction.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "sim/connection.h"
#include "sim/host.h"

namespace razor::sim {

namespace {

constexpr base::Duration kFirstRetransmission = std::chrono::milliseconds(200);
constexpr base::Duration kLastRetransmission = std::chrono::seconds(120);
constexpr int kAttemptsMax = 15;
// A buffer that grew beyond this gives its memory back when it is empty.
constexpr std::size_t kBufferKept = 16 * base::kKiB;

base::Duration retransmission_after(int attempts) {
  const base::Duration doubled = kFirstRetransmission * (std::int64_t{1} << std::min(attempts - 1, 20));
  return std::min(doubled, kLastRetransmission);
}

}  // namespace

Direction::Direction(Connection& connection, int from, Link& link) : connection_(connection), from_(from), link_(link) {}

std::uint64_t Direction::number() const { return connection_.number() << 1 | static_cast<std::uint64_t>(from_); }

std::size_t Direction::room() const {
  const auto unacknowledged = static_cast<std::size_t>(written_ - arrived_);
  const std::size_t size = connection_.config().send_buffer;
  return unacknowledged >= size ? 0 : size - unacknowledged;
}

void Direction::write(std::span<const base::ByteView> buffers, std::size_t count) {
  std::uint64_t hash = count;
  std::size_t left = count;
  for (const base::ByteView buffer : buffers) {
    const base::ByteView part = buffer.first(std::min(left, buffer.size()));
    bytes_.insert(bytes_.end(), part.begin(), part.end());
    hash = hash * 31 + hash_of(part);
    left -= part.size();
    if (left == 0) break;
  }
  connection_.engine().occurred(EventKind::written, number(), hash);
  send(count);
}

// Cuts what was written into pieces that arrive one after the other.
void Direction::send(std::size_t count) {
  Engine& engine = connection_.engine();
  while (count > 0) {
    std::size_t piece = std::min<std::size_t>(count, link_.config().segment_bytes_max);
    if (piece > 1 && link_.random().one_in(link_.config().split_one_in)) piece = 1 + link_.random().below(piece - 1);
    bool is_lost = false;
    if (!link_.rules().empty()) [[unlikely]] {
      piece = split_by_rules(piece);
      is_lost = change_by_rules(piece);
    }
    const base::TimePoint arrives_at = link_.arrival(piece);
    written_ += piece;
    count -= piece;
    push_segment(Kind::bytes, written_, arrives_at);
    segments_.back().is_lost = is_lost;
    if (engine.observed()) [[unlikely]]
      tell(&Observer::on_sent, segments_.back(), written_ - piece, piece);
  }
}

Segment Direction::segment_at(base::ByteCount position, std::size_t count) {
  const base::MutableBytes bytes(bytes_.data() + begin_ + static_cast<std::size_t>(position - read_), count);
  return {link_.from(), link_.to(), connection_.number(), from_, position, bytes};
}

// Of the next `count` bytes, how many go first.
std::size_t Direction::split_by_rules(std::size_t count) {
  std::size_t least = count;
  for (Rule* rule : link_.rules()) {
    const std::size_t wanted = rule->split(segment_at(written_, count));
    if (wanted > 0) least = std::min(least, wanted);
  }
  return least;
}

bool Direction::change_by_rules(std::size_t count) {
  Segment leaving = segment_at(written_, count);
  for (Rule* rule : link_.rules()) rule->on_segment(leaving);
  return leaving.is_lost;
}

void Direction::push_segment(Kind kind, base::ByteCount end, base::TimePoint arrives_at) {
  last_arrival_ = std::max(last_arrival_, arrives_at);
  segments_.push_back({connection_.engine().now(), last_arrival_, end, kind});
  schedule_arrival();
}

void Direction::tell(void (Observer::*what)(const Packet&), const SentSegment& segment, base::ByteCount position,
                     std::size_t count) const {
  const Socket& sender = connection_.socket(from_);
  const Socket& receiver = connection_.socket(1 - from_);
  const auto kind = segment.kind == Kind::bytes ? Packet::Kind::bytes
                    : segment.kind == Kind::end ? Packet::Kind::end
                                                : Packet::Kind::reset;
  base::ByteView bytes;
  if (count > 0) bytes = {bytes_.data() + begin_ + static_cast<std::size_t>(position - read_), count};
  connection_.engine().tell(what, Packet{kind, sender.host(), receiver.host(), sender.local(), receiver.local(), number(),
                                         position, bytes, segment.sent_at, segment.arrives_at});
}

// Of what was sent, the part that has not arrived.
void Direction::tell_sent_again(const SentSegment& segment) const {
  if (connection_.engine().observed()) [[unlikely]] {
    tell(&Observer::on_sent, segment, arrived_, static_cast<std::size_t>(segment.end - arrived_));
  }
}

void Direction::schedule_arrival() {
  if (!has_segments() || window_is_closed_ || arrival_.scheduled()) return;
  connection_.engine().schedule(arrival_, std::max(segments_[segments_begin_].arrives_at, connection_.engine().now()));
}

void Direction::pop_segment() {
  if (++segments_begin_ < segments_.size()) {
    if (segments_begin_ < 64 || 2 * segments_begin_ < segments_.size()) return;
    segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(segments_begin_));
  } else {
    segments_.clear();
  }
  segments_begin_ = 0;
}

void Direction::end() {
  if (std::exchange(ended_, true)) return;
  connection_.engine().occurred(EventKind::end_sent, number(), written_);
  push_segment(Kind::end, written_, link_.arrival(0));
  if (connection_.engine().observed()) [[unlikely]]
    tell(&Observer::on_sent, segments_.back(), written_, 0);
}

void Direction::reset() {
  connection_.engine().occurred(EventKind::reset_sent, number(), written_);
  ended_ = true;
  if (window_is_closed_) {  // what waits for room never left
    arrival_.cancel();
    segments_.clear();
    segments_begin_ = 0;
    window_is_closed_ = false;
    last_arrival_ = connection_.engine().now();
  }
  push_segment(Kind::reset, written_, link_.arrival(0));
  if (connection_.engine().observed()) [[unlikely]]
    tell(&Observer::on_sent, segments_.back(), written_, 0);
}

void Direction::drop() {
  if (connection_.engine().observed()) [[unlikely]]
    connection_.engine().tell(&Observer::on_dropped, number());
  arrival_.cancel();
  acknowledgement_.cancel();
  segments_.clear();
  segments_begin_ = 0;
  window_is_closed_ = false;
}

// What waited for room goes on, to find nobody.
void Direction::receiver_closed() {
  window_is_closed_ = false;
  schedule_arrival();
}

void Direction::sender_crashed() {
  if (window_is_closed_) drop();
}

void Direction::arrive() {
  SentSegment& segment = segments_[segments_begin_];
  Socket& sender = connection_.socket(from_);
  Socket& receiver = connection_.socket(1 - from_);
  if (const std::optional<LossCause> cause = loss_of(segment)) {
    connection_.engine().occurred(EventKind::lost, number(), static_cast<std::uint64_t>(attempts_));
    const Loss loss{link_.from(), link_.to(), connection_.number(), segment.sent_at, *cause};
    for (Rule* rule : link_.rules()) rule->on_lost(loss);
    const bool is_sent_again = segment.kind != Kind::reset && sender.state() != Socket::State::host_crashed;
    if (is_sent_again && ++attempts_ <= kAttemptsMax) {
      send_again(segment);
      return;
    }
    drop();
    if (is_sent_again) sender.timed_out();
    connection_.delete_if_unused();
    return;
  }
  attempts_ = 0;
  const SentSegment arriving = segment;
  if (arriving.kind == Kind::reset) {
    drop();
    connection_.engine().occurred(EventKind::reset_arrived, number(), 0);
    if (connection_.engine().observed()) [[unlikely]]
      tell(&Observer::on_arrived, arriving, arriving.end, 0);
    receiver.reset_arrived();
    connection_.delete_if_unused();
    return;
  }
  // Nobody is there any more: what comes is answered by a reset.
  const bool nobody_reads = receiver.state() == Socket::State::closed && arriving.kind == Kind::bytes;
  if (receiver.state() == Socket::State::host_crashed || receiver.is_dead() || nobody_reads) {
    drop();
    if (!sender.is_dead() && sender.state() != Socket::State::host_crashed) connection_.from(1 - from_).reset();
    connection_.delete_if_unused();
    return;
  }
  if (deliver(arriving)) pop_segment();
  schedule_arrival();
  connection_.delete_if_unused();
}

// Empty when it arrives.
std::optional<LossCause> Direction::loss_of(const SentSegment& segment) {
  if (!connection_.socket(1 - from_).host().is_up()) return LossCause::host_down;
  if (connection_.is_severed()) [[unlikely]]
    return LossCause::severed;
  if (!link_.let_through_since(segment.sent_at)) return LossCause::cut;
  if (segment.is_lost) [[unlikely]]
    return LossCause::rule;
  return std::nullopt;
}

std::size_t Direction::under_way(base::TimePoint since, base::TimePoint until) const {
  std::size_t count = 0;
  for (std::size_t i = segments_begin_; i < segments_.size(); ++i) {
    // What waits for room is sent anew when there is some.
    if (i == segments_begin_ && window_is_closed_) continue;
    if (segments_[i].sent_at >= since && segments_[i].sent_at < until) ++count;
  }
  return count;
}

void Direction::send_again(SentSegment& segment) {
  segment.is_lost = false;
  segment.sent_at = connection_.engine().now() + retransmission_after(attempts_);
  segment.arrives_at = segment.sent_at + link_.latency();
  last_arrival_ = segment.arrives_at;
  // What was sent behind it has to wait for it.
  for (std::size_t i = segments_begin_ + 1; i < segments_.size(); ++i) {
    segments_[i].arrives_at = std::max(segments_[i].arrives_at, last_arrival_);
    last_arrival_ = segments_[i].arrives_at;
    segments_[i].sent_at = std::max(segments_[i].sent_at, segment.sent_at);
  }
  tell_sent_again(segment);
  schedule_arrival();
}

// True when all of it has arrived; else the receiver has no room for the rest.
bool Direction::deliver(const SentSegment& segment) {
  Engine& engine = connection_.engine();
  Socket& receiver = connection_.socket(1 - from_);
  const std::size_t buffer = connection_.config().receive_buffer;
  const std::size_t room = buffer - std::min(buffer, readable());
  const std::size_t count = std::min(room, static_cast<std::size_t>(segment.end - arrived_));
  if (count > 0) {
    arrived_ += count;
    if (acknowledgements_pass()) acknowledged_ = arrived_;
    engine.occurred(EventKind::arrived, number(), count);
    if (engine.observed()) [[unlikely]]
      tell(&Observer::on_arrived, segment, arrived_ - count, count);
    if (!link_.rules().empty()) [[unlikely]] {
      const Segment arrived = segment_at(arrived_ - count, count);
      for (Rule* rule : link_.rules()) rule->on_arrived(arrived);
    }
    if (connection_.socket(from_).writer_waits()) schedule_acknowledgement();
  }
  const bool is_whole = arrived_ == segment.end;
  window_is_closed_ = !is_whole;
  if (is_whole && segment.kind == Kind::end) {
    end_arrived_ = true;
    engine.occurred(EventKind::end_arrived, number(), 0);
    if (engine.observed()) [[unlikely]]
      tell(&Observer::on_arrived, segment, segment.end, 0);
  }
  if (count > 0 || end_arrived_) receiver.bytes_arrived();
  return is_whole;
}

// Each arrival is acknowledged, and one acknowledgement covers all that arrived: the earliest tells the writer of its room.
// Where none comes in time, the writer's system sends again what has arrived, which is acknowledged anew.
void Direction::schedule_acknowledgement() {
  Link& back = connection_.from(1 - from_).link();
  base::Duration comes_after = back.latency();
  base::Duration sent_again_after{};
  for (int attempts = 1; attempts <= kAttemptsMax; ++attempts) {
    sent_again_after += retransmission_after(attempts);
    if (sent_again_after >= comes_after) break;
    comes_after = std::min(comes_after, sent_again_after + link_.latency() + back.latency());
  }
  const base::TimePoint comes_at = base::saturating_add(connection_.engine().now(), comes_after);
  if (acknowledgement_.scheduled() && acknowledgement_.at() <= comes_at) return;
  connection_.engine().schedule_after(acknowledgement_, comes_after);
}

void Direction::receiver_crashes() {
  if (acknowledgements_pass()) acknowledged_ = arrived_;
}

// A machine that is gone repeats no acknowledgement that a cut has kept back.
bool Direction::acknowledgements_pass() const {
  if (connection_.socket(1 - from_).state() == Socket::State::host_crashed) return false;
  return !connection_.from(1 - from_).link().is_cut() && !connection_.is_severed();
}

runtime::Unacknowledged Direction::unacknowledged() const {
  // An acknowledgement covers all that arrived, and is sent again while the sender does not have it.
  const base::ByteCount acknowledged = acknowledgements_pass() ? arrived_ : acknowledged_;
  const std::uint64_t bytes = written_ - acknowledged;
  // What arrived and is not known to have arrived is sent again and again; what waits for room has not left.
  return {bytes, window_is_closed_ ? arrived_ - acknowledged : bytes};
}

void Direction::acknowledge() { connection_.socket(from_).room_appeared(); }

std::size_t Direction::read(base::MutableBytes to) {
  const std::size_t count = std::min(readable(), to.size());
  if (count == 0) return 0;
  std::memcpy(to.data(), bytes_.data() + begin_, count);
  begin_ += count;
  read_ += count;
  if (begin_ == bytes_.size()) {
    begin_ = 0;
    if (bytes_.capacity() > kBufferKept) {
      bytes_ = {};
    } else {
      bytes_.clear();
    }
  } else if (begin_ > bytes_.size() / 2 && begin_ > kBufferKept) {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }
  connection_.engine().occurred(EventKind::read, number(), count);
  if (window_is_closed_) {
    // The sender hears of the room, and what it sends then needs its time to come here.
    window_is_closed_ = false;
    SentSegment& waiting = segments_[segments_begin_];
    const base::Duration reverse = connection_.from(1 - from_).link().latency();
    waiting.sent_at = connection_.engine().now() + reverse;
    waiting.arrives_at = waiting.sent_at + link_.latency();
    tell_sent_again(waiting);
    schedule_arrival();
  }
  return count;
}

}  // namespace razor::sim
