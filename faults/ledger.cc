#include "faults/ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "faults/values.h"
#include "sim/running.h"

// As RAZOR_RULE, of one call, whose story is told too.
#define RAZOR_CALL_RULE(rule, id, condition, ...) \
  do {                                            \
    if (!(condition)) [[unlikely]] {              \
      RAZOR_RULE(rule, condition, __VA_ARGS__);   \
      tell(id);                                   \
    }                                             \
  } while (false)

namespace razor::faults {

using base::Duration;
using base::Errc;
using base::Ran;
using base::TimePoint;

namespace {

// What programs call here is the scenario's own, and not theirs: `simulator` in the functions below.

// A run that is broken everywhere is told by a few of its calls.
constexpr std::size_t kStoriesToldMax = 10;
constexpr std::uint8_t kRunsCounted = 255;

std::uint32_t number_of(std::uint64_t id) { return static_cast<std::uint32_t>(id); }

// Why a call that was never sent may have ended, and would not have on another connection.
bool is_cured_elsewhere(Errc errc) {
  return errc == Errc::unreachable || errc == Errc::connection_lost || errc == Errc::draining || errc == Errc::bad_frame ||
         errc == Errc::closed;
}

}  // namespace

Ledger::Ledger(sim::World& world, const LedgerConfig& config) : world_(world), config_(config) {
  world_.engine().add_observer(*this);
}

// Not World::unwatch, which would end the tracing of calls that another observer may have asked for.
Ledger::~Ledger() { world_.engine().remove_observer(*this); }

// --- The caller ------------------------------------------------------------------------------------------------------

std::uint64_t Ledger::submitted(const CallTerms& terms) {
  const sim::InSimulator in_simulator;
  drop_old_stories();
  Caller& by = caller(terms.caller);
  RAZOR_REQUIRE(calls_.size() < kNoStory, "too many calls for one ledger");
  const auto number = static_cast<std::uint32_t>(calls_.size());
  const std::uint32_t place = stories_.take(number);
  Story& story = stories_[place];
  story.name = stories_.number_of_name(terms.name);
  story.caller = by.number;
  story.times_checked = terms.times_checked;
  story.servers_know_deadlines = terms.servers_know_deadlines;
  story.may_end_unsent = terms.may_end_unsent;
  story.peers_trusted = terms.peers_trusted;
  story.must_succeed = terms.must_succeed;
  story.submitted_at = by.host->clock_now();
  story.submitted_at_world = world_.now();
  story.timeout = terms.timeout;
  story.tick = terms.tick.value_or(
      std::clamp(terms.timeout / 8, base::Duration(std::chrono::milliseconds(10)), base::Duration(std::chrono::seconds(1))));
  story.request_hash = terms.request_hash;
  Call& call = calls_.emplace_back(Call{.story = place});
  call.runs_max = static_cast<std::uint8_t>(std::min<std::uint32_t>(terms.runs_max, kRunsCounted));
  call.while_closing = by.phase != Phase::open;
  if (!call.while_closing) ++by.under_way;
  ++under_way_;
  note(call, Step::submitted, by.name);
  return id_of(number);
}

void Ledger::succeeded(std::uint64_t id, std::uint64_t hash) {
  const sim::InSimulator in_simulator;
  Call* call = nullptr;
  const Story* story = end(id, Step::succeeded, hash, 0, call);
  if (story == nullptr) return;
  ++succeeded_;
  if (!story->peers_trusted) return;
  RAZOR_CALL_RULE(13, id, call->ever_dispatched, "{} succeeded and never came to a handler", name_of_call(id));
  if (!call->ever_dispatched) return;
  bool has_value = false;
  bool has_hash = false;
  bool threw = false;
  for (const Stage& stage : story->stages) {
    if (stage.step != Step::answered) continue;
    const auto answer = static_cast<HandlerAnswer>(stage.detail);
    threw = threw || answer == HandlerAnswer::threw || answer == HandlerAnswer::dropped;
    if (answer != HandlerAnswer::value) continue;
    has_value = true;
    has_hash = has_hash || stage.value == hash;
  }
  if (!has_value && threw) {
    RAZOR_CALL_RULE(36, id, has_value, "{} succeeded, though its handler gave no answer", name_of_call(id));
  } else {
    RAZOR_CALL_RULE(11, id, has_value, "{} succeeded, and no handler had answered it with a value", name_of_call(id));
  }
  if (!has_value || has_hash) return;
  const Story* other = stories_.answered_with(hash);
  RAZOR_CALL_RULE(6, id, other == nullptr, "{} got the answer of {}", name_of_call(id), name_of_call(other->number));
  RAZOR_CALL_RULE(7, id, has_hash || other != nullptr, "{} got an answer that its handler did not give", name_of_call(id));
}

void Ledger::ended_with_error(std::uint64_t id, std::uint64_t hash) {
  const sim::InSimulator in_simulator;
  Call* call = nullptr;
  const Story* story = end(id, Step::ended_with_error, hash, 0, call);
  if (story == nullptr) return;
  ++errors_;
  if (!story->peers_trusted) return;
  RAZOR_CALL_RULE(13, id, call->ever_dispatched, "{} ended with an error of its handler, and never came to one",
                  name_of_call(id));
  if (!call->ever_dispatched) return;
  const bool was_given = std::ranges::any_of(story->stages, [hash](const Stage& stage) {
    return stage.step == Step::answered && static_cast<HandlerAnswer>(stage.detail) == HandlerAnswer::error &&
           stage.value == hash;
  });
  RAZOR_CALL_RULE(10, id, was_given, "{} ended with an error that its handler did not give", name_of_call(id));
}

void Ledger::refused(std::uint64_t id) {
  const sim::InSimulator in_simulator;
  Call* call = nullptr;
  if (end(id, Step::refused, 0, 0, call) == nullptr) return;
  ++refused_;
  check_told_truth(id, *call, Ran::no);
}

void Ledger::failed(std::uint64_t id, const base::CallError& error) {
  const sim::InSimulator in_simulator;
  Call* call = nullptr;
  const Story* story = end(id, Step::failed, 0, CallStories::packed_error(error), call);
  if (story == nullptr) return;
  ++failed_[static_cast<std::size_t>(error.errc())];
  if (error.ran() == Ran::no || story->peers_trusted) check_told_truth(id, *call, error.ran());
  const Caller& by = *callers_[story->caller];
  const Duration took = by.host->clock_now() - story->submitted_at;
  if (error.errc() == Errc::deadline_exceeded && story->times_checked && story->peers_trusted) {
    const bool was_refused = error.ran() == Ran::no && story->servers_know_deadlines;
    RAZOR_CALL_RULE(3, id, took >= story->timeout || was_refused, "{} timed out {} before its deadline", name_of_call(id),
                    to_rounded_text(story->timeout - took));
  }
  const bool was_told_to_end = by.phase != Phase::open || call->while_closing;
  if (error.ran() == Ran::no && took < story->timeout && !story->may_end_unsent && !was_told_to_end) {
    RAZOR_CALL_RULE(15, id, !is_cured_elsewhere(error.errc()), "{}, never sent, ended {} before its deadline: {}",
                    name_of_call(id), to_rounded_text(story->timeout - took), error.message());
  }
  RAZOR_CALL_RULE(27, id, !story->must_succeed || was_told_to_end, "{} failed when all was well again: {}", name_of_call(id),
                  error.message());
}

void Ledger::abandoned(std::uint64_t id) {
  const sim::InSimulator in_simulator;
  Call* call = find(id);
  RAZOR_REQUIRE(call != nullptr, "{} was never made", name_of_call(id));
  if (call->state != State::under_way) return;  // its caller may drop what has ended, too
  ++abandoned_;
  note(*call, Step::abandoned, callers_[stories_[call->story].caller]->name);
  leave(*call, State::abandoned);
}

// What holds however a call ends: it does so once, in time, and not behind the end of what it was made with.
const Ledger::Story* Ledger::end(std::uint64_t id, Step step, std::uint64_t value, std::uint8_t detail, Call*& call) {
  call = find(id);
  RAZOR_REQUIRE(call != nullptr, "{} ended and was never made", name_of_call(id));
  const bool was_gone = call->state == State::gone && !call->ended_gone;
  if (was_gone) {
    // What is torn down with its host may still tell of its end, which nobody is there to hear.
    call->ended_gone = true;
    return nullptr;
  }
  const Story* story = story_of(*call);
  if (story != nullptr) note(*call, step, callers_[story->caller]->name, value, detail);
  RAZOR_CALL_RULE(1, id, call->state != State::abandoned, "{} ended, and its caller had dropped it", name_of_call(id));
  RAZOR_CALL_RULE(1, id, call->state == State::under_way || call->state == State::abandoned, "{} ended twice",
                  name_of_call(id));
  if (call->state != State::under_way) return nullptr;
  Caller& by = *callers_[story->caller];
  RAZOR_CALL_RULE(5, id, by.phase != Phase::closed || call->while_closing, "{} ended behind the end of close of {}",
                  name_of_call(id), by.name);
  if (story->times_checked) {
    const TimePoint now = by.host->clock_now();
    const TimePoint limit = latest_end(*story, *by.host);
    RAZOR_CALL_RULE(2, id, now <= limit, "{} ended {} behind its deadline and a tick", name_of_call(id),
                    to_rounded_text(now - limit + config_.slack));
  }
  leave(*call, State::ended);
  return story;
}

void Ledger::leave(Call& call, State state) {
  const Story& story = stories_[call.story];
  if (!call.while_closing) --callers_[story.caller]->under_way;
  --under_way_;
  call.state = state;
  ended_.push_back({world_.now(), story.number});
}

void Ledger::check_told_truth(std::uint64_t id, Call& call, Ran ran) {
  call.said_no = ran == Ran::no;
  RAZOR_CALL_RULE(13, id, ran != Ran::no || call.runs == 0, "{} ran, and its caller was told that it did not",
                  name_of_call(id));
  RAZOR_CALL_RULE(13, id, ran != Ran::yes || call.ever_dispatched,
                  "{} never came to a handler, and its caller was told that it ran", name_of_call(id));
}

// --- Handlers --------------------------------------------------------------------------------------------------------

void Ledger::dispatched(std::uint64_t id, std::string_view server, std::uint64_t request_hash) {
  const sim::InSimulator in_simulator;
  Call* call = find(id);
  if (call == nullptr) {
    RAZOR_RULE(7, config_.untrusted_peers_call, "{} was given a request that nobody has made: id {:#x}", server, id);
    return;
  }
  if (!call->ever_dispatched) ++dispatched_;
  call->ever_dispatched = true;
  if (call->runs < kRunsCounted) ++call->runs;
  note(*call, Step::dispatched, server, request_hash);
  if (call->runs_max < kRunsCounted) {
    RAZOR_CALL_RULE(call->runs_max > 1 ? 14 : 12, id, call->runs <= call->runs_max, "{} ran {} times, and may {}",
                    name_of_call(id), call->runs, call->runs_max);
  }
  RAZOR_CALL_RULE(13, id, !call->said_no, "{} ran at {}, and its caller had been told that it did not", name_of_call(id),
                  server);
  const Story* story = story_of(*call);
  if (story == nullptr) return;
  RAZOR_CALL_RULE(7, id, request_hash == story->request_hash, "the request of {} came to {} as another", name_of_call(id),
                  server);
  const TimePoint latest =
      base::saturating_add(base::saturating_add(story->submitted_at_world, story->timeout), config_.dispatch_delay_max);
  RAZOR_CALL_RULE(14, id, world_.now() <= latest, "{} came to {} {} behind its deadline", name_of_call(id), server,
                  to_rounded_text(world_.now() - story->submitted_at_world - story->timeout));
}

void Ledger::answered(std::uint64_t id, HandlerAnswer answer, std::uint64_t hash) {
  const sim::InSimulator in_simulator;
  Call* call = find(id);
  if (call == nullptr) return;
  if (answer == HandlerAnswer::refused && call->runs > 0) --call->runs;  // it promises that nothing was done
  const Story* story = story_of(*call);
  if (story == nullptr) return;
  // The server that was entered last and has not answered is as good a guess as any: only reports name it.
  std::string_view server;
  for (const Stage& stage : story->stages) {
    if (stage.step == Step::dispatched) server = stories_.name(stage.host);
  }
  note(*call, Step::answered, server, hash, static_cast<std::uint8_t>(answer));
}

// --- What callers do -------------------------------------------------------------------------------------------------

void Ledger::closing(std::string_view name, Duration limit) {
  const sim::InSimulator in_simulator;
  Caller& by = caller(name);
  by.phase = Phase::closing;
  by.closing_since = by.host->clock_now();
  by.limit = limit;
}

void Ledger::closed(std::string_view name) {
  const sim::InSimulator in_simulator;
  Caller& by = caller(name);
  if (by.phase != Phase::closing) return;
  by.phase = Phase::closed;
  const TimePoint now = by.host->clock_now();
  const TimePoint limit = latest_close(by);
  RAZOR_RULE(4, now <= limit, "close of {} took {}, with a limit of {}", name, to_rounded_text(now - by.closing_since),
             to_text(by.limit));
  if (by.under_way == 0) return;
  for (std::uint32_t number = 0; number < calls_.size(); ++number) {
    const Call& call = calls_[number];
    if (call.state != State::under_way || call.while_closing || callers_[stories_[call.story].caller].get() != &by) continue;
    RAZOR_CALL_RULE(4, id_of(number), by.under_way == 0, "close of {} returned, and {} of its calls have not ended: {}",
                    name, by.under_way, name_of_call(number));
    break;
  }
}

void Ledger::opened(std::string_view name) {
  const sim::InSimulator in_simulator;
  caller(name).phase = Phase::open;
}

void Ledger::check_all() {
  for (const auto& by : callers_) {
    if (by->phase != Phase::closing || by->host->is_paused()) continue;
    const TimePoint limit = latest_close(*by);
    RAZOR_RULE(4, by->host->clock_now() <= limit, "close of {} has not returned within {}", by->name, to_text(by->limit));
  }
  if (under_way_ == 0) return;
  for (std::uint32_t number = 0; number < calls_.size(); ++number) {
    const Call& call = calls_[number];
    if (call.state != State::under_way) continue;
    const Story& story = stories_[call.story];
    const sim::Host& host = *callers_[story.caller]->host;
    const bool is_due = !host.is_paused() && host.clock_now() > latest_end(story, host);
    RAZOR_CALL_RULE(1, id_of(number), !is_due, "{} has not ended: {} of {}, timeout {}", name_of_call(number),
                    stories_.name(story.name), callers_[story.caller]->name, to_rounded_text(story.timeout));
  }
}

std::size_t Ledger::failed_count() const {
  std::size_t count = 0;
  for (const std::size_t of_one : failed_) count += of_one;
  return count;
}

std::size_t Ledger::failed_count(Errc errc) const { return failed_[static_cast<std::size_t>(errc)]; }

// --- What happens to hosts -------------------------------------------------------------------------------------------

void Ledger::on_occurrence(const sim::Occurrence& occurrence) {
  if (occurrence.kind == sim::EventKind::crashed) return host_gone(occurrence.where);
  if (occurrence.kind != sim::EventKind::paused && occurrence.kind != sim::EventKind::resumed) return;
  const sim::Host& host = *world_.fabric().hosts().at(occurrence.where - 1);
  if (occurrence.kind == sim::EventKind::paused) {
    pauses_.paused(host);
  } else {
    pauses_.resumed(host);
  }
}

void Ledger::host_gone(std::uint64_t number) {
  const sim::Host& host = *world_.fabric().hosts().at(number - 1);
  pauses_.crashed(host);
  for (Call& call : calls_) {
    if (call.state != State::under_way) continue;
    const Caller& by = *callers_[stories_[call.story].caller];
    if (by.host != &host) continue;
    note(call, Step::gone, by.name);
    leave(call, State::gone);
    ++gone_;
  }
  for (const auto& by : callers_) {
    if (by->host == &host) by->phase = Phase::open;
  }
}

TimePoint Ledger::latest_end(const Story& story, const sim::Host& host) const {
  const TimePoint limit = base::saturating_add(story.deadline(), story.tick);
  return pauses_.when_awake(host, story.submitted_at, limit, config_.slack);
}

TimePoint Ledger::latest_close(const Caller& caller) const {
  const TimePoint limit = base::saturating_add(caller.closing_since, caller.limit);
  return pauses_.when_awake(*caller.host, caller.closing_since, limit, config_.slack);
}

// --- What is kept ----------------------------------------------------------------------------------------------------

// The upper half is drawn, so that an id that a peer makes up, or that stands in a broken request, is hardly that of a call.
std::uint64_t Ledger::id_of(std::uint32_t number) const {
  const std::uint64_t drawn = sim::scrambled(sim::scrambled(world_.seed()) + number);
  return (drawn & 0xffff'ffff'0000'0000) | number;
}

Ledger::Call* Ledger::find(std::uint64_t id) {
  const std::uint32_t number = number_of(id);
  return number < calls_.size() && id_of(number) == id ? &calls_[number] : nullptr;
}

void Ledger::drop_old_stories() {
  while (!ended_.empty() && world_.now() - ended_.front().at > config_.story_kept_for) {
    Call& call = calls_[ended_.front().number];
    stories_.give_back(std::exchange(call.story, kNoStory));
    ended_.pop_front();
  }
}

Ledger::Caller& Ledger::caller(std::string_view name) {
  for (const auto& known : callers_) {
    if (known->name == name) return *known;
  }
  sim::Host& host = world_.host(name.substr(0, name.find('/')));
  const auto number = static_cast<std::uint16_t>(callers_.size());
  return *callers_.emplace_back(std::make_unique<Caller>(Caller{std::string(name), number, &host}));
}

void Ledger::note(Call& call, Step step, std::string_view host, std::uint64_t value, std::uint8_t detail) {
  Story* story = story_of(call);
  if (story == nullptr) return;
  story->stages.push_back({world_.now(), value, stories_.number_of_name(host), step, detail});
  if (call.told) sim::report_text(name_of_call(story->number), stories_.text_of(*story));
}

// --- Telling ---------------------------------------------------------------------------------------------------------

void Ledger::tell(std::uint64_t id) {
  Call& call = calls_[number_of(id)];
  if (call.told || told_ == kStoriesToldMax) return;
  call.told = true;
  ++told_;
  sim::report_text(name_of_call(id), story(id));
}

std::string Ledger::name_of_call(std::uint64_t id) { return fmt::format("call {}", number_of(id)); }

std::string Ledger::story(std::uint64_t id) const {
  const std::uint32_t number = number_of(id);
  if (number >= calls_.size()) return {};
  const Call& call = calls_[number];
  if (call.story == kNoStory) return fmt::format("it ended long ago, and ran {} times\n", call.runs);
  return stories_.text_of(stories_[call.story]);
}

}  // namespace razor::faults
