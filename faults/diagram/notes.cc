#include "faults/diagram/notes.h"

#include <fmt/format.h>

#include <algorithm>

#include "faults/diagram.h"
#include "faults/html_text.h"

namespace razor::faults::diagram {
namespace {

// Notes of one time come in the order of what they are about, and then in that in which they were written.
constexpr std::size_t kNotesApart = 1'000'000;

class NoteWriter {
 public:
  NoteWriter(const PageContent& content, const Selection& selection) : content_(content), selection_(selection) {
    write_faults();
    write_moments();
    write_calls();
    write_failure();
  }
  Notes take() && { return std::move(notes_); }

 private:
  void note(base::Duration at, std::size_t order, std::string text, std::string css, std::optional<std::size_t> host) {
    const std::size_t written = notes_.size();
    notes_.emplace(at, Note{order * kNotesApart + written, std::move(text), std::move(css), host});
  }

  bool is_told_by_a_fault(const Story::Moment& moment) const {
    return std::ranges::any_of(selection_.faults, [&](const DrawnFault& drawn) {
      const bool at_its_end = drawn.began == moment.at || drawn.ended == moment.at;
      return at_its_end && std::ranges::find(drawn.fault->where, moment.host) != drawn.fault->where.end();
    });
  }

  bool is_a_stage(base::Duration at, const std::string& host) const {
    return std::ranges::any_of(content_.calls, [&](const CallStory& call) {
      return std::ranges::any_of(call.stages, [&](const auto& stage) { return stage.at == at && stage.host == host; });
    });
  }

  void write_faults() {
    for (const DrawnFault& drawn : selection_.faults) {
      const Fault& fault = *drawn.fault;
      const std::optional<std::size_t> host = drawn.hosts.empty() ? std::nullopt : std::optional(drawn.hosts.front());
      std::string text = fmt::format("#{} {}", fault.number, fault.what);
      for (const std::string& name : fault.where) text += ' ' + name;
      if (fault.lasts > base::Duration::zero()) text += " for " + in_words(fault.lasts);
      note(drawn.began, 0, text, "note fault " + fault_colour(drawn.index), host);
      if (drawn.ended && *drawn.ended > drawn.began) {
        note(*drawn.ended, 0, fmt::format("#{} {} is over", fault.number, fault.what),
             "note fault " + fault_colour(drawn.index), host);
      }
    }
  }

  void write_moments() {
    for (const DrawnMoment& drawn : selection_.moments) {
      if (is_told_by_a_fault(*drawn.moment)) continue;
      const bool has_lane = drawn.moment->kind != Story::Moment::Kind::note;
      note(drawn.moment->at, 1, text_of(*drawn.moment), "note moment", has_lane ? std::optional(drawn.host) : std::nullopt);
    }
  }

  void write_calls() {
    for (const CallStory& call : content_.calls) {
      for (const CallStory::Stage& stage : call.stages) {
        note(stage.at, 2, fmt::format("{}: {} {}", call.name, stage.host, stage.what), "note stage",
             selection_.lane_of(stage.host));
      }
    }
    for (const DrawnCall& drawn : selection_.calls) {
      const Story::Call& call = drawn.call;
      if (!drawn.is_concerned || !call.ended || call.outcome == "ok" || is_a_stage(*call.ended, call.client)) continue;
      note(*call.ended, 1, fmt::format("{} gives up on {}: {}", call.client, call.server, call.outcome), "note stage",
           drawn.client);
    }
  }

  void write_failure() {
    const auto rule = broken_rule(content_.failure.message);
    note(content_.failure.at, 3, rule ? fmt::format("rule {} is broken", *rule) : "the run fails here", "note failure",
         std::nullopt);
  }

  const PageContent& content_;
  const Selection& selection_;
  Notes notes_;
};

}  // namespace

std::string text_of(const Story::Moment& moment) {
  using Kind = Story::Moment::Kind;
  switch (moment.kind) {
    case Kind::crashed: return fmt::format("{} crashes", moment.host);
    case Kind::killed: return fmt::format("{}: its programs are killed", moment.host);
    case Kind::restarted: return fmt::format("{} starts again", moment.host);
    case Kind::paused: return fmt::format("{} stands still", moment.host);
    case Kind::resumed: return fmt::format("{} goes on", moment.host);
    case Kind::cut: return fmt::format("nothing gets from {} to {} any more", moment.host, moment.other);
    case Kind::healed: return fmt::format("{} reaches {} again", moment.host, moment.other);
    case Kind::connected: return fmt::format("{} is connected with {}", moment.host, moment.other);
    case Kind::connect_failed: return fmt::format("{} cannot connect: no answer, {}", moment.host, moment.text);
    case Kind::refused: return fmt::format("{} is refused a connection, {}", moment.host, moment.text);
    case Kind::reset: return fmt::format("{} sees its connection with {} reset", moment.host, moment.other);
    case Kind::note: return moment.text;
  }
  return {};
}

Notes notes_of(const PageContent& content, const Selection& selection) { return NoteWriter(content, selection).take(); }

}  // namespace razor::faults::diagram
