#pragma once
// Check: what a kind of fault wants of a fault that a person may have written.
//
//   return Check(fault).hosts(2).lasts().word("way", {"both", "there"}).wrong();

#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "faults/plan.h"

namespace razor::faults {

class FaultKind;

/// What a kind wants of its faults, in words.
struct Wanted {
  struct Parameter {
    std::string name;
    std::string values;  ///< "a whole number, 1 .. 64: bytes", "a time, 1ms .. 10min", "one of both, there, back"
    bool is_required = false;
  };
  std::string hosts;  ///< "1 .. 2"
  bool lasts = false;
  std::vector<Parameter> parameters{};
};

class Check {
 public:
  explicit Check(const Fault& fault) : fault_(fault) {}

  /// So many, each once.
  Check& hosts(std::size_t count) { return hosts(count, count); }
  Check& hosts(std::size_t least, std::size_t most);
  /// "for TIME" is given.
  Check& lasts();
  /// It is not.
  Check& over_at_once();
  // Parameters, which may be left out unless they are `required`.
  Check& number(std::string_view name, std::int64_t least, std::int64_t most);
  Check& duration(std::string_view name, base::Duration least, base::Duration most);
  Check& word(std::string_view name, std::initializer_list<std::string_view> words);
  Check& required(std::string_view name);

  /// The first thing that is wrong, with parameters that nobody asked for; empty when nothing is.
  std::string wrong() const;

  /// What `kind.check` asks for, told by itself, so that nothing is said twice.
  static Wanted wanted_by(const FaultKind& kind);

 private:
  /// Null when it is not given, or something is wrong already.
  const std::string* value(std::string_view name);
  void fail(std::string what);
  // Notes it, where somebody wants to know.
  static void want(std::string_view name, std::string values);

  const Fault& fault_;
  std::set<std::string_view> known_;
  std::string wrong_;
};

}  // namespace razor::faults
