#include "faults/diagram/selection.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "faults/fault_kind.h"

namespace razor::faults::diagram {
namespace {

// More would make the picture unreadable.
constexpr std::size_t kOtherCallsMax = 12;
constexpr std::size_t kConcernedCallsMax = 40;
constexpr std::size_t kCallsAfterMax = 2;  // the failure
constexpr std::size_t kMomentsMax = 30;
constexpr std::size_t kFaultsMax = 24;
constexpr std::size_t kHostsMax = 16;
// Calls that are only near to the failure are shown up to so long after it.
constexpr base::Duration kShownAfter = std::chrono::milliseconds(50);
// Connections and the like are shown when they are this near.
constexpr base::Duration kNear = std::chrono::seconds(1);

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

class Selector {
 public:
  explicit Selector(const PageContent& content) : content_(content), story_(content.story) {
    find_anchors();
    choose_calls();
    choose_faults();
    choose_hosts();
    choose_moments();
  }
  Selection take() && { return std::move(selection_); }

 private:
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
    return fits && span.client == submitted.host &&
           (!span.began || (*span.began >= submitted.at && *span.began <= waited_to));
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
    std::size_t after = 0;
    for (const Candidate& candidate : candidates) {
      const bool is_after = candidate.call->first() > content_.failure.at;
      if (!candidate.is_concerned && candidate.call->first() > horizon()) continue;
      std::size_t& count = candidate.is_concerned ? concerned_shown : is_after ? after : others;
      if (++count > (candidate.is_concerned ? kConcernedCallsMax : is_after ? kCallsAfterMax : kOtherCallsMax)) continue;
      selection_.calls.push_back({*candidate.call, candidate.is_concerned});
      if (!candidate.is_concerned) cut_off(selection_.calls.back());
    }
  }

  base::Duration horizon() const { return *std::ranges::max_element(anchors_) + kShownAfter; }
  void cut_off(DrawnCall& drawn) const {
    const base::Duration end = horizon();
    for (auto* at : {&drawn.call.dispatched, &drawn.call.answered, &drawn.call.ended}) {
      if (!*at || **at <= end) continue;
      at->reset();
      drawn.is_cut_off = true;
    }
  }

  void choose_faults() {
    for (std::size_t index = 0; index < content_.plan.faults.size() && selection_.faults.size() < kFaultsMax; ++index) {
      const Fault& fault = content_.plan.faults[index];
      const auto span = std::ranges::find(story_.faults, fault.number, &Story::FaultSpan::number);
      if (span == story_.faults.end()) continue;
      selection_.faults.push_back({&fault, index, span->began, end_of(fault, *span), {}, 0});
    }
  }

  // A fault that is over at once, or had no effect, reports no end.
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
    for (const DrawnCall& drawn : selection_.calls) {
      callers.insert(drawn.call.client);
      wanted.insert({drawn.call.client, drawn.call.server});
    }
    for (const CallStory& call : content_.calls) {
      if (!call.stages.empty()) callers.insert(call.stages.front().host);
      for (const CallStory::Stage& stage : call.stages) wanted.insert(stage.host);
    }
    for (const DrawnFault& drawn : selection_.faults) wanted.insert(drawn.fault->where.begin(), drawn.fault->where.end());
    std::vector<std::string> all = story_.hosts;
    for (const std::string& host : wanted) {
      if (std::ranges::find(all, host) == all.end()) all.push_back(host);
    }
    for (const bool as_callers : {true, false}) {
      for (const std::string& host : all) {
        const bool has_room = all.size() <= kHostsMax || wanted.contains(host);
        if (callers.contains(host) == as_callers && has_room && selection_.hosts.size() < kHostsMax)
          selection_.hosts.push_back(host);
      }
    }
    std::erase_if(selection_.calls, [this](DrawnCall& drawn) {
      const auto client = selection_.lane_of(drawn.call.client);
      const auto server = selection_.lane_of(drawn.call.server);
      if (client) drawn.client = *client;
      if (server) drawn.server = *server;
      return !client || !server;
    });
    for (DrawnFault& drawn : selection_.faults) {
      for (const std::string& host : drawn.fault->where) {
        if (const auto lane = selection_.lane_of(host)) drawn.hosts.push_back(*lane);
      }
      for (const DrawnFault& other : selection_.faults) {
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

  // Moments of hosts are always drawn, others only near the failure.
  void choose_moments() {
    struct Candidate {
      DrawnMoment moment;
      bool is_outage;
      base::Duration distance;
    };
    using Kind = Story::Moment::Kind;
    std::vector<Candidate> candidates;
    for (const Story::Moment& moment : story_.moments) {
      const auto lane = selection_.lane_of(moment.host);
      if (!lane && moment.kind != Kind::note) continue;
      // The spans of the faults show their cuts and heals already.
      if ((moment.kind == Kind::cut || moment.kind == Kind::healed) && !selection_.faults.empty()) continue;
      const base::Duration distance = distance_to(moment.at, anchors_);
      // Behind the failure scenarios may do anything, as to end all hosts.
      const bool is_after = moment.at > *std::ranges::max_element(anchors_);
      if (is_after || (!is_outage(moment.kind) && distance > kNear)) continue;
      candidates.push_back({{&moment, lane.value_or(0)}, is_outage(moment.kind), distance});
    }
    std::ranges::sort(candidates, [](const Candidate& one, const Candidate& other) {
      if (one.is_outage != other.is_outage) return one.is_outage;
      return std::tuple(one.distance, one.moment.moment) < std::tuple(other.distance, other.moment.moment);
    });
    candidates.resize(std::min(candidates.size(), kMomentsMax));
    for (const Candidate& candidate : candidates) selection_.moments.push_back(candidate.moment);
    std::ranges::sort(selection_.moments, {}, &DrawnMoment::moment);
  }

  const PageContent& content_;
  const Story& story_;
  std::vector<base::Duration> anchors_;  // what is near to these is shown
  Selection selection_;
};

}  // namespace

std::optional<std::size_t> Selection::lane_of(std::string_view host) const {
  const auto found = std::ranges::find(hosts, host);
  if (found == hosts.end()) return std::nullopt;
  return static_cast<std::size_t>(found - hosts.begin());
}

bool is_outage(Story::Moment::Kind kind) {
  using Kind = Story::Moment::Kind;
  return kind == Kind::crashed || kind == Kind::killed || kind == Kind::restarted || kind == Kind::paused ||
         kind == Kind::resumed;
}

Selection select(const PageContent& content) { return Selector(content).take(); }

}  // namespace razor::faults::diagram
