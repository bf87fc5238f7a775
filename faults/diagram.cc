#include "faults/diagram.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "faults/fault_kind.h"

namespace razor::faults {
namespace {

using std::chrono::milliseconds;

// What more would make the picture unreadable.
constexpr std::size_t kOtherCallsMost = 12;
constexpr std::size_t kConcernedCallsMost = 40;
constexpr std::size_t kCallsBehindMost = 2;  // the failure
constexpr std::size_t kMomentsMost = 30;
constexpr std::size_t kFaultsMost = 24;
constexpr std::size_t kHostsMost = 16;

// Pixels.
constexpr int kAxisWidth = 104;
constexpr int kNotesWidth = 400;
constexpr int kHeadHeight = 26;
constexpr int kTop = kHeadHeight + 30;
constexpr int kNoteHeight = 17;
constexpr int kRowLeast = 13;
constexpr int kRowMost = 48;
constexpr int kBreakHeight = 46;
constexpr int kLetterWidth = 7;
constexpr int kBarWidth = 7;
// Of calls that are only near to the failure: what comes later behind it is not shown.
constexpr base::Duration kShownBehind = milliseconds(50);
// Connections and the like are told of when they are this near.
constexpr base::Duration kNear = std::chrono::seconds(1);
// A stretch in which nothing happens is cut short when it is this long, and so many times the usual one.
constexpr base::Duration kIdleLeast = milliseconds(400);
constexpr int kIdleTimes = 12;
constexpr base::Duration kIdleAlways = std::chrono::seconds(5);

// Between notes of a time that come in another order than they were written.
constexpr std::size_t kNotesApart = 1'000'000;

// Not dispatched: the arrow ends so far on its way.
constexpr double kLostAt = 0.55;
constexpr int kLostFall = 9;

struct Note {
  std::size_t order;  // among those of the same time
  std::string text;
  std::string css;
  std::optional<std::size_t> host;
};

struct DrawnFault {
  const Fault* fault;
  std::size_t index;  // in the plan
  base::Duration began;
  std::optional<base::Duration> ended;
  std::vector<std::size_t> hosts;
  std::size_t slot = 0;  // beside others on the same hosts
};

struct DrawnCall {
  Story::Call call;  // without what comes long behind the failure
  bool is_concerned;
  bool goes_on = false;  // then
  std::size_t client = 0;
  std::size_t server = 0;
};

struct DrawnMoment {
  const Story::Moment* moment;
  std::size_t host;
};

base::Duration distance_to(const Story::Call& call, const std::vector<base::Duration>& anchors) {
  base::Duration least = base::Duration::max();
  for (const base::Duration anchor : anchors) {
    const base::Duration before = call.first() > anchor ? call.first() - anchor : base::Duration::zero();
    const base::Duration behind = call.last() < anchor ? anchor - call.last() : base::Duration::zero();
    least = std::min(least, std::max(before, behind));
  }
  return least;
}

base::Duration distance_to(base::Duration at, const std::vector<base::Duration>& anchors) {
  base::Duration least = base::Duration::max();
  for (const base::Duration anchor : anchors) least = std::min(least, anchor > at ? anchor - at : at - anchor);
  return least;
}

bool is_trouble(Story::Moment::Kind kind) {
  using Kind = Story::Moment::Kind;
  return kind == Kind::crashed || kind == Kind::killed || kind == Kind::restarted || kind == Kind::paused ||
         kind == Kind::resumed;
}

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

// The ends of hosts' names tell them apart.
std::string shortened_within(std::string_view name, std::size_t letters_max) {
  if (name.size() <= letters_max) return std::string(name);
  const bool has_simple_letters = std::ranges::all_of(name, [](char letter) { return letter > 0; });
  if (!has_simple_letters) return shortened(name, letters_max);
  const std::size_t behind = letters_max / 2;
  return shortened(name, letters_max - behind) + std::string(name.substr(name.size() - behind));
}

class Diagram {
 public:
  explicit Diagram(const PageContent& content) : content_(content), story_(content.story) {
    find_anchors();
    choose_calls();
    choose_faults();
    choose_hosts();
    choose_moments();
    write_notes();
    lay_out();
  }

