#pragma once
// Draws a diagram as SVG, styled by the classes of page_style.h.

#include <string>

#include "faults/diagram/layout.h"

namespace razor::faults::diagram {

/// An <svg> element.
std::string svg_of(const PageContent& content, const Selection& selection, const Notes& notes, const Layout& layout);

}  // namespace razor::faults::diagram
