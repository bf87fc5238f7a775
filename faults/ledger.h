#pragma once
// Ledger: what became of every call of a run, seen from both ends: the caller's, and the handlers'. It stands outside of the
// simulated hosts, so that crashes do not reach it, and says at once when a rule of faults/contract.md is broken: 1-7, 10-15, 27, 36.
//
//   faults::Ledger ledger(world);
//   const std::uint64_t id = ledger.submitted({.name = "Work.once", .caller = "caller0", .timeout = 2s});  // id: an argument
//   ledger.dispatched(id, "server1", hash);                        // the handler, as its first act
//   ledger.answered(id, faults::HandlerAnswer::value, hash);       // and before it returns
//   ledger.succeeded(id, hash);                                    // the caller's completion
//   ...
//   ledger.check_all();                                            // when all deadlines have passed
//
// It reads the callers' clocks itself, and sees for itself when a host is paused, killed or crashes: calls of one that is gone
// need not end. A broken rule about a call is reported with the call's whole story (sim::report_text "call 17").
//
// What it cannot see: attempts that reached no handler (NetworkOracle has those); whether a dispatch was too late, as bytes
// may be under way for any time (unless LedgerConfig says how long); who answered, where the peer is trusted with nothing;
// the story of a call that ended long ago (the counts stay: a second run is seen for ever).

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "faults/call_stories.h"
#include "faults/host_pauses.h"
#include "faults/rule.h"
#include "razor/base/error.h"

namespace razor::faults {

struct LedgerConfig {
  /// By how much an end may be later than it should. The simulator's turns take time when very many come at one instant.
  base::Duration slack = std::chrono::milliseconds(1);
  /// How long after the deadline (in the world's time) a request may still come to a handler: as long as anything can be
  /// under way, and a server stand still. Rule 14.
  base::Duration dispatch_delay_max = base::Duration::max();
  /// How long the story of a call is kept behind its end.
  base::Duration story_kept_for = std::chrono::minutes(1);
  /// Untrusted peers call our servers too: a handler may be given a call that no caller has submitted.
  bool untrusted_peers_call = false;
};
static_assert(std::is_trivially_copyable_v<LedgerConfig>);

/// What is promised to the caller of one call. It lives during `submitted` only.
struct CallTerms {
  std::string_view name{};  ///< "Work.once"; for reports
  std::string_view caller{};  ///< its host, or "host/pool" where a host has several that are closed one by one
  base::Duration timeout{};
  /// How much later than its deadline it may end; none: an eighth of its timeout, between 10 ms and 1 s.
  std::optional<base::Duration> tick{};
  std::uint64_t request_hash = 0;  ///< of the arguments
  /// Handlers that may be entered: 1, and the retries of an idempotent call. One that answers `refused` does not count.
  std::uint32_t runs_max = 1;
  /// Deadlines are looked at: rules 2 and 3.
  bool times_checked = true;
  /// Servers are told how long it has, and may refuse it, by clocks that differ: it may time out early then, if it did not run.
  bool servers_know_deadlines = false;
  /// It may end before its deadline, unsent, for what another connection would have cured: it fails fast, goes by one
  /// stream, or may be pushed out by a full queue. Rule 15 is not looked at.
  bool may_end_unsent = false;
  /// False: a peer that is asked may answer anything it likes, also well-formed lies. Rules 3, 6, 7, 10, 11 and 36, and that
  /// a success ran, are not looked at.
  bool peers_trusted = true;
  /// All is well again: it must not end with an error of the framework. Rule 27.
  bool must_succeed = false;
};
static_assert(std::is_trivially_copyable_v<CallTerms>);

class Ledger final : private sim::Observer {
 public:
  /// The world outlives it.
  explicit Ledger(sim::World& world, const LedgerConfig& config = {});
  Ledger(const Ledger&) = delete;
  ~Ledger() override;

  // --- The caller, in its completions
  /// Before the call is made. Its id: to be sent with the request; an id that an untrusted peer makes up is not known. Clocks are
  /// those of the caller's host.
  std::uint64_t submitted(const CallTerms& terms);
  /// `hash`: of the value, as it was given to `answered`.
  void succeeded(std::uint64_t id, std::uint64_t hash);
  /// With the handler's own error.
  void ended_with_error(std::uint64_t id, std::uint64_t hash);
  /// With one that sends the call elsewhere, and the pool does not follow: nothing was done.
  void refused(std::uint64_t id);
  void failed(std::uint64_t id, const base::CallError& error);
  /// The caller dropped it: it must not end any more.
  void abandoned(std::uint64_t id);

