#include "faults/main/list_kinds.h"

#include <fmt/format.h>

#include "faults/fault_kind.h"
#include "faults/kinds/check.h"

namespace razor::faults {

std::string list_of_kinds() {
  std::string out;
  for (const FaultKind* kind : catalogue()) {
    // "cut HOST [HOST] for TIME: nothing gets through"
    const std::string_view help = kind->help();
    const std::size_t colon = help.find(": ");
    out += fmt::format("{}\n    {}\n", help.substr(0, colon), colon == help.npos ? "" : help.substr(colon + 2));
    const Wanted wanted = Check::wanted_by(*kind);
    out += fmt::format("    hosts: {}\n", wanted.hosts);
    for (const Wanted::Parameter& parameter : wanted.parameters) {
      out += fmt::format("    {}: {}{}\n", parameter.name, parameter.values, parameter.is_required ? "; must be given" : "");
    }
    if (const std::string_view needs = kind->lacks(Roles{}); !needs.empty()) {
      out += fmt::format("    drawn where the scenario has {}\n", needs);
    }
  }
  return out;
}

}  // namespace razor::faults
