#pragma once
// Plan: the faults of one run, as data. It can be drawn from a seed (swarm.h), printed, edited, played (injector.h) and
// shrunk (minimise).
//
//   scenario cluster
//   seed 17
//   set servers 3
//   #1 at 1.25s cut caller0 server1 for 3s way=there
//   #2 at 4s crash server0 for 500ms
//
// `set` lines are what the scenario drew beside its faults (exploration.h). A fault's number is its name: what it draws while
// it is played depends on the run's seed and this number, and on no other fault.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "razor/base/time.h"

namespace razor::faults {

struct Fault {
  std::uint32_t number = 0;  ///< from 1; one of its own within a plan
  base::Duration at{};  ///< since the faults of the run began
  std::string what;  ///< the name of a FaultKind, or of an action of the scenario
  std::vector<std::string> where;  ///< hosts; what their order means, the kind says
  base::Duration lasts{};  ///< zero: it is over at once
  std::map<std::string, std::string, std::less<>> parameters;

  bool operator==(const Fault&) const = default;

  /// The value of a parameter, or `otherwise` where it is not given. Those that a kind has checked do parse.
  std::int64_t number_of(std::string_view parameter, std::int64_t otherwise) const;
  base::Duration duration_of(std::string_view parameter, base::Duration otherwise) const;
  std::string_view word_of(std::string_view parameter, std::string_view otherwise) const;
  void set(std::string_view parameter, std::int64_t value);
  void set(std::string_view parameter, base::Duration value);
  void set(std::string_view parameter, std::string_view value);

  /// A line of a plan, without its end.
  std::string to_string() const;
};

struct Plan {
  std::string scenario;  ///< empty: any
  std::optional<std::uint64_t> seed;
  std::map<std::string, std::string, std::less<>> settings;
  std::vector<Fault> faults;  ///< by their time, and by number at the same time

  bool operator==(const Plan&) const = default;

  /// Null when there is none of this number.
  const Fault* find(std::uint32_t number) const;
  void sort();

  /// As in a file; ends with a line end.
  std::string to_string() const;
  /// Reads what `to_string` writes, and what people do: empty lines, "# ..." comments, faults without a number (they get
  /// one), in any order. Empty when something is wrong, with `error` = "line 3: ...".
  static std::optional<Plan> parse(std::string_view text, std::string& error);
};

}  // namespace razor::faults
