#pragma once
// Engine: what all parts of one simulated world share: the clock, what is still to happen, chance, the digest, and who
// watches.

#include <array>
#include <string_view>
#include <vector>

#include "razor/base/bytes.h"
#include "razor/runtime/trace.h"
#include "sim/digest.h"
#include "sim/event_queue.h"
#include "sim/seed.h"

namespace razor::sim {

/// What can happen. The order is part of every digest.
enum class EventKind : std::uint8_t {
  turn,            ///< a Runtime ran what was ready; value: its number on the host
  timer,           ///< timers of a Runtime fired
  written,         ///< a program wrote; value: a hash of the bytes
  arrived,         ///< bytes came to a socket; value: how many
  read,            ///< a program read; value: how many bytes
  end_sent,        ///< a direction was ended
  end_arrived,
  reset_sent,
  reset_arrived,
  lost,            ///< a segment did not arrive; value: attempts so far
  connecting,      ///< value: the port
  connected,
  refused,
  connect_failed,
  listening,
  crashed,
  restarted,
  paused,
  resumed,
  cut,             ///< a link lets nothing through from here on
  healed,
  drew,            ///< a Runtime drew a seed
  noted,           ///< a scenario's own
};
inline constexpr std::size_t kEventKindCount = 23;
std::string_view name_of(EventKind kind);

/// One thing that happened, at `where`: a host's number, or that of a direction of a connection.
struct Occurrence {
  base::TimePoint at;
  EventKind kind;
  std::uint64_t where;
  std::uint64_t value;
  bool operator==(const Occurrence&) const = default;
};

class Host;

/// What goes from one end of a connection to the other, all at once. It lives during the call only.
struct Packet {
  enum class Kind : std::uint8_t {
    open,     ///< the client asks for a connection
    opened,   ///< the server has it
    refused,  ///< nobody listens there
    bytes,
    end,      ///< of what this end sends
    reset,
  };
  Kind kind;
  const Host& from;
  const Host& to;
  const runtime::Address& from_address;
  const runtime::Address& to_address;
  std::uint64_t direction;   ///< as in Occurrence::where; 0 while there is no connection
  base::ByteCount position;  ///< of the first byte, in all that this end sends
  base::ByteView bytes;
  base::TimePoint sent_at;
  base::TimePoint arrives_at;
};

/// Called as things happen. Watching changes nothing: the digest stays the same. World::watch adds one.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_occurrence(const Occurrence&) {}
  /// The text of the `noted` that was told just before.
  virtual void on_note(std::string_view) {}

  /// A packet leaves at `sent_at`: now, or later if it is sent again. It arrives at `arrives_at` unless it is lost.
  virtual void on_sent(const Packet&) {}
  /// A packet has come, or as much of it as the receiver has room for. Later ones of its direction come later.
  virtual void on_arrived(const Packet&) {}
  /// What a direction had sent, or was about to send, will not arrive.
  virtual void on_dropped(std::uint64_t /*direction*/) {}

  // What runs on a host reports calls and the like (runtime/trace.h). A span of a host that crashes may not end.
  virtual void on_span_begin(const Host&, runtime::SpanId, const runtime::SpanStart&) {}
  virtual void on_span_number(const Host&, runtime::SpanId, std::uint64_t /*number*/) {}
  virtual void on_span_event(const Host&, runtime::SpanId, std::string_view /*name*/) {}
  virtual void on_span_end(const Host&, runtime::SpanId, const runtime::SpanEnd&) {}
};

/// The time of day at which every world begins, since 1970.
inline constexpr std::int64_t kWallClockAtStartNs = 1'700'000'000'000'000'000;

class Engine {
 public:
  explicit Engine(Seed seed) : seed_(seed), entropy_(seed.of("scenario").stream("entropy")) {}

  base::TimePoint now() const { return now_; }
  const Seed& seed() const { return seed_; }
  std::uint64_t events() const { return events_; }
  const Digest& digest() const { return digest_; }

  void schedule(Event& event, base::TimePoint at) { queue_.schedule(event, at); }
  void schedule_after(Event& event, base::Duration span) { queue_.schedule(event, base::saturating_add(now_, span)); }
  void schedule_now(Event& event) { queue_.schedule_now(event); }

  /// What the scenario's own code gets that asks the machine for chance; hosts have theirs.
  std::uint64_t entropy() {
    const std::uint64_t drawn = entropy_.bits();
    occurred(EventKind::drew, 0, drawn);
    return drawn;
  }

  /// Lets the next thing happen, if that is no later than `until`. False when nothing is left until then.
  bool run_one(base::TimePoint until) {
    if (Event* event = queue_.take_now()) {
      ++events_;
      EventQueue::fire(*event);
      return true;
    }
    if (!queue_.has_timed() || queue_.next_time() > until) return false;
    now_ = queue_.next_time() > now_ ? queue_.next_time() : now_;
    ++events_;
    EventQueue::fire(queue_.take_timed());
    return true;
  }
  /// Time passes to `at`; what is scheduled before has happened.
  void advance_to(base::TimePoint at) {
    if (at > now_) now_ = at;
  }
  bool idle() const { return queue_.empty(); }

  /// Everything that a program could tell goes through here.
  void occurred(EventKind kind, std::uint64_t where, std::uint64_t value) {
    digest_.mix(static_cast<std::uint64_t>(now_.time_since_epoch().count()));
    digest_.mix((where << 8 | static_cast<std::uint64_t>(kind)) ^ value << 32 ^ value >> 32);
    if (!observers_.empty()) [[unlikely]] {
      tell(&Observer::on_occurrence, Occurrence{now_, kind, where, value});
    }
  }

  void add_observer(Observer& observer) { observers_.push_back(&observer); }
  void remove_observer(Observer& observer) { std::erase(observers_, &observer); }
  bool observed() const { return !observers_.empty(); }
  /// `engine.tell(&Observer::on_note, text)`, to all of them. Worth its arguments only while somebody watches.
  template <class... Parameters, class... Arguments>
  void tell(void (Observer::*what)(Parameters...), const Arguments&... arguments) {
    for (Observer* observer : observers_) (observer->*what)(arguments...);
  }
  /// Not those of hosts and connections: whether somebody watches must not change what others are numbered.
  runtime::SpanId next_span() { return ++spans_; }

  /// Numbers hosts, connections and the like, from 1.
  std::uint64_t next_number() { return ++numbers_; }

  // --- For the time limit of a run: which program does not come to its end
  using Tell = void(const Host&);
  /// Whose Runtime had the last turn; null before the first one.
  const Host* last_to_turn() const { return last_to_turn_; }
  void set_last_to_turn(const Host& host) { last_to_turn_ = &host; }
  /// `question` is called once, as soon as a program asks its Runtime to run again: from that program's code. May be called from
  /// a signal handler of the world's thread.
  void ask(Tell* question) { question_ = question; }
  Tell* take_question() {
    Tell* const question = question_;
    if (question != nullptr) [[unlikely]] question_ = nullptr;
    return question;
  }

 private:
  Seed seed_;
  RandomStream entropy_;
  base::TimePoint now_{};
  std::uint64_t events_ = 0;
  std::uint64_t numbers_ = 0;
  runtime::SpanId spans_ = runtime::kNoSpan;
  Digest digest_;
  std::vector<Observer*> observers_;
  const Host* volatile last_to_turn_ = nullptr;
  Tell* volatile question_ = nullptr;
  EventQueue queue_;
};

}  // namespace razor::sim
