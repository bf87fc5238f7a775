#pragma once
// ChildProcess: a process that is forked from this one and writes to it through a pipe, while what it prints is kept apart. It
// dies with its parent, and is killed with this object.
//
//   ChildProcess child(ChildProcess::Output::kept, [](int pipe) { write_all(pipe, "hello"); ::_exit(0); });
//   while (const auto bytes = child.read()) ...                    // nothing once the child has closed its end
//   const std::string how = how_it_ended(child.reap());

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace razor::sim {

class ChildProcess {
 public:
  enum class Output {
    kept,  ///< in a file of its own: last_output()
    shared,  ///< it prints to where this process prints
  };

  /// None.
  ChildProcess() = default;
  /// Calls `live` in a new process, with the pipe to write to. It must not return.
  ///
  /// Errors: a std::runtime_error where no process can be started.
  /// Threads: the process must have one only, as it forks.
  ChildProcess(Output output, const std::function<void(int pipe)>& live);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();

  /// Neither reaped nor empty. It may have died already.
  bool is_running() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }
  /// To poll; -1: none.
  int pipe() const { return pipe_; }

  /// Bytes that have come: empty when there are none now, and nullopt once the child has closed its end. Never waits.
  std::optional<std::string> read();
  void kill();
  /// Waits until it has ended; its status as waitpid has it.
  int reap();
  /// The last lines that it printed, behind a line break; empty if it printed none.
  std::string last_output() const;

 private:
  pid_t pid_ = -1;
  int pipe_ = -1;
  int output_ = -1;
};

/// "crashed: Segmentation fault"
std::string how_it_ended(int status);

/// Signals SIGUSR1 to a process that is to be ended, waits a moment until `has_answered`, and kills it.
void end_with_last_word(pid_t pid, const std::function<bool()>& has_answered);

/// Ends this process where nobody reads any more.
void write_all(int fd, std::string_view bytes);

}  // namespace razor::sim
