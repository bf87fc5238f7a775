#include "sim/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace razor::sim {
namespace {

constexpr std::size_t kShownBefore = 4;

class Recorder final : public Observer {
 public:
  explicit Recorder(EventLog& log) : log_(log) {}
  void on_occurrence(const Occurrence& occurrence) override { log_.append(occurrence); }

 private:
  EventLog& log_;
};

// What the numbers of occurrences stand for, as far as this world tells.
class Places {
 public:
  explicit Places(World& world) : world_(world) {}

  void learn(const Packet& packet) {
    const auto [entry, is_new] = connections_.try_emplace(packet.direction >> 1);
    if (!is_new) return;
    const std::size_t from = packet.direction & 1;
    entry->second[from] = packet.from.name();
    entry->second[1 - from] = packet.to.name();
  }

  std::string name(const Occurrence& occurrence) const {
    switch (occurrence.kind) {
      case EventKind::turn:
      case EventKind::timer: return fmt::format("{}, runtime {}", host(occurrence.where), occurrence.value);
      case EventKind::written:
      case EventKind::arrived:
      case EventKind::read:
      case EventKind::end_sent:
      case EventKind::end_arrived:
      case EventKind::reset_sent:
      case EventKind::reset_arrived:
      case EventKind::lost: return direction(occurrence.where);
      case EventKind::connecting:
      case EventKind::connected:
      case EventKind::refused:
      case EventKind::connect_failed:
      case EventKind::listening:
      case EventKind::crashed:
      case EventKind::restarted:
      case EventKind::paused:
      case EventKind::resumed:
      case EventKind::drew: return host(occurrence.where);
      case EventKind::cut:
      case EventKind::healed:
        return fmt::format("{} to {}", host(occurrence.where >> 32), host(occurrence.where & 0xffff'ffff));
      case EventKind::noted: return "the scenario";
    }
    return fmt::format("{}", occurrence.where);
  }

 private:
  std::string host(std::uint64_t number) const {
    for (const auto& host : world_.fabric().hosts()) {
      if (host->number() == number) return host->name();
    }
    return fmt::format("host {}", number);
  }
  // Twice the number of the connection, and the end that sends.
  std::string direction(std::uint64_t number) const {
    const std::uint64_t end = number & 1;
    const auto found = connections_.find(number >> 1);
    if (found == connections_.end()) return fmt::format("connection {}, from end {}", number >> 1, end);
    return fmt::format("connection {}, {} to {}", number >> 1, found->second[end], found->second[1 - end]);
  }

  World& world_;
  std::map<std::uint64_t, std::array<std::string, 2>> connections_;
};

// Follows the second run with the log of the first beside it.
class Comparer final : public Observer {
 public:
  using OnFailure = std::function<void(const ScenarioFailure&)>;

  Comparer(World& world, const EventLog& first, std::optional<Divergence>& found, const OnFailure& on_failure)
      : world_(world), places_(world), first_(first), found_(found), on_failure_(on_failure) {}
  // The run is over: what the first one did more?
  ~Comparer() override {
    if (found_) return;
    if (const auto more = first_.next()) diverged(more, std::nullopt);
  }

  void on_occurrence(const Occurrence& occurrence) override {
    if (found_) return;
    const std::optional<Occurrence> expected = first_.next();
    if (expected == occurrence) {
      before_[index_++ % kShownBefore] = occurrence;
    } else {
      diverged(expected, occurrence);
    }
  }
  void on_sent(const Packet& packet) override {
    if (!found_ && packet.direction != 0) places_.learn(packet);
  }

 private:
  std::optional<Divergence::Side> side(const std::optional<Occurrence>& occurrence) const {
    if (!occurrence) return std::nullopt;
    return Divergence::Side{*occurrence, places_.name(*occurrence)};
  }
  void diverged(const std::optional<Occurrence>& first, const std::optional<Occurrence>& second) {
    found_ = Divergence{index_, side(first), side(second), {}};
    for (std::uint64_t at = index_ < kShownBefore ? 0 : index_ - kShownBefore; at < index_; ++at) {
      found_->before.push_back(*side(before_[at % kShownBefore]));
    }
    // Now, since what follows may be a crash.
    if (on_failure_) on_failure_({ScenarioFailure::Kind::divergence, {}, world_.elapsed(), found_->text()});
  }

  World& world_;
  Places places_;
  EventLog::Reader first_;
  std::optional<Divergence>& found_;
  const OnFailure& on_failure_;
  std::uint64_t index_ = 0;
  std::array<Occurrence, kShownBefore> before_{};
};

// Takes the memory that the first run gave back, of each size more pieces than an allocator keeps at hand (glibc: 7), and
// gives some of it back in another order.
class OtherHeap {
 public:
  OtherHeap() {
    std::vector<Piece> holes;
    for (std::size_t size = kStep; size <= kSizeMax; size += kStep) {
      for (int i = 0; i < kPieces; ++i) {
        (i % 4 == 1 ? holes : kept_).push_back(std::make_unique_for_overwrite<std::byte[]>(size));
      }
    }
  }

 private:
  using Piece = std::unique_ptr<std::byte[]>;
  static constexpr std::size_t kStep = 16;
  static constexpr std::size_t kSizeMax = 1024;
  static constexpr int kPieces = 12;

  std::vector<Piece> kept_;
};

[[gnu::noinline]] ScenarioResult run_deeper(const ScenarioBody& body, std::uint64_t seed, const ScenarioOptions& options) {
  volatile std::byte deeper[4093];
  deeper[0] = std::byte{1};
  ScenarioResult result = run_scenario(body, seed, options);
  deeper[1] = deeper[0];  // the array is there until now
  return result;
}

std::string line_of(const Divergence::Side& side) {
  const auto nanoseconds = side.occurrence.at.time_since_epoch().count();
  return fmt::format("{}.{:09} s  {}: {} {:#x}", nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000, side.where,
                     name_of(side.occurrence.kind), side.occurrence.value);
}

}  // namespace

std::string Divergence::text() const {
  std::string text = fmt::format("two runs of this seed differ from event {} on", index);
  const std::uint64_t first_before = index - before.size();
  for (std::size_t i = 0; i < before.size(); ++i) {
    text += fmt::format("\n    both    {:>8}  {}", first_before + i, line_of(before[i]));
  }
  text += fmt::format("\n    first   {:>8}  {}", index, first ? line_of(*first) : "had ended");
  text += fmt::format("\n    second  {:>8}  {}", index, second ? line_of(*second) : "had ended");
  return text;
}

// "passes", or the first failure.
std::string outcome_of(const ScenarioResult& result) {
  if (result.ok()) return "passes";
  return fmt::format("fails: {}", result.failures.empty() ? std::string() : result.failures.front().text());
}

template <class Value>
std::string first_difference(std::string_view what, const std::map<std::string, Value, std::less<>>& first,
                             const std::map<std::string, Value, std::less<>>& second) {
  const auto in = [](const auto& all, const std::string& name) {
    const auto found = all.find(name);
    return found != all.end() ? fmt::format("{}", found->second) : std::string("not reported");
  };
  for (const auto* const all : {&first, &second}) {
    for (const auto& [name, value] : *all) {
      if (in(first, name) == in(second, name)) continue;
      return fmt::format("\n    the {} '{}'\n    first   {}\n    second  {}", what, name, in(first, name), in(second, name));
    }
  }
  return {};
}

// Empty when they are the same.
std::string difference_of(const ScenarioResult& first, const ScenarioResult& second) {
  constexpr std::string_view kHead = "two runs of this seed do the same, and end differently";
  for (std::size_t i = 0; i < std::max(first.failures.size(), second.failures.size()); ++i) {
    const auto text = [i](const ScenarioResult& result) {
      return i < result.failures.size() ? "fails: " + result.failures[i].text()
             : i == 0                   ? outcome_of(result)
                                        : "has no more failures";
    };
    if (text(first) != text(second))
      return fmt::format("{}\n    first   {}\n    second  {}", kHead, text(first), text(second));
  }
  if (first.failure_count != second.failure_count) {
    return fmt::format("{}\n    first   {} failures\n    second  {} failures", kHead, first.failure_count,
                       second.failure_count);
  }
  std::string reports = first_difference("count", first.counts, second.counts);
  if (reports.empty()) reports = first_difference("text", first.texts, second.texts);
  return reports.empty() ? reports : std::string(kHead) + reports;
}

ReplayResult replay_scenario(const ScenarioBody& body, std::uint64_t seed, const ScenarioOptions& options) {
  ReplayResult result;
  EventLog log;
  ScenarioOptions with = options;
  with.observe = [&log](World&) { return std::make_unique<Recorder>(log); };
  result.first = run_scenario(body, seed, with);
  with.observe = [&log, &result, &options](World& world) {
    return std::make_unique<Comparer>(world, log, result.divergence, options.on_failure);
  };
  with.on_text = nullptr;
  with.on_failure = nullptr;
  if (result.first.ok() && options.on_failure) {
    with.on_failure = [&result, &options](const ScenarioFailure& failure) {
      if (result.divergence) options.on_failure(failure);  // what it led to
    };
  }
  // A run that already did something else ends as it likes.
  const auto compare = [&result, &options](const ScenarioResult& second) {
    if (result.divergence) return;
    result.other_outcome = difference_of(result.first, second);
    if (result.other_outcome.empty() || !options.on_failure) return;
    options.on_failure({ScenarioFailure::Kind::divergence, {}, second.elapsed, result.other_outcome});
  };
  if (options.on_stop) {
    with.on_stop = [&result, &options, &compare](const ScenarioResult& second) {
      compare(second);
      options.on_stop(result.first);
    };
  }
  const OtherHeap other_heap;
  result.second = run_deeper(body, seed, with);
  compare(result.second);
  return result;
}

}  // namespace razor::sim
