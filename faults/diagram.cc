#include "faults/diagram.h"

#include <fmt/format.h>

#include "faults/diagram/layout.h"
#include "faults/diagram/notes.h"
#include "faults/diagram/selection.h"
#include "faults/diagram/svg.h"

namespace razor::faults {

std::string diagram_of(const PageContent& content) {
  const diagram::Selection selection = diagram::select(content);
  const diagram::Notes notes = diagram::notes_of(content, selection);
  const diagram::Layout layout(selection, notes);
  return diagram::svg_of(content, selection, notes, layout);
}

std::string fault_colour(std::size_t index) {
  constexpr std::size_t kColours = 6;
  return fmt::format("colour{}", index % kColours);
}

}  // namespace razor::faults
