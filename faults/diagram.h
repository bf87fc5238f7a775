#pragma once
// The diagram of a page: hosts side by side, time downwards, calls as arrows, faults as bars, and beside them in words what
// happens when. It shows the calls that the failure is about, and the others that are nearest to them. Its parts are in
// diagram/: what is shown (selection, notes), where (layout), and how (svg).

#include <string>

#include "faults/page.h"

namespace razor::faults {

/// An <svg> element, styled by classes of page_style.h.
std::string diagram_of(const PageContent& content);

/// The class of a fault's colour: the n-th of a plan, from 0.
std::string fault_colour(std::size_t index);

}  // namespace razor::faults
