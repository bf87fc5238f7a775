#include "razor/runtime/asio/successor.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "razor/base/format.h"
#include "razor/runtime/asio/asio_stream.h"
#include "razor/runtime/with_deadline.h"

namespace razor::asio {
namespace {

// A child that has closed its socket is killed unless it ends within kEndTimeMax; the parent looks every kEndPoll.
constexpr base::Duration kEndTimeMax = std::chrono::seconds(1);
constexpr base::Duration kEndPoll = std::chrono::milliseconds(5);

class FileActions {
 public:
  FileActions() { ::posix_spawn_file_actions_init(&actions_); }
  FileActions(const FileActions&) = delete;
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }

  /// The child gets it under the same number: so duplicated, it is not closed on exec.
  int keep(int descriptor) { return ::posix_spawn_file_actions_adddup2(&actions_, descriptor, descriptor); }
  const posix_spawn_file_actions_t& operator*() const { return actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

// The form that exec takes, of texts that live as long as it is used.
std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

base::Result<pid_t> spawn(std::vector<std::string> command, const Environment& environment,
                          const std::vector<int>& descriptors) {
  if (command.empty()) return std::errc::invalid_argument;
  FileActions actions;
  for (const int descriptor : descriptors) {
    if (const int error = actions.keep(descriptor)) return std::error_code(error, std::generic_category());
  }
  std::vector<std::string> variables;
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  const std::vector<char*> arguments = pointers_to(command);
  const std::vector<char*> environment_pointers = pointers_to(variables);
  pid_t child = -1;
  const int error = ::posix_spawnp(&child, arguments[0], &*actions, nullptr, arguments.data(), environment_pointers.data());
  if (error != 0) return std::error_code(error, std::generic_category());
  return child;
}

base::Result<std::unique_ptr<runtime::ByteStream>> make_stream(const std::shared_ptr<AsioCore>& core, int socket) {
  auto state = std::make_shared<AsioStream::State>(core);
  if (const std::error_code failed = state->adopt(AF_UNIX, socket)) return failed;
  return finish_stream(std::move(state), "successor");
}

std::string text_of_status(int status) {
  if (WIFSIGNALED(status))
    return base::format("was ended by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  return base::format("ended with status {}", WEXITSTATUS(status));
}

}  // namespace

base::Result<std::unique_ptr<Successor>> Successor::start(const std::shared_ptr<AsioCore>& core,
                                                          const std::vector<std::string>& command,
                                                          const Environment& environment,
                                                          const std::vector<InheritedListener>& listeners) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return last_error();
  const int ours = ends[0];
  const int childs = ends[1];
  auto stream = make_stream(core, ours);  // closes `ours` on failure
  if (!stream) {
    ::close(childs);
    return stream.error();
  }
  Environment variables = environment;
  variables[kListenersVariable] = encode_listeners(listeners);
  variables[kReadyVariable] = std::to_string(childs);
  std::vector<int> descriptors = {childs};
  for (const InheritedListener& listener : listeners) descriptors.push_back(listener.descriptor);
  const base::Result<pid_t> child = spawn(command, variables, descriptors);
  ::close(childs);
  if (!child) return child.error();
  return std::unique_ptr<Successor>(new Successor(*child, ours, *std::move(stream), *core));
}

Successor::~Successor() {
  if (!is_ready_) kill();
}

runtime::Task<std::string> Successor::wait_until_ready(base::TimePoint give_up_at) {
  const base::Result<std::string> word = co_await runtime::with_deadline(clock_, give_up_at, read_word());
  if (word) {
    is_ready_ = word->starts_with(kReady);
    if (is_ready_) co_return std::string();
    if (word->empty()) co_return co_await how_it_ended();
    kill();
    co_return std::string("said what no successor says, and was killed");
  }
  if (was_ready_after_all()) co_return std::string();
  kill();
  co_return std::string("was not ready in time, and was killed");
}

// Empty when it has closed its end.
runtime::Task<std::string> Successor::read_word() {
  char buffer[16];
  const base::Result<std::size_t> count =
      co_await stream_->read(base::MutableBytes(reinterpret_cast<std::byte*>(buffer), sizeof buffer));
  co_return std::string(buffer, count ? *count : 0);
}

// In the last moment. What it has not said by now it cannot say any more.
bool Successor::was_ready_after_all() {
  (void)::send(socket_, &kGivenUp, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
  ::shutdown(socket_, SHUT_RD);
  char said = 0;
  is_ready_ = ::recv(socket_, &said, 1, MSG_DONTWAIT) == 1 && said == kReady;
  return is_ready_;
}

// Its end closes its sockets a moment before its status can be had.
runtime::Task<std::string> Successor::how_it_ended() {
  const base::TimePoint until = clock_.now() + kEndTimeMax;
  while (clock_.now() < until) {
    int status = 0;
    const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
    is_gone_ = ended == pid_ || (ended < 0 && errno == ECHILD);
    if (ended == pid_) co_return text_of_status(status);
    if (is_gone_) co_return std::string("ended");
    co_await clock_.sleep_for(kEndPoll);
  }
  kill();
  co_return std::string("closed its socket without a word, and was killed");
}

void Successor::kill() {
  if (is_gone_) return;
  (void)::send(socket_, &kGivenUp, 1, MSG_NOSIGNAL | MSG_DONTWAIT);  // also to a grandchild, where the child is a script
  ::shutdown(socket_, SHUT_RD);
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  is_gone_ = true;
}

base::Result<void> say_ready(int socket) {
  const bool is_said = ::send(socket, &kReady, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
  char said = 0;
  const bool is_given_up = !is_said && ::recv(socket, &said, 1, MSG_DONTWAIT) == 1 && said == kGivenUp;
  ::close(socket);
  if (is_given_up) return std::errc::operation_canceled;
  return {};  // nobody else serves: where it could not be said the predecessor is gone
}

}  // namespace razor::asio
