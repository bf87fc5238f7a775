#pragma once
// `--list-kinds`: every kind of fault with what it does, and its hosts and parameters.

#include <string>

namespace razor::faults {

std::string list_of_kinds();

}  // namespace razor::faults
