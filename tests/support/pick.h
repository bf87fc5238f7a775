#pragma once
// Draws of rapidcheck for scripts of many steps: evenly distributed whatever the size of the case, since a script is long
// or short by its own length.

#include <rapidcheck.h>

#include <cstdint>
#include <initializer_list>
#include <vector>

namespace razor::test {

/// A number from `first` up to, not including, `end`.
template <class Number>
Number pick(Number first, Number end) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<Number>(first, end));
}

/// True once in `n` draws.
inline bool one_in(int n) { return pick(0, n) == 0; }

template <class T>
T pick_of(std::initializer_list<T> values) {
  return *(values.begin() + pick<std::size_t>(0, values.size()));
}

}  // namespace razor::test