  std::string svg() {
    draw_lanes();
    draw_breaks();
    draw_faults();
    draw_failure();
    for (const bool concerned : {false, true}) {
      for (const DrawnCall& call : calls_) {
        if (call.is_concerned == concerned) draw(call);
      }
    }
    draw_stages();
    draw_moments();
    draw_notes();
    draw_axis();
    draw_heads();
    return fmt::format(
        "<svg class=\"diagram\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" role=\"img\" aria-label=\"What "
        "happened between {2} hosts, from top to bottom; the same is said in words beside it.\">\n{3}</svg>\n",
        width(), height_, hosts_.size(), out_);
  }

 private:
  // --- What is shown
  void find_anchors() {
    for (const CallStory& call : content_.calls) {
      for (const CallStory::Stage& stage : call.stages) anchors_.push_back(stage.at);
    }
    anchors_.push_back(content_.failure.at);
  }

  // The attempts that a call's stages tell of: at the same moment, on the same host, while the caller waited for it. Where
  // several fit, those of its name are meant; on a connection it may have another, as a number.
  std::set<const Story::Call*> concerned_calls() const {
    std::set<const Story::Call*> concerned;
    for (const CallStory& call : content_.calls) {
      std::vector<const Story::Call*> fitting;
      std::vector<const Story::Call*> of_its_name;
      for (const Story::Call& span : story_.calls) {
        if (!is_attempt_of(call, span)) continue;
        fitting.push_back(&span);
        if (call.stages.front().what.find(span.name) != std::string::npos) of_its_name.push_back(&span);
      }
      const auto& meant = of_its_name.empty() ? fitting : of_its_name;
      concerned.insert(meant.begin(), meant.end());
    }
    // Or the message names a connection: those that are under way on it.
    for (const Story::Call& span : story_.calls) {
      const bool is_under_way = span.first() <= content_.failure.at && (!span.ended || *span.ended >= content_.failure.at);
      const bool is_named = !span.connection.empty() && content_.failure.message.find(span.connection) != std::string::npos;
      if (is_named && is_under_way) concerned.insert(&span);
    }
    return concerned;
  }
  // Its caller takes part in what went wrong.
  bool is_involved(const std::string& host) const {
    const bool is_at_a_stage = std::ranges::any_of(content_.calls, [&host](const CallStory& call) {
      return std::ranges::find(call.stages, host, &CallStory::Stage::host) != call.stages.end();
    });
    return is_at_a_stage || content_.failure.message.find(host) != std::string::npos;
  }
  static bool is_attempt_of(const CallStory& call, const Story::Call& span) {
    if (call.stages.empty()) return false;
    const CallStory::Stage& submitted = call.stages.front();
    base::Duration waited_to = submitted.at;
    bool fits = false;
    for (const CallStory::Stage& stage : call.stages) {
      if (stage.host == submitted.host) waited_to = stage.at;
      const bool at_server = span.dispatched == stage.at || span.answered == stage.at;
      const bool at_client = span.began == stage.at || span.ended == stage.at;
      fits = fits || (span.server == stage.host && at_server) || (span.client == stage.host && at_client);
    }
    if (waited_to == submitted.at) waited_to = base::Duration::max();
    return fits && span.client == submitted.host && (!span.began || (*span.began >= submitted.at && *span.began <= waited_to));
  }

  void choose_calls() {
    struct Candidate {
      const Story::Call* call;
      bool is_concerned;
      bool is_involved;  // and near
      base::Duration distance;
    };
    const std::set<const Story::Call*> concerned = concerned_calls();
    std::vector<Candidate> candidates;
    for (const Story::Call& call : story_.calls) {
      const base::Duration distance = distance_to(call, anchors_);
      candidates.push_back({&call, concerned.contains(&call), distance <= kNear && is_involved(call.client), distance});
    }
    std::ranges::sort(candidates, [](const Candidate& one, const Candidate& other) {
      if (one.is_concerned != other.is_concerned) return one.is_concerned;
      if (one.is_involved != other.is_involved) return one.is_involved;
      return std::tuple(one.distance, one.call) < std::tuple(other.distance, other.call);  // in one array: in its order
    });
    std::size_t concerned_shown = 0;
    std::size_t others = 0;
    std::size_t behind = 0;
    for (const Candidate& candidate : candidates) {
      const bool is_behind = candidate.call->first() > content_.failure.at;
      if (!candidate.is_concerned && candidate.call->first() > horizon()) continue;
      std::size_t& count = candidate.is_concerned ? concerned_shown : is_behind ? behind : others;
      if (++count > (candidate.is_concerned ? kConcernedCallsMost : is_behind ? kCallsBehindMost : kOtherCallsMost)) continue;
      calls_.push_back({*candidate.call, candidate.is_concerned});
      if (!candidate.is_concerned) cut_off(calls_.back());
    }
  }

