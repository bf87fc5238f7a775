#include "sim/child/run_position.h"

#include <signal.h>

#include <array>
#include <cstddef>

#include "sim/world.h"

namespace razor::sim {
namespace {

// For the signal handlers, which are given nothing.
World* volatile running_world = nullptr;
RunPosition* noted_position = nullptr;
void (*asked)(World& world) = nullptr;

// A world that is just then changing may show any number, and never more than that goes wrong.
void note_position() {
  World* world = running_world;
  if (world == nullptr || noted_position == nullptr) return;
  noted_position->virtual_ns = world->elapsed().count();
  noted_position->events = world->events();
  noted_position->is_known = true;
}
void on_question(int) {
  note_position();
  World* world = running_world;
  if (world != nullptr && asked != nullptr) asked(*world);
}
void on_crash(int number) {
  note_position();
  ::signal(number, SIG_DFL);
  ::raise(number);
}

}  // namespace

void note_position_on_signals(RunPosition& position, void (*on_asked)(World& world)) {
  noted_position = &position;
  asked = on_asked;
  // A stack of its own, since the usual one may be what ran out.
  static std::array<std::byte, 64 * 1024> stack;
  stack_t alternative{};
  alternative.ss_sp = stack.data();
  alternative.ss_size = stack.size();
  ::sigaltstack(&alternative, nullptr);
  struct sigaction action{};
  action.sa_flags = SA_ONSTACK | SA_RESTART;
  action.sa_handler = on_question;
  ::sigaction(SIGUSR1, &action, nullptr);
  action.sa_handler = on_crash;
  for (const int number : {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP}) {
    struct sigaction before{};
    ::sigaction(number, nullptr, &before);
    // A sanitizer that handles it says more.
    if (before.sa_handler == SIG_DFL) ::sigaction(number, &action, nullptr);
  }
  // Ctrl-C goes to all processes of a terminal; the parent decides.
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGTERM, SIG_DFL);
}

World* volatile* world_at_work() { return &running_world; }

}  // namespace razor::sim
