#include "razor/runtime/asio/restart.h"

#include <limits.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>

#include "razor/base/format.h"
#include "razor/runtime/asio/asio_core.h"
#include "razor/runtime/asio/listening_sockets.h"
#include "razor/runtime/asio/signal_queue.h"
#include "razor/runtime/asio/successor.h"
#include "razor/runtime/task_scope.h"

extern char** environ;

namespace razor::asio {
namespace {

using base::LogLevel;
using runtime::Task;

Environment environment_of_process() {
  Environment variables;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (const std::size_t equals = text.find('='); equals != text.npos) {
      variables.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return variables;
}

// The words that this process was started with. A program is taken by its path, where another version may lie by now; the
// path that the system knows has no links in it that may lead elsewhere by now.
std::vector<std::string> command_of_process() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\0', at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  if (!words.empty() && words[0].find('/') != std::string::npos && ::access(words[0].c_str(), X_OK) == 0) return words;
  char path[PATH_MAX];
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
  if (size <= 0) return words;
  if (words.empty()) words.emplace_back();
  words[0].assign(path, static_cast<std::size_t>(size));
  return words;
}

}  // namespace

Restart::Restart(base::LogSink* log)
    : log_(log != nullptr ? *log : stderr_log_), environment_(environment_of_process()), command_(command_of_process()) {
  for (const char* name : kInheritanceVariables) ::unsetenv(name);
  take(environment_);
}

Restart::Restart(const Environment& variables, base::LogSink* log)
    : log_(log != nullptr ? *log : stderr_log_), environment_(environment_of_process()), command_(command_of_process()) {
  for (const auto& [name, value] : variables) environment_[name] = value;
  take(variables);
}

Restart::~Restart() {
  if (ready_socket_ >= 0) ::close(ready_socket_);
}

void Restart::take(const Environment& variables) {
  Inheritance inheritance = read_inheritance(variables);
  for (const char* name : kInheritanceVariables) environment_.erase(name);
  for (const std::string& line : inheritance.refused) log_.log(LogLevel::error, "restart: {}", line);
  ready_socket_ = inheritance.ready_socket;
  sockets_ = std::make_shared<ListeningSockets>(std::move(inheritance.listeners), ready_socket_ >= 0);
}

std::vector<runtime::Address> Restart::not_adopted() const { return sockets_->not_adopted(); }

base::Result<void> Restart::notify_ready() {
  if (has_notified_) return {};
  has_notified_ = true;
  const bool had_predecessor = ready_socket_ >= 0;
  if (had_predecessor) {
    if (const auto said = say_ready(std::exchange(ready_socket_, -1)); !said) {
      log_.log(LogLevel::error, "restart: the predecessor no longer waited for this process, and goes on serving");
      return said;
    }
  }
  sockets_->set_ready(log_);
  if (!had_predecessor) notify_systemd("READY=1");  // else the predecessor does, whom systemd believes
  return {};
}

// sd_notify(3). Failures are the service manager's affair: it gives up on who says nothing.
void Restart::notify_systemd(const std::string& message) {
  const auto found = environment_.find("NOTIFY_SOCKET");
  sockaddr_un where{};
  if (found == environment_.end()) return;
  const std::string& path = found->second;
  if (path.size() < 2 || path.size() >= sizeof where.sun_path || (path[0] != '/' && path[0] != '@')) {
    return log_.log(LogLevel::warning, "restart: NOTIFY_SOCKET is neither a path nor an abstract name");
  }
  where.sun_family = AF_UNIX;
  std::memcpy(where.sun_path, path.data(), path.size());
  if (path[0] == '@') where.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return;
  const ssize_t sent = ::sendto(socket, message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                                reinterpret_cast<const sockaddr*>(&where), size);
  if (sent < 0) log_.log(LogLevel::warning, "restart: NOTIFY_SOCKET: {}", std::strerror(errno));
  ::close(socket);
}

Task<bool> Restart::hand_over(AsioRuntime& runtime, RestartOptions options) {
  if (is_handing_over_ || has_successor_) {
    runtime.log().log(LogLevel::warning, "restart: {}: another one is not started",
                      has_successor_ ? "this process has a successor" : "a successor is being started");
    co_return false;
  }
  struct HandingOver {
    explicit HandingOver(bool& flag) : is_handing_over(flag) { is_handing_over = true; }
    ~HandingOver() { is_handing_over = false; }
    bool& is_handing_over;
  };
  const HandingOver handing_over(is_handing_over_);
  base::Result<std::unique_ptr<Successor>> started = std::unique_ptr<Successor>();
  const auto given = sockets_->give([&](const std::vector<InheritedListener>& listeners) {
    started = Successor::start(runtime.core_, command_, environment_, listeners);
  });
  if (!started) {
    runtime.log().log(LogLevel::error, "restart: {} cannot be started: {}; this process goes on serving",
                      command_.empty() ? "no program" : command_[0], started.message());
    co_return false;
  }
  const std::unique_ptr<Successor> successor = *std::move(started);
  runtime.log().log(LogLevel::info, "restart: started {} as process {}, with {} sockets", command_[0], successor->pid(),
                    given.size());
  const std::string why_not =
      co_await successor->wait_until_ready(base::saturating_add(runtime.clock().now(), options.ready_timeout));
  if (!why_not.empty()) {
    runtime.log().log(LogLevel::error, "restart: the successor, process {}, {}; this process goes on serving",
                      successor->pid(), why_not);
    co_return false;
  }
  has_successor_ = true;
  sockets_->given(given);
  runtime.log().log(LogLevel::info, "restart: the successor, process {}, is ready", successor->pid());
  notify_systemd(base::format("MAINPID={}\nREADY=1", successor->pid()));
  co_return true;
}

// --- Signals ---------------------------------------------------------------------------------------------------------

namespace {

struct HandOverEnd {
  bool has_ended = false;
  bool has_successor = false;
};

Task<void> note_end(Task<bool> handing_over, HandOverEnd& outcome, SignalQueue& signals) {
  outcome.has_successor = co_await std::move(handing_over);
  outcome.has_ended = true;
  signals.changed().set();
}

}  // namespace

Task<void> Restart::close_when_told(AsioRuntime& runtime, std::function<Task<void>()> close, RestartOptions options) {
  std::vector<int> signals = {SIGTERM, SIGINT};
  if (options.on_signal != 0) signals.push_back(options.on_signal);
  return run(runtime, std::move(close), options, std::make_unique<SignalQueue>(runtime.core_, signals));
}

Task<void> Restart::run(AsioRuntime& runtime, std::function<Task<void>()> close, RestartOptions options,
                        std::unique_ptr<SignalQueue> signals) {
  bool is_told = false;
  while (!is_told) {
    signals->changed().reset();
    if (signals->empty()) {
      co_await signals->changed().wait();
    } else if (signals->take() == options.on_signal) {
      is_told = co_await restart_unless_told_to_end(runtime, options, *signals);
    } else {
      is_told = true;
    }
  }
  co_await close();
}

// True when this process is to close: a successor is ready, or a signal says so.
Task<bool> Restart::restart_unless_told_to_end(AsioRuntime& runtime, RestartOptions options, SignalQueue& signals) {
  HandOverEnd outcome;
  runtime::TaskScope scope(runtime.executor());  // its end kills a successor that is not ready
  scope.spawn("Restart::hand_over", note_end(hand_over(runtime, options), outcome, signals));
  while (!outcome.has_ended) {
    signals.changed().reset();
    if (signals.empty()) {
      co_await signals.changed().wait();
    } else if (signals.take() != options.on_signal) {
      co_return true;
    } else {
      runtime.log().log(LogLevel::warning, "restart: there is one already: the signal changes nothing");
    }
  }
  co_return outcome.has_successor;
}

}  // namespace razor::asio