  base::Duration horizon() const { return *std::ranges::max_element(anchors_) + kShownBehind; }
  void cut_off(DrawnCall& drawn) const {
    const base::Duration end = horizon();
    for (auto* at : {&drawn.call.dispatched, &drawn.call.answered, &drawn.call.ended}) {
      if (!*at || **at <= end) continue;
      at->reset();
      drawn.goes_on = true;
    }
  }

  void choose_faults() {
    for (std::size_t index = 0; index < content_.plan.faults.size() && faults_.size() < kFaultsMost; ++index) {
      const Fault& fault = content_.plan.faults[index];
      const auto span = std::ranges::find(story_.faults, fault.number, &Story::FaultSpan::number);
      if (span == story_.faults.end()) continue;
      faults_.push_back({&fault, index, span->began, end_of(fault, *span), {}, 0});
    }
  }

  // What is over at once says no end, nor does what had nothing to do.
  std::optional<base::Duration> end_of(const Fault& fault, const Story::FaultSpan& span) const {
    if (span.ended) return span.ended;
    if (find_kind(fault.what) == nullptr) return span.began;
    const base::Duration end = span.began + fault.lasts;
    return end <= content_.failure.at ? std::optional(end) : std::nullopt;
  }

  // Callers to the left, as requests are read; others of the story only while there is room.
  void choose_hosts() {
    std::set<std::string> callers;
    std::set<std::string> wanted;
    for (const DrawnCall& drawn : calls_) {
      callers.insert(drawn.call.client);
      wanted.insert({drawn.call.client, drawn.call.server});
    }
    for (const CallStory& call : content_.calls) {
      if (!call.stages.empty()) callers.insert(call.stages.front().host);
      for (const CallStory::Stage& stage : call.stages) wanted.insert(stage.host);
    }
    for (const DrawnFault& drawn : faults_) wanted.insert(drawn.fault->where.begin(), drawn.fault->where.end());
    std::vector<std::string> all = story_.hosts;
    for (const std::string& host : wanted) {
      if (std::ranges::find(all, host) == all.end()) all.push_back(host);
    }
    for (const bool as_callers : {true, false}) {
      for (const std::string& host : all) {
        const bool has_room = all.size() <= kHostsMost || wanted.contains(host);
        if (callers.contains(host) == as_callers && has_room && hosts_.size() < kHostsMost) hosts_.push_back(host);
      }
    }
    std::erase_if(calls_, [this](DrawnCall& drawn) {
      const auto client = lane_of(drawn.call.client);
      const auto server = lane_of(drawn.call.server);
      if (client) drawn.client = *client;
      if (server) drawn.server = *server;
      return !client || !server;
    });
    for (DrawnFault& drawn : faults_) {
      for (const std::string& host : drawn.fault->where) {
        if (const auto lane = lane_of(host)) drawn.hosts.push_back(*lane);
      }
      for (const DrawnFault& other : faults_) {
        if (&other == &drawn) break;
        if (!overlap(drawn, other)) continue;
        drawn.slot = std::max(drawn.slot, other.slot + 1);
      }
    }
  }
  static bool overlap(const DrawnFault& one, const DrawnFault& other) {
    if (one.ended.value_or(base::Duration::max()) < other.began || other.ended.value_or(base::Duration::max()) < one.began) {
      return false;
    }
    return std::ranges::any_of(one.hosts,
                               [&](std::size_t host) { return std::ranges::find(other.hosts, host) != other.hosts.end(); });
  }

