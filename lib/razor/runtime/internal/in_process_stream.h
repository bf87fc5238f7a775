#pragma once
// The streams of InProcess: two ends that share their bytes, each on the thread of its own Runtime. Private to runtime.

#include <memory>
#include <utility>

#include "razor/runtime/runtime.h"

namespace razor::runtime {

using InProcessPair = std::pair<std::unique_ptr<ByteStream>, std::unique_ptr<ByteStream>>;

/// The first end belongs to `client`'s Runtime, the second, which is at `served`, to `server`'s. Each direction holds `capacity`
/// bytes, at least 1.
InProcessPair make_in_process_pair(Executor& client, Executor& server, const Address& served, std::size_t capacity);

}  // namespace razor::runtime
