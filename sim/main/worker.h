#pragma once
// Worker: the process that runs jobs, one after another, until none is left or one ends it.

#include "sim/main/board.h"
#include "sim/main/message.h"
#include "sim/main/options.h"

namespace razor::sim {

using Tell = std::function<void(const Message&)>;

/// Runs one job here; `tell` hears of failures and texts as they happen, and of the end. `on_stop`: as ScenarioOptions has
/// it, behind the RunDone. `world`: likewise.
void run_job(const MainOptions& options, std::uint64_t number, const Tell& tell, const std::function<void()>& on_stop = {},
             World* volatile* world = nullptr);

/// The life of a worker: jobs from the board, as long as there are some. Writes Messages to `pipe`.
[[noreturn]] void work(const MainOptions& options, Board& board, Board::Place& place, int pipe);

}  // namespace razor::sim