  std::optional<std::size_t> lane_of(std::string_view host) const {
    const auto found = std::ranges::find(hosts_, host);
    if (found == hosts_.end()) return std::nullopt;
    return static_cast<std::size_t>(found - hosts_.begin());
  }

  // What became of hosts always; the rest when it is near.
  void choose_moments() {
    struct Candidate {
      DrawnMoment moment;
      bool is_trouble;
      base::Duration distance;
    };
    using Kind = Story::Moment::Kind;
    std::vector<Candidate> candidates;
    for (const Story::Moment& moment : story_.moments) {
      const auto lane = lane_of(moment.host);
      if (!lane && moment.kind != Kind::note) continue;
      // What faults of the plan do is told as theirs.
      if ((moment.kind == Kind::cut || moment.kind == Kind::healed) && !faults_.empty()) continue;
      const base::Duration distance = distance_to(moment.at, anchors_);
      // Behind the failure scenarios may do anything, as to end all hosts.
      const bool is_behind = moment.at > *std::ranges::max_element(anchors_);
      if (is_behind || (!is_trouble(moment.kind) && distance > kNear)) continue;
      candidates.push_back({{&moment, lane.value_or(0)}, is_trouble(moment.kind), distance});
    }
    std::ranges::sort(candidates, [](const Candidate& one, const Candidate& other) {
      if (one.is_trouble != other.is_trouble) return one.is_trouble;
      return std::tuple(one.distance, one.moment.moment) < std::tuple(other.distance, other.moment.moment);
    });
    candidates.resize(std::min(candidates.size(), kMomentsMost));
    for (const Candidate& candidate : candidates) moments_.push_back(candidate.moment);
    std::ranges::sort(moments_, {}, &DrawnMoment::moment);
  }

  // --- In words
  void note(base::Duration at, std::size_t order, std::string text, std::string css, std::optional<std::size_t> host) {
    const std::size_t written = notes_.size();
    notes_.emplace(at, Note{order * kNotesApart + written, std::move(text), std::move(css), host});
  }

  bool is_told_by_a_fault(const Story::Moment& moment) const {
    return std::ranges::any_of(faults_, [&](const DrawnFault& drawn) {
      const bool at_its_end = drawn.began == moment.at || drawn.ended == moment.at;
      return at_its_end && std::ranges::find(drawn.fault->where, moment.host) != drawn.fault->where.end();
    });
  }

  bool is_a_stage(base::Duration at, const std::string& host) const {
    return std::ranges::any_of(content_.calls, [&](const CallStory& call) {
      return std::ranges::any_of(call.stages, [&](const auto& stage) { return stage.at == at && stage.host == host; });
    });
  }

