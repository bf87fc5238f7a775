#pragma once
// What happens when memory is refused (std::bad_alloc).
//
// What a peer or a user may make large is given up alone. A call whose message, blob or answer finds no memory fails with
// `overloaded`, and says whether it ran, as far as that is known; a connection for whose bytes there is none ends, as when it
// is lost, and one that cannot be made counts as a connect, or an accept, that failed. Lines of the log and texts of errors
// are left out. Nothing is retried for it: who waits for memory in a loop makes things worse.
//
// What is small and of a fixed size is not contained: frames of coroutines, nodes of lists and maps, the record that a
// channel keeps of a call; below 1 KiB each. Where such an allocation is refused inside a submission, the exception reaches
// who submits, and the call does not exist: it never completes. Anywhere else in the library it ends the process. What a
// Runtime takes for its own work (sockets, timers) is not contained either.

#include <new>
#include <string>
#include <utility>

#include "razor/base/error.h"

namespace razor::base {

/// Why a call failed for which there was no memory.
inline CallError out_of_memory(Ran ran) { return CallError(Errc::overloaded, ran, "out of memory"); }

/// Runs `work`. False when memory was refused, and it did not get to its end; other exceptions pass.
template <class Work>
[[nodiscard]] bool catching_bad_alloc(Work&& work) {
  try {
    work();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

/// The text that `make()` gives; none when memory is refused: an error is told without words rather than not at all.
template <class Make>
std::string text_or_empty(Make&& make) {
  std::string text;
  if (!catching_bad_alloc([&] { text = make(); })) text.clear();
  return text;
}

}  // namespace razor::base
