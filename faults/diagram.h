#pragma once
// The diagram of a page: hosts side by side, time downwards, calls as arrows, faults as bars, and beside them in words what
// happens when. It shows the calls that the failure is about, and the others that are nearest to them.

#include <string>

#include "faults/page.h"

namespace razor::faults {

/// An <svg> element, styled by classes of page_style.h.
std::string diagram_of(const PageContent& content);

/// The class of a fault's colour: the n-th of a plan, from 0.
std::string fault_colour(std::size_t index);

// --- What all of a page is written with ---------------------------------------------------------------------------------

/// As text between tags and in attributes.
std::string in_html(std::string_view text);
/// The first letters, and "…" where some are left out.
std::string shortened(std::string_view text, std::size_t letters_max);
/// For people: "58.2 s", "130 µs".
std::string in_words(base::Duration span);

}  // namespace razor::faults