  void write_notes() {
    for (const DrawnFault& drawn : faults_) {
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
    for (const DrawnMoment& drawn : moments_) {
      if (is_told_by_a_fault(*drawn.moment)) continue;
      const bool has_lane = drawn.moment->kind != Story::Moment::Kind::note;
      note(drawn.moment->at, 1, text_of(*drawn.moment), "note moment", has_lane ? std::optional(drawn.host) : std::nullopt);
    }
    for (const CallStory& call : content_.calls) {
      for (const CallStory::Stage& stage : call.stages) {
        note(stage.at, 2, fmt::format("{}: {} {}", call.name, stage.host, stage.what), "note stage", lane_of(stage.host));
      }
    }
    for (const DrawnCall& drawn : calls_) {
      const Story::Call& call = drawn.call;
      if (!drawn.is_concerned || !call.ended || call.outcome == "ok" || is_a_stage(*call.ended, call.client)) continue;
      note(*call.ended, 1, fmt::format("{} gives up on {}: {}", call.client, call.server, call.outcome), "note stage",
           drawn.client);
    }
    const auto rule = broken_rule(content_.failure.message);
    note(content_.failure.at, 3, rule ? fmt::format("rule {} is broken", *rule) : "the run fails here", "note failure",
         std::nullopt);
  }

  // --- Where it is
  int lane_width() const { return std::clamp(700 / static_cast<int>(std::max<std::size_t>(hosts_.size(), 1)), 76, 230); }
  int lane(std::size_t host) const { return kAxisWidth + lane_width() / 2 + static_cast<int>(host) * lane_width(); }
  int lanes_end() const { return kAxisWidth + static_cast<int>(hosts_.size()) * lane_width(); }
  int notes_begin() const { return lanes_end() + 14; }
  int width() const { return notes_begin() + kNotesWidth; }
  int row(base::Duration at) const { return rows_.at(at); }

  void add_row(const std::optional<base::Duration>& at) {
    if (at) rows_.emplace(*at, 0);
  }

  void lay_out() {
    for (const auto& [at, note] : notes_) add_row(at);
    for (const DrawnCall& drawn : calls_) {
      const Story::Call& call = drawn.call;
      for (const auto& at : {call.began, call.sent, call.dispatched, call.answered, call.ended}) add_row(at);
    }
    for (const DrawnMoment& drawn : moments_) add_row(drawn.moment->at);
    const base::Duration usual = usual_gap();
    int y = kTop;
    std::optional<base::Duration> before;
    for (auto& [at, place] : rows_) {
      if (before) {
        const int notes_height = static_cast<int>(notes_.count(*before)) * kNoteHeight;
        const base::Duration gap = at - *before;
        if (gap >= kIdleAlways || (gap >= kIdleLeast && gap >= usual * kIdleTimes)) {
          const int begin = y + std::max(notes_height - kNoteHeight / 2, kRowLeast);
          breaks_.push_back({begin, gap});
          y = begin + kBreakHeight;
        } else {
          y += std::max(gap_height(gap), notes_height + 3);
        }
      }
      place = y;
      before = at;
    }
    bottom_ = y + static_cast<int>(before ? notes_.count(*before) : 0) * kNoteHeight + 16;
    height_ = bottom_ + kHeadHeight + 10;
  }

  base::Duration usual_gap() const {
    std::vector<base::Duration> gaps;
    for (auto row = rows_.begin(); row != rows_.end() && std::next(row) != rows_.end(); ++row) {
      gaps.push_back(std::next(row)->first - row->first);
    }
    if (gaps.empty()) return base::Duration::zero();
    const std::size_t middle = (gaps.size() - 1) / 2;
    std::ranges::nth_element(gaps, gaps.begin() + static_cast<std::ptrdiff_t>(middle));
    return gaps[middle];
  }

  // Grows with time, but slowly: microseconds and seconds are in one picture.
  static int gap_height(base::Duration gap) {
    const double decades = std::log10(std::max(1.0, static_cast<double>(gap.count()) / 1e4));
    return std::clamp(kRowLeast + static_cast<int>(decades * 6), kRowLeast, kRowMost);
  }

  // --- Drawing
  template <class... Arguments>
  void draw(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Arguments>(arguments)...);
    out_ += '\n';
  }
  void draw_line(std::string_view css, int x1, int y1, int x2, int y2) {
    draw("<line class=\"{}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>", css, x1, y1, x2, y2);
  }
  void draw_text(std::string_view css, int x, int y, std::string_view text) {
    draw("<text class=\"{}\" x=\"{}\" y=\"{}\">{}</text>", css, x, y, in_html(text));
  }
  void draw_cross(std::string_view css, int x, int y, int size) {
    draw("<path class=\"{}\" d=\"M{} {}l{} {}M{} {}l{} {}\"/>", css, x - size, y - size, 2 * size, 2 * size, x - size,
         y + size, 2 * size, -2 * size);
  }

  void draw_heads() {
    for (const int y : {2, bottom_}) {
      for (std::size_t host = 0; host < hosts_.size(); ++host) {
        const int letters = std::max((lane_width() - 10) / (kLetterWidth + 2), 3);
        draw("<g><title>{}</title>", in_html(hosts_[host]));
        draw("<rect class=\"head\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"5\"/>", lane(host) - lane_width() / 2 + 3,
             y, lane_width() - 6, kHeadHeight);
        draw_text("head", lane(host), y + 17, shortened_within(hosts_[host], static_cast<std::size_t>(letters)));
        draw("</g>");
      }
    }
  }

