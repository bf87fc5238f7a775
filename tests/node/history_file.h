#pragma once
// --history FILE: calls are recorded there, for checkers (pytests/history.md).

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>

#include "razor/history/history_recorder.h"

namespace razor::node {

/// Opens the history of the process that its file is named after; nothing where `path` is empty. False, and a line on stderr, if
/// it cannot be written. `log` outlives the history.
inline bool open_history(const std::string& path, LogSink& log, std::unique_ptr<HistoryRecorder>& history) {
  if (path.empty()) return true;
  auto opened = HistoryRecorder::open(path, std::filesystem::path(path).stem().string(), &log);
  if (!opened) {
    fmt::print(stderr, "razor_node: {}\n", opened.message());
    return false;
  }
  history = std::move(*opened);
  return true;
}

}  // namespace razor::node
