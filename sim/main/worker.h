#pragma once
// Worker: a process that has jobs run, one after another, until none is left or one crashes: by default each in a child of its
// own, which has run none before. So nothing carries over from one seed to the next (statics, the heap), and a seed that fails
// in a sweep does the same when it is run alone. That costs about 0.6 ms a seed: --seeds-per-process.

#include "sim/main/board.h"
#include "sim/main/message.h"
#include "sim/main/options.h"

namespace razor::sim {

using Tell = std::function<void(const Message&)>;

/// Runs one job here; `tell` hears of failures and texts as they happen, and of the end. `on_stop`: as ScenarioOptions has
/// it, behind the RunDone. `world`: likewise.
void run_job(const MainOptions& options, std::uint64_t number, const Tell& tell, const std::function<void()>& on_stop = {},
             World* volatile* world = nullptr);

/// The life of a worker: jobs from the board, as long as there are some. The children write Messages to `pipe`. It ends as a
/// child has ended that crashed, with the job still on its place.
[[noreturn]] void work(const MainOptions& options, Board& board, Board::Place& place, int pipe);

}  // namespace razor::sim