  // A host that is down has a broken line, one that stands still a dotted one.
  void draw_lanes() {
    for (std::size_t host = 0; host < hosts_.size(); ++host) {
      int from = kHeadHeight + 2;
      std::string css = "lane";
      for (const DrawnMoment& drawn : moments_) {
        using Kind = Story::Moment::Kind;
        const Kind kind = drawn.moment->kind;
        if (drawn.host != host || !is_trouble(kind)) continue;
        draw_line(css, lane(host), from, lane(host), row(drawn.moment->at));
        from = row(drawn.moment->at);
        const bool is_down = kind == Kind::crashed || kind == Kind::killed;
        css = is_down ? "lane down" : kind == Kind::paused ? "lane paused" : "lane";
      }
      draw_line(css, lane(host), from, lane(host), bottom_);
    }
  }

  void draw_faults() {
    for (const DrawnFault& drawn : faults_) {
      const std::string colour = fault_colour(drawn.index);
      const int begin = row(drawn.began);
      const int end = drawn.ended ? row(*drawn.ended) : bottom_;
      const int offset = 5 + static_cast<int>(drawn.slot) * (kBarWidth + 2);
      draw("<g><title>{}</title>", in_html(drawn.fault->to_string()));
      if (drawn.hosts.empty()) {
        draw("<rect class=\"band {}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>", colour, kAxisWidth, begin,
             lanes_end() - kAxisWidth, std::max(end - begin, 3));
      }
      if (drawn.hosts.size() > 1) {
        const auto [left, right] = std::ranges::minmax(drawn.hosts);
        for (const int y : {begin, end}) {
          draw_line("tie " + colour, lane(left) + offset + kBarWidth, y, lane(right) + offset, y);
        }
      }
      for (const std::size_t host : drawn.hosts) {
        const int x = lane(host) + offset;
        if (end > begin) {
          draw("<rect class=\"bar {}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"2\"/>", colour, x, begin, kBarWidth,
               end - begin);
        } else {
          draw("<path class=\"bar {}\" d=\"M{} {}l6 -6l6 6l-6 6z\"/>", colour, x - 2, begin);
        }
      }
      draw("</g>");
    }
  }

  void draw_breaks() {
    for (const auto& [y, span] : breaks_) {
      const int left = kAxisWidth - 8;
      const int top = y + 12;
      std::string wave;
      for (int x = left; x < lanes_end(); x += 12) wave += "q3 -4 6 0t6 0";
      draw("<rect class=\"break\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"20\"/>", left, top, lanes_end() - left);
      for (const int edge : {top, top + 20}) draw("<path class=\"wave\" d=\"M{} {}{}\"/>", left, edge, wave);
      draw_text("pass", kAxisWidth - 14, top + 14, fmt::format("{} pass", in_words(span)));
    }
  }

  void draw_arrow(std::string_view css, int x1, int y1, int x2, int y2, bool has_head) {
    draw_line(css, x1, y1, x2, y2);
    if (!has_head) return;
    // A marker would not take the colour of its line.
    const double length = std::max(1.0, std::hypot(x2 - x1, y2 - y1));
    const double along_x = (x2 - x1) / length;
    const double along_y = (y2 - y1) / length;
    const double back_x = x2 - along_x * 8;
    const double back_y = y2 - along_y * 8;
    draw("<path class=\"{} point\" d=\"M{} {}L{:.1f} {:.1f}L{:.1f} {:.1f}z\"/>", css, x2, y2, back_x - along_y * 3.5,
         back_y + along_x * 3.5, back_x + along_y * 3.5, back_y - along_x * 3.5);
  }
  // It does not arrive, or not while we look.
  void draw_lost(const std::string& css, int x1, int y1, int x2, bool has_cross) {
    const int x = x1 + static_cast<int>((x2 - x1) * kLostAt);
    draw_line(css, x1, y1, x, y1 + kLostFall);
    if (has_cross) draw_cross(css + " cross", x, y1 + kLostFall, 4);
  }

