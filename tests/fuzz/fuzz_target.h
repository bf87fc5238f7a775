#pragma once
// Fuzz targets: each is one function of an input, which is any bytes. It checks what must hold whatever they are, and ends
// the process by RAZOR_CHECK where it does not. libfuzzer_main.cc makes a program of libFuzzer of one of them,
// corpus_test.cc a plain test of all.
//
//   RAZOR_FUZZ_TARGET(address) { … }      // is given `razor::fuzz::Input input`

#include <algorithm>
#include <map>
#include <string_view>

#include "razor/base/bytes.h"
#include "razor/base/check.h"

namespace razor::fuzz {

/// The bytes of an input, taken from the front. At its end all numbers are 0 and all views empty: an input needs no length.
class Input {
 public:
  explicit Input(base::ByteView bytes) : left_(bytes) {}

  bool empty() const { return left_.empty(); }
  std::uint8_t byte() {
    const base::ByteView taken = bytes(1);
    return taken.empty() ? 0 : std::to_integer<std::uint8_t>(taken[0]);
  }
  /// From 0 up to, not including, `end`, which is at most 256.
  std::uint32_t below(std::uint32_t end) { return byte() % end; }
  bool flag() { return (byte() & 1) != 0; }
  /// As many as there are, at most `count`.
  base::ByteView bytes(std::size_t count) {
    const base::ByteView taken = left_.first(std::min(count, left_.size()));
    left_ = left_.subspan(taken.size());
    return taken;
  }
  base::ByteView rest() { return bytes(left_.size()); }
  std::string_view text() { return base::as_text(rest()); }

 private:
  base::ByteView left_;
};

using Target = void (*)(Input input);

/// Those of this program, by name.
std::map<std::string_view, Target>& targets();

struct TargetEntry {
  TargetEntry(std::string_view name, Target target) { targets().emplace(name, target); }
};

}  // namespace razor::fuzz

#define RAZOR_FUZZ_TARGET(name)                                                    \
  static void fuzz_##name(::razor::fuzz::Input input);                             \
  static const ::razor::fuzz::TargetEntry fuzz_##name##_entry(#name, fuzz_##name); \
  static void fuzz_##name([[maybe_unused]] ::razor::fuzz::Input input)