  // --- Handlers
  /// `request_hash`: of the arguments as they came.
  void dispatched(std::uint64_t id, std::string_view server, std::uint64_t request_hash);
  /// `hash`: of the value or error.
  void answered(std::uint64_t id, HandlerAnswer answer, std::uint64_t hash = 0);

  // --- What callers do
  /// close(limit) begins; calls that are submitted from now on are refused.
  void closing(std::string_view caller, base::Duration limit);
  /// It has returned. Nothing that was submitted before it began ends after this.
  void closed(std::string_view caller);
  /// The caller has something new to call with. (Also after a crash, without saying so.)
  void opened(std::string_view caller);

  /// When all deadlines have passed: every call has ended, and every close returned.
  void check_all();

  /// Calls submitted so far.
  std::size_t calls() const { return calls_.size(); }
  /// That have not ended, whose callers are still there.
  std::size_t under_way() const { return under_way_; }
  std::size_t succeeded_count() const { return succeeded_; }
  std::size_t error_count() const { return errors_; }
  std::size_t refused_count() const { return refused_; }
  std::size_t failed_count() const;
  std::size_t failed_count(base::Errc errc) const;
  std::size_t abandoned_count() const { return abandoned_; }
  /// Whose callers were gone before they ended.
  std::size_t gone_count() const { return gone_; }
  /// Calls that came to a handler; each counts once.
  std::size_t dispatched_count() const { return dispatched_; }

  /// "call 17", as reports name it.
  static std::string name_of_call(std::uint64_t id);
  /// What happened to it, a line each, in the world's time.
  std::string story(std::uint64_t id) const;

 private:
  using Step = CallStories::Step;
  using Stage = CallStories::Stage;
  using Story = CallStories::Story;
  enum class State : std::uint8_t { under_way, ended, abandoned, gone };
  // What is known of it for ever: two words a call.
  struct Call {
    std::uint32_t story;  // its place in stories_, or kNoStory
    std::uint8_t runs = 0;
    std::uint8_t runs_max = 1;
    State state = State::under_way;
    bool ever_dispatched : 1 = false;
    bool said_no : 1 = false;  // its caller was told that it did not run
    bool told : 1 = false;  // its story was reported
    bool while_closing : 1 = false;  // submitted when its caller was closing or closed
    bool ended_gone : 1 = false;  // its end was told though its caller was gone
  };
  enum class Phase : std::uint8_t { open, closing, closed };
  struct Caller {
    std::string name;
    std::uint16_t number;  // in callers_
    sim::Host* host;
    Phase phase = Phase::open;
    base::TimePoint closing_since{};  // of its clock
    base::Duration limit{};
    std::size_t under_way = 0;  // of those that were submitted while it was open
  };

  static constexpr std::uint32_t kNoStory = ~std::uint32_t{0};

  void on_occurrence(const sim::Occurrence& occurrence) override;
  void host_gone(std::uint64_t number);
  base::TimePoint latest_end(const Story& story, const sim::Host& host) const;
  // When a close must have returned.
  base::TimePoint latest_close(const Caller& caller) const;

  // All that holds of every end. Null when there is no more to look at.
  const Story* end(std::uint64_t id, Step step, std::uint64_t value, std::uint8_t detail, Call*& call);
  void leave(Call& call, State state);
  void check_told_truth(std::uint64_t id, Call& call, base::Ran ran);

  std::uint64_t id_of(std::uint32_t number) const;
  // Null for an id that was never given.
  Call* find(std::uint64_t id);
  Story* story_of(const Call& call) { return call.story == kNoStory ? nullptr : &stories_[call.story]; }
  void drop_old_stories();
  Caller& caller(std::string_view name);
  void note(Call& call, Step step, std::string_view host, std::uint64_t value = 0, std::uint8_t detail = 0);

  void tell(std::uint64_t id);

  sim::World& world_;
  LedgerConfig config_;
  std::vector<Call> calls_;
  CallStories stories_;
  struct Ended {
    base::TimePoint at;
    std::uint32_t number;
  };
  std::deque<Ended> ended_;  // that have a story still, the oldest first
  std::vector<std::unique_ptr<Caller>> callers_;
  HostPauses pauses_;
  std::array<std::size_t, 32> failed_{};  // by errc
  std::size_t under_way_ = 0;
  std::size_t succeeded_ = 0;
  std::size_t errors_ = 0;
  std::size_t refused_ = 0;
  std::size_t abandoned_ = 0;
  std::size_t gone_ = 0;
  std::size_t dispatched_ = 0;
  std::size_t told_ = 0;  // stories
};

}  // namespace razor::faults