  void draw(const DrawnCall& drawn) {
    const Story::Call& call = drawn.call;
    const std::string css = drawn.is_concerned ? "call concerned" : "call";
    const int client = lane(drawn.client);
    const int server = lane(drawn.server);
    draw("<g class=\"{}\"><title>{}</title>", css, in_html(title_of(call)));
    if (const auto left = call.sent ? call.sent : call.began) draw_request(drawn, css, client, server, row(*left));
    if (call.dispatched) {
      const int begin = row(*call.dispatched);
      const int end = call.answered ? row(*call.answered) : begin + 6;
      draw("<rect class=\"{} work\" x=\"{}\" y=\"{}\" width=\"6\" height=\"{}\"/>", css, server - 3, begin,
           std::max(end - begin, 3));
    }
    if (call.answered) draw_answer(drawn, css, client, server, row(*call.answered));
    if (call.ended) {
      draw("<circle class=\"{} {}\" cx=\"{}\" cy=\"{}\" r=\"3\"/>", css, call.outcome == "ok" ? "good" : "bad", client,
           row(*call.ended));
    }
    draw("</g>");
  }
  void draw_request(const DrawnCall& drawn, const std::string& css, int client, int server, int y) {
    const Story::Call& call = drawn.call;
    if (!call.sent) {
      draw("<circle class=\"{} unsent\" cx=\"{}\" cy=\"{}\" r=\"3\"/>", css, client, y);
    } else if (!call.dispatched) {
      draw_lost(css, client, y, server, !drawn.goes_on);
    } else {
      draw_arrow(css, client, y, server, row(*call.dispatched), true);
    }
    draw_label(call, css, client, server, y);
  }
  void draw_answer(const DrawnCall& drawn, const std::string& css, int client, int server, int y) {
    const Story::Call& call = drawn.call;
    const bool arrives = call.ended && *call.ended >= *call.answered && call.outcome.find("ran: ") == std::string::npos;
    if (arrives) {
      draw_arrow(css + " answer", server, y, client, row(*call.ended), true);
    } else if (call.began) {
      draw_lost(css + " answer", server, y, client, !drawn.goes_on);
    }
  }
  // Only where it hides nothing.
  void draw_label(const Story::Call& call, const std::string& css, int client, int server, int y) {
    const int letters = (std::abs(server - client) - 24) / kLetterWidth;
    if (letters < 6) return;
    const std::string text = shortened(call.name, static_cast<std::size_t>(std::min(letters, 26)));
    const int text_width = static_cast<int>(text.size()) * kLetterWidth;
    const int x = server > client ? client + 16 : client - 16 - text_width;
    for (const auto& [other_x, other_y] : labels_) {
      if (std::abs(other_y - y) < 13 && std::abs(other_x - x) < text_width) return;
    }
    labels_.emplace_back(x, y);
    draw_text(css + " label", x, y - 3, text);
  }
  static std::string title_of(const Story::Call& call) {
    std::string title = fmt::format("{} {}", call.name, call.connection);
    if (call.number != 0) title += fmt::format(" #{}", call.number);
    if (call.ended) title += fmt::format("\nends: {}{}{}", call.outcome, call.detail.empty() ? "" : ": ", call.detail);
    if (call.caller_is_gone) title += "\nits caller is gone";
    if (call.answered) title += fmt::format("\nthe server answers: {}", call.answer);
    if (call.server_is_gone) title += "\nthe server is gone before it answers";
    return title;
  }

  void draw_stages() {
    for (const CallStory& call : content_.calls) {
      for (const CallStory::Stage& stage : call.stages) {
        const auto host = lane_of(stage.host);
        if (host) draw("<circle class=\"stage\" cx=\"{}\" cy=\"{}\" r=\"5\"/>", lane(*host), row(stage.at));
      }
    }
  }

  void draw_moments() {
    for (const DrawnMoment& drawn : moments_) {
      using Kind = Story::Moment::Kind;
      const Story::Moment& moment = *drawn.moment;
      const int x = lane(drawn.host);
      const int y = row(moment.at);
      if (moment.kind == Kind::note) continue;
      draw("<g><title>{}</title>", in_html(text_of(moment)));
      if (moment.kind == Kind::crashed || moment.kind == Kind::killed) {
        draw_cross("crash", x, y, 7);
      } else {
        draw("<circle class=\"moment\" cx=\"{}\" cy=\"{}\" r=\"3\"/>", x, y);
      }
      draw("</g>");
    }
  }

