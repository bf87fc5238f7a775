#pragma once
// HistoryRecorder: writes down the calls that a process makes and serves, for checkers that judge them behind a test: a history
// of calls, format 1, as pytests/history.md has it and razor_testing.history reads it. What was written survives a SIGKILL.
//
//   auto recorder = razor::HistoryRecorder::open("run.s1.jsonl", "s1");       // writes `start`
//   if (!recorder) return fail(recorder.message());
//   (*recorder)->ran(id);          // a server: a handler begins with a call, whose caller gave it this id
//   (*recorder)->applied(id);      // ... and has changed the state of the service
//
//   const std::string id = (*recorder)->invoke({.op = "write", .key = "x", .args = {1}, .client = "a"});   // a caller
//   const razor::Reply<void> reply = co_await store.write("x", 1, id);
//   if (reply.ok()) (*recorder)->ok(id);
//   else (*recorder)->complete(id, reply.call_error());
//
// The recorder counts and logs a line that it cannot write (a full disk, a name that is none, a value that JSON does not
// have), and the program goes on: see `lines_lost`. Checkers can prove nothing with a history that lacks lines.
//
// Each line is written by one system call, on the thread that records: this is for tests, not for production.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "razor/base/error.h"
#include "razor/base/log.h"
#include "razor/base/result.h"
#include "razor/base/time.h"
#include "razor/history/history_value.h"

namespace razor::history {

/// The key of a call: none, a number, or a text. Checkers judge the calls of one key together.
using HistoryKey = std::variant<std::monostate, std::int64_t, std::string>;

/// A call that is about to be made.
struct Invocation {
  /// The operation: "read", "Calculator.add".
  std::string op;
  HistoryKey key{};
  /// Without the key.
  HistoryValue::List args{};
  /// Makes one call after the other; empty: this call stands alone.
  std::string client{};
  /// From now, after which the caller wants to have been told.
  std::optional<base::Duration> timeout = std::nullopt;
  /// Of the call, and of no other in the history; empty: one is made.
  std::string id{};
};

/// Threads: any, at the same time.
class HistoryRecorder {
 public:
  /// Appends to the file at `path`, which other processes may append to as well; makes it if it is not there. `process` is a
  /// name that no other process of the history has while this one lives: a process that is started again keeps its name.
  /// The recorder logs lost lines to `log`, which outlives it, on the thread that records; null: to stderr.
  /// Errors: why the file cannot be opened or written; invalid_argument for a name that is none. The message says which.
  static base::Result<std::unique_ptr<HistoryRecorder>> open(const std::string& path, std::string_view process,
                                                             base::LogSink* log = nullptr);
  HistoryRecorder(const HistoryRecorder&) = delete;
  HistoryRecorder& operator=(const HistoryRecorder&) = delete;
  /// Calls without an outcome stay open for good.
  ~HistoryRecorder();

  // --- At the caller's end
  /// Before a byte of the call is sent. Returns its id, which the service may be given so that it can record the call too.
  std::string invoke(const Invocation& call);
  void ok(std::string_view id, const HistoryValue& result = {});
  /// It had no effect: it did not run, or its handler says so (`ran` is then yes; maybe contradicts itself, and is lost).
  void failed(std::string_view id, std::string_view error, base::Ran ran = base::Ran::no);
  /// The call may have had its effect, may have it later, or never. `ran` is maybe or yes.
  void maybe(std::string_view id, std::string_view error, base::Ran ran = base::Ran::maybe);
  /// A failure of the framework: `failed` where the request did not run, else `maybe`.
  void complete(std::string_view id, const base::CallError& error);

  // --- At the server's end
  /// A handler begins with the call: before it does anything.
  void ran(std::string_view id);
  /// The call has changed the state of the service: once, by the process that decides it.
  void applied(std::string_view id);
  /// At the end of a test: this process holds what the call wrote.
  void stored(std::string_view id);

  /// Lines that could not be written, so far.
  std::uint64_t lines_lost() const { return lines_lost_.load(std::memory_order_relaxed); }

 private:
  class Line;

  HistoryRecorder(int descriptor, std::string path, std::string process, std::int64_t started_ns, base::LogSink* log);

  void write_of_server(std::string_view type, std::string_view id);
  void write_completion(std::string_view id, std::string_view outcome, base::Ran ran, const HistoryValue& result,
                        std::optional<std::string_view> error);
  void write_or_count(Line& line, std::string_view type, std::string_view id);
  // Empty: it is written. Else why not.
  std::string write(Line& line);
  std::string append(std::string_view text);

  const int descriptor_;
  const std::string path_;
  const std::string process_;
  const std::string id_prefix_;
  base::LogSink* const log_;
  // An atomic suffices: it makes numbers that differ, and orders nothing.
  std::atomic<std::uint64_t> ids_made_{0};
  // A count, which orders nothing either.
  std::atomic<std::uint64_t> lines_lost_{0};
  std::mutex mutex_;
  bool last_line_is_torn_ = false;  // GUARDED_BY(mutex_)
};

}  // namespace razor::history

namespace razor {
using history::HistoryRecorder;
using history::HistoryValue;
}  // namespace razor
