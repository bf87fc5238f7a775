#pragma once
// Direction: what one end of a connection has sent and the other has not read: segments that are under way, and bytes that
// wait to be read. It loses, repeats and delays them as a network and two systems do; connection.h says where it differs.

#include <optional>
#include <span>
#include <vector>

#include "razor/runtime/byte_stream.h"
#include "sim/link.h"

namespace razor::sim {

class Connection;

class Direction {
 public:
  /// What end `from` sends over `link`.
  Direction(Connection& connection, int from, Link& link);

  // --- The sender's side
  std::size_t room() const;
  /// What the sender's system has not seen acknowledged.
  runtime::Unacknowledged unacknowledged() const;
  /// Takes `count` bytes from the front of `buffers`: at most `room()`.
  void write(std::span<const base::ByteView> buffers, std::size_t count);
  /// The end comes behind what was written.
  void end();
  /// What did not leave yet is dropped; the peer learns of it behind what did.
  void reset();
  /// Nothing more arrives.
  void drop();
  void sender_crashed();
  bool ended() const { return ended_; }

  // --- The receiver's side
  std::size_t readable() const { return static_cast<std::size_t>(arrived_ - read_); }
  bool end_arrived() const { return end_arrived_; }
  void receiver_closed();
  /// Its machine is gone in a moment: what it has acknowledged until now is known.
  void receiver_crashes();
  std::size_t read(base::MutableBytes to);

  /// How much of what is under way was sent in [since, until).
  std::size_t under_way(base::TimePoint since, base::TimePoint until) const;
  /// Nothing of it is under way.
  bool idle() const { return !arrival_.scheduled() && segments_begin_ == segments_.size(); }
  base::ByteCount written() const { return written_; }
  Link& link() { return link_; }

 private:
  enum class Kind : std::uint8_t { bytes, end, reset };
  struct SentSegment {
    base::TimePoint sent_at;
    base::TimePoint arrives_at;
    base::ByteCount end;  // the position behind its last byte
    Kind kind;
    bool is_lost = false;  // by a rule
  };
  struct Arrival final : Event {
    explicit Arrival(Direction& owner)
        : Event([](Event& event) { static_cast<Arrival&>(event).direction.arrive(); }), direction(owner) {}
    Direction& direction;
  };
  struct Acknowledgement final : Event {
    explicit Acknowledgement(Direction& owner)
        : Event([](Event& event) { static_cast<Acknowledgement&>(event).direction.acknowledge(); }), direction(owner) {}
    Direction& direction;
  };

  void send(std::size_t count);
  Segment segment_at(base::ByteCount position, std::size_t count);
  std::size_t split_by_rules(std::size_t count);
  bool change_by_rules(std::size_t count);
  // For who watches.
  void tell(void (Observer::*what)(const Packet&), const SentSegment& segment, base::ByteCount position,
            std::size_t count) const;
  void tell_sent_again(const SentSegment& segment) const;
  void push_segment(Kind kind, base::ByteCount end, base::TimePoint arrives_at);
  void schedule_arrival();
  void arrive();
  std::optional<LossCause> loss_of(const SentSegment& segment);
  void send_again(SentSegment& segment);
  bool deliver(const SentSegment& segment);
  void acknowledge();
  void schedule_acknowledgement();
  bool acknowledgements_pass() const;
  bool has_segments() const { return segments_begin_ < segments_.size(); }
  void pop_segment();
  /// Of this direction, in occurrences.
  std::uint64_t number() const;

  Connection& connection_;
  const int from_;
  Link& link_;
  std::vector<std::byte> bytes_;  // from `read_` on, behind `begin_` that were read
  std::size_t begin_ = 0;
  base::ByteCount written_ = 0;
  base::ByteCount arrived_ = 0;
  base::ByteCount acknowledged_ = 0;  // of what arrived, as far as the sender's system was told
  base::ByteCount read_ = 0;
  std::vector<SentSegment> segments_;
  std::size_t segments_begin_ = 0;
  base::TimePoint last_arrival_{};
  Arrival arrival_{*this};
  Acknowledgement acknowledgement_{*this};
  int attempts_ = 0;
  bool window_is_closed_ = false;  // the receiver has no room
  bool ended_ = false;
  bool end_arrived_ = false;
};

}  // namespace razor::sim