  void draw_notes() {
    for (auto group = notes_.begin(); group != notes_.end(); group = notes_.upper_bound(group->first)) {
      std::vector<const Note*> notes;
      const auto [begin, end] = notes_.equal_range(group->first);
      for (auto note = begin; note != end; ++note) notes.push_back(&note->second);
      std::ranges::sort(notes, {}, &Note::order);
      int y = row(group->first);
      if (notes.front()->host) draw_line("leader", lane(*notes.front()->host), y, notes_begin() - 4, y);
      for (const Note* note : notes) {
        draw("<g><title>{}</title>", in_html(note->text));
        draw_text(note->css, notes_begin(), y + 4, shortened(note->text, kNotesWidth / (kLetterWidth + 1)));
        draw("</g>");
        y += kNoteHeight;
      }
    }
  }

  void draw_axis() {
    const bool in_milliseconds =
        std::ranges::all_of(rows_, [](const auto& row) { return row.first % milliseconds(1) == base::Duration::zero(); });
    int free_from = 0;
    for (const auto& [at, y] : rows_) {
      if (y < free_from) continue;
      const double seconds = std::chrono::duration<double>(at).count();
      draw_text(at == content_.failure.at ? "time failure" : "time", kAxisWidth - 14, y + 4,
                fmt::format("{:.{}f} s", seconds, in_milliseconds ? 3 : 6));
      free_from = y + 14;
    }
  }

  void draw_failure() {
    const int y = row(content_.failure.at);
    draw_line("failure", kAxisWidth - 10, y, lanes_end() + 8, y);
  }

  const PageContent& content_;
  const Story& story_;
  std::vector<base::Duration> anchors_;  // what is near to these is shown
  std::vector<std::string> hosts_;       // from the left
  std::vector<DrawnCall> calls_;
  std::vector<DrawnFault> faults_;
  std::vector<DrawnMoment> moments_;
  std::multimap<base::Duration, Note> notes_;
  std::map<base::Duration, int> rows_;
  struct Break {
    int y;
    base::Duration span;
  };
  std::vector<Break> breaks_;
  std::vector<std::pair<int, int>> labels_;
  int bottom_ = 0;
  int height_ = 0;
  std::string out_;
};

}  // namespace

std::string diagram_of(const PageContent& content) { return Diagram(content).svg(); }

std::string fault_colour(std::size_t index) {
  constexpr std::size_t kColours = 6;
  return fmt::format("colour{}", index % kColours);
}

std::string in_html(std::string_view text) {
  std::string html;
  for (const char letter : text) {
    switch (letter) {
      case '&': html += "&amp;"; break;
      case '<': html += "&lt;"; break;
      case '>': html += "&gt;"; break;
      case '"': html += "&quot;"; break;
      case '\'': html += "&#39;"; break;
      default: {
        // What HTML does not allow; names and messages may hold any bytes.
        const bool is_control = static_cast<unsigned char>(letter) < 0x20 && letter != '\n' && letter != '\t';
        html += is_control || letter == 0x7f ? "\xef\xbf\xbd" : std::string(1, letter);
      }
    }
  }
  return html;
}

std::string shortened(std::string_view text, std::size_t letters_max) {
  if (text.size() <= letters_max) return std::string(text);
  std::size_t end = letters_max > 0 ? letters_max - 1 : 0;
  // Not within a letter of several bytes.
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "…";
}

std::string in_words(base::Duration span) {
  const double seconds = std::chrono::duration<double>(span).count();
  if (seconds == 0) return "0 s";
  if (seconds < 1e-6) return fmt::format("{} ns", span.count());
  if (seconds < 1e-3) return fmt::format("{:.4g} µs", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.4g} ms", seconds * 1e3);
  if (seconds < 120) return fmt::format("{:.4g} s", seconds);
  if (seconds < 7200) return fmt::format("{:.4g} min", seconds / 60);
  return fmt::format("{:.4g} h", seconds / 3600);
}

}  // namespace razor::faults
