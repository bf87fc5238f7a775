#pragma once
// Story: what a page about a failure needs to know of a run: hosts, calls as both sides saw them, what became of hosts and
// links, and when faults were at work. A StoryWriter watches the world and tells records, one at a time, so that they can
// leave a process that is about to crash; a StoryReader makes a Story of them.
//
//   faults::StoryReader reader(focus);
//   faults::StoryWriter writer(world, [&reader](std::string_view record) { reader.take(record); });
//   world.watch(writer);
//   ...
//   const faults::Story story = reader.story();

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/world.h"

namespace razor::faults {

/// All times are the world's, since it began.
struct Story {
  struct Moment {
    enum class Kind : std::uint8_t {
      crashed,
      killed,
      restarted,
      paused,
      resumed,
      cut,
      healed,  ///< what goes from `host` to `other`
      connected,
      connect_failed,
      refused,
      reset,
      note,         ///< of the scenario's own
    };
    base::Duration at{};
    Kind kind{};
    std::string host;
    std::string other;  ///< the other end, where there is one
    std::string text;
  };

  /// What was noted of a fault of the plan.
  struct FaultSpan {
    std::uint32_t number = 0;
    base::Duration began{};
    std::optional<base::Duration> ended;
  };

  /// One attempt to have something done over a connection: the two spans that belong together.
  struct Call {
    std::string name;
    std::string client;      ///< hosts
    std::string server;
    std::string connection;  ///< "client:32769 > server:7000"
    std::uint64_t number = 0;  ///< on the connection; 0: it never left

    // The caller's side. Empty where nothing is known of it: the peer reports no calls, or it began long before.
    std::optional<base::Duration> began;
    std::optional<base::Duration> sent;
    std::optional<base::Duration> ended;
    std::string outcome;  ///< "ok", "deadline_exceeded (ran: maybe)"
    std::string detail;   ///< a sentence, or empty
    bool caller_is_gone = false;
    // The server's.
    std::optional<base::Duration> dispatched;
    std::optional<base::Duration> answered;
    std::string answer;
    bool server_is_gone = false;

    base::Duration first() const;
    base::Duration last() const;
  };

  std::vector<std::string> hosts;  ///< as the world made them
  std::vector<Moment> moments;     ///< in order, as are the others
  std::vector<FaultSpan> faults;
  std::vector<Call> calls;
  std::uint64_t calls_left_out = 0;
  std::uint64_t moments_left_out = 0;
};

std::string_view name_of(Story::Moment::Kind kind);

/// Given each record, whole, as it is written.
using TellRecord = std::function<void(std::string_view)>;

class StoryWriter final : public sim::Observer {
 public:
  /// Has hosts report their calls. The world, and what `tell` needs, outlive it.
  StoryWriter(sim::World& world, TellRecord tell);
  StoryWriter(const StoryWriter&) = delete;
  /// Tells of hosts to which nothing happened.
  ~StoryWriter() override { tell_new_hosts(); }

 private:
  void on_occurrence(const sim::Occurrence& occurrence) override;
  void on_note(std::string_view text) override;
  void on_span_begin(const sim::Host& host, runtime::SpanId id, const runtime::SpanStart& start) override;
  void on_span_number(const sim::Host& host, runtime::SpanId id, std::uint64_t number) override;
  void on_span_end(const sim::Host& host, runtime::SpanId id, const runtime::SpanEnd& end) override;

  void tell_new_hosts();
  void moment(Story::Moment::Kind kind, std::uint64_t host, std::uint64_t other = 0, std::string_view text = {});
  void record(std::initializer_list<std::string_view> fields);
  std::string_view host_name(std::uint64_t number) const;
  // Of an address: a host's name, or its IP.
  std::string_view host_name(const runtime::Address& address) const;
  std::string_view now();

  sim::World& world_;
  TellRecord tell_;
  std::size_t hosts_told_ = 0;
  std::string now_text_;
  std::string record_;
};

/// What a reader keeps, whatever comes: the memory of a story is bounded.
struct StoryFocus {
  struct Window {
    base::Duration from{};
    base::Duration to{};
  };
  /// Calls and moments within these are kept first.
  std::vector<Window> windows;
  std::size_t calls_max = 4000;    ///< in windows, and as many of the last ones
  std::size_t moments_max = 4000;  ///< likewise
};

class StoryReader {
 public:
  explicit StoryReader(StoryFocus focus = {}) : focus_(std::move(focus)) {}

  /// What no writer wrote is passed over.
  void take(std::string_view record);
  /// So far.
  Story story() const;

 private:
  using Fields = std::vector<std::string>;
  struct Known {
    Story::Call call;
    bool asks = false;     // which of its spans go on
    bool answers = false;
    bool is_closed = false;  // it waits in closed_
  };
  // Of things in the order they were over: those in windows, and the last ones.
  template <class Thing>
  struct Kept {
    std::vector<Thing> in_windows;
    std::deque<Thing> last;
    std::uint64_t left_out = 0;

    void add(Thing thing, bool is_in_window, std::size_t most);
  };

  void take_moment(const Fields& fields, base::Duration at);
  void take_note(const std::string& text, base::Duration at);
  void take_begin(const Fields& fields, base::Duration at);
  void take_number(std::uint64_t span, std::uint64_t number, base::Duration at);
  void take_end(const Fields& fields, base::Duration at);
  void host_gone(const std::string& host);
  void close_if_over(std::uint64_t id, Known& known);
  void put_away(std::uint64_t id);
  bool is_in_window(base::Duration from, base::Duration to) const;

  StoryFocus focus_;
  std::vector<std::string> hosts_;
  std::vector<Story::FaultSpan> faults_;
  Kept<Story::Moment> moments_;
  Kept<Story::Call> calls_;
  // Calls that go on, and for a while those that are over: the other side may begin only then.
  std::map<std::uint64_t, Known> known_;  // by a number of ours
  std::deque<std::uint64_t> closed_;
  struct Span {
    std::uint64_t call;
    bool asks;
  };
  std::map<std::uint64_t, Span> spans_;
  std::map<std::pair<std::string, std::uint64_t>, std::uint64_t> call_of_number_;  // by connection, so that both sides meet
  std::uint64_t next_call_ = 0;
};

}  // namespace razor::faults
