#pragma once
// RAZOR_SOMETIMES: what must happen in some run of a sweep, though hardly in each. A check that a rare branch is safe says
// nothing while no run takes the branch.
//
//   RAZOR_SOMETIMES(window.is_full(), "window full at close");
//
// Runs count it ("sometimes/window full at close"); the summary of a sweep lists those that were never reached, and with
// --require-sometimes the sweep fails then. Whether it is reached is known of those that are linked into the program, from
// before main.

#include <string>
#include <vector>

#include "sim/scenario.h"

namespace razor::faults {

/// All names of this program, sorted, each once.
const std::vector<std::string>& sometimes_names();

// --- Below: what the macro uses --------------------------------------------------------------------------------------

namespace detail {

struct SometimesRegistration {
  explicit SometimesRegistration(const char* name);
};
// `Site` is a class of one place in the code: so each has a static object, which registers it though it may never be reached.
template <class Site>
struct Sometimes {
  static inline const SometimesRegistration registration{Site::name_of_it()};
};

}  // namespace detail
}  // namespace razor::faults

/// Counts in the run that goes on in this thread when `condition` holds. Several places may share a name: one of them will do.
/// `name` is a literal.
#define RAZOR_SOMETIMES(condition, name)                                         \
  do {                                                                           \
    struct RazorSometimesSite {                                                  \
      static const char* name_of_it() { return "" name; }                        \
    };                                                                           \
    (void)&::razor::faults::detail::Sometimes<RazorSometimesSite>::registration; \
    if (condition) ::razor::sim::report_count("sometimes/" name);                \
  } while (false)
