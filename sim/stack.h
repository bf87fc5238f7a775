#pragma once
// Stack: who called whom, with the names of functions, also of those that are in no table of dynamic symbols: they are read
// from the program's own symbol table. Where that was stripped away, the place in the file is all that is shown.

#include <array>
#include <cstddef>
#include <span>
#include <string>

namespace razor::sim {

/// Addresses only, to be named later: also by another process that was forked from the same one.
struct Stack {
  static constexpr std::size_t kDepthMax = 48;
  std::array<void*, kDepthMax> frames{};
  std::size_t depth = 0;

  /// The stack of the caller, innermost first. In a signal handler only after `prepare`.
  static Stack here() noexcept;
  /// Loads what `here` needs.
  static void prepare() noexcept;

  std::span<void* const> all() const { return {frames.data(), depth}; }
};

/// A line for each frame, without the simulator's own below and above the code that it runs: its first frames up to
/// `from`, an address (null: as long as they are the simulator's), and those from where the simulator called.
/// Every line begins with a line break and some spaces. Allocates.
std::string stack_text(std::span<void* const> frames, const void* from = nullptr);

}  // namespace razor::sim
