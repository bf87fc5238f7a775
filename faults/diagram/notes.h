#pragma once
// The notes beside a diagram: what happens, in words, a line each.

#include <map>
#include <optional>
#include <string>

#include "faults/diagram/selection.h"

namespace razor::faults::diagram {

struct Note {
  std::size_t order;  ///< among those of the same time
  std::string text;
  std::string css;
  std::optional<std::size_t> host;  ///< lane
};
using Notes = std::multimap<base::Duration, Note>;

Notes notes_of(const PageContent& content, const Selection& selection);

/// The words for what happened to a host.
std::string text_of(const Story::Moment& moment);

}  // namespace razor::faults::diagram
