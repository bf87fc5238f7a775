#pragma once
// Settings of an AsioRuntime.

#include <type_traits>

#include "razor/base/log.h"
#include "razor/base/time.h"
#include "razor/runtime/trace.h"

namespace razor::asio {

class NameLookup;
class Restart;

struct AsioConfig {
  /// How long the thread looks for work before it sleeps. A thread that sleeps wakes in 20–25 µs; one that spins takes
  /// a whole core. Zero: sleep at once. Used by AsioRuntime::run and block_on, not with an io_context of the user's.
  base::Duration spin = base::Duration::zero();

  /// Where log lines go; must outlive the runtime. Null: warnings and errors to stderr.
  base::LogSink* log = nullptr;

  /// Who is told of calls as they begin and end; must outlive the runtime. Null: nobody. Set by AsioRuntime.
  runtime::TraceSink* trace = nullptr;

  /// Who looks names up (name_lookup.h); must outlive the runtime. Null: the system, 16 names at a time for all runtimes
  /// of the process, on threads that nobody waits for.
  NameLookup* names = nullptr;

  /// Whose listening sockets are used, and handed to a successor (restart.h). Used while the runtime is made, not later.
  /// Null: every listener binds its own, and keeps it.
  Restart* restart = nullptr;
};

static_assert(std::is_trivially_copyable_v<AsioConfig>);

}  // namespace razor::asio
