#pragma once
// CallStories: what happened to each call of a Ledger, step by step, until some time after its end. Names are kept once, as
// numbers; places of stories that are given back are used again.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "razor/base/error.h"
#include "razor/base/time.h"

namespace razor::faults {

/// How a handler ended. `refused`: with an error that sends the call elsewhere, and promises that nothing was done.
enum class HandlerAnswer : std::uint8_t { value, error, refused, threw, dropped };

class CallStories {
 public:
  enum class Step : std::uint8_t {
    submitted,
    dispatched,
    answered,
    succeeded,
    ended_with_error,
    refused,
    failed,
    abandoned,
    gone,
  };
  struct Stage {
    base::TimePoint at;  ///< of the world
    std::uint64_t value;  ///< a hash, or what the step needs
    std::uint16_t host;  ///< its name
    Step step;
    std::uint8_t detail;  ///< a HandlerAnswer, or packed_error
  };
  /// A call, as the ledger knows it until some time after its end.
  struct Story {
    std::uint32_t number = 0;
    std::uint16_t name = 0;
    std::uint16_t caller = 0;
    bool times_checked = true;
    bool servers_know_deadlines = false;
    bool may_end_unsent = false;
    bool peers_trusted = true;
    bool must_succeed = false;
    base::TimePoint submitted_at{};  ///< of the caller's clock
    base::TimePoint submitted_at_world{};
    base::Duration timeout{};
    base::Duration tick{};
    std::uint64_t request_hash = 0;
    std::vector<Stage> stages;

    base::TimePoint deadline() const { return base::saturating_add(submitted_at, timeout); }
  };
  /// An errc and whether the call ran, as a Stage's detail.
  static std::uint8_t packed_error(const base::CallError& error);

  /// An empty story; gives its place.
  std::uint32_t take(std::uint32_t number);
  void give_back(std::uint32_t place) { free_.push_back(place); }
  Story& operator[](std::uint32_t place) { return stories_[place]; }
  const Story& operator[](std::uint32_t place) const { return stories_[place]; }
  /// The story of a call whose handler gave this value or error; null when there is none.
  const Story* answered_with(std::uint64_t hash) const;

  std::uint16_t number_of_name(std::string_view name);
  const std::string& name(std::uint16_t number) const { return names_[number]; }

  /// A line a step.
  std::string text_of(const Story& story) const;

 private:
  std::string text_of(const Story& story, const Stage& stage) const;

  std::vector<Story> stories_;
  std::vector<std::uint32_t> free_;
  std::vector<std::string> names_;
  std::map<std::string, std::uint16_t, std::less<>> name_numbers_;
};

}  // namespace razor::faults
