// The functions as they are, not as these settings rewrite them.
#undef _FORTIFY_SOURCE
#undef _FILE_OFFSET_BITS

#include "sim/guard.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <string>
#include <utility>

#include "razor/base/check.h"
#include "sim/host.h"
#include "sim/running.h"
#include "sim/stack.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RAZOR_GUARD 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RAZOR_GUARD 0
#endif
#endif
#ifndef RAZOR_GUARD
#define RAZOR_GUARD 1
#endif

namespace razor::sim {
namespace {

// The world whose code runs in this thread; null: none does.
constinit thread_local Engine* simulated = nullptr;
constinit std::atomic<bool> strict_clocks = false;

}  // namespace

Simulating::Simulating(Engine& engine) noexcept : outer_(simulated) { simulated = &engine; }
Simulating::~Simulating() { simulated = outer_; }
NotSimulating::NotSimulating() noexcept : outer_(simulated) { simulated = nullptr; }
NotSimulating::~NotSimulating() { simulated = outer_; }

void set_strict_clocks(bool strict) { strict_clocks = strict; }
bool guard_is_active() { return RAZOR_GUARD != 0; }

#if RAZOR_GUARD
namespace {

constexpr std::int64_t kBillion = 1'000'000'000;

// Why a call is refused, and what to use in its place.
constexpr const char* kClock = "clocks are strict here: read the Runtime's Clock";
constexpr const char* kChance = "chance is strict here: draw from the Runtime's Random";
constexpr const char* kDevice = "its bytes cannot be repeated: draw from the Runtime's Random, or from std::random_device";
constexpr const char* kBlocks =
    "it would block the world, whose time stands still meanwhile: co_await the Runtime's Clock or Network";
constexpr const char* kThread = "what a thread does cannot be repeated: spawn tasks, or take one more Runtime of the host";
constexpr const char* kMachine =
    "it belongs to the real machine: use the Runtime that the host gives, its Network and its Clock "
    "(an AsioRuntime cannot run in a world)";

[[noreturn]] void refuse(const char* function, const char* why, const void* from) {
  Engine& engine = *std::exchange(simulated, nullptr);  // what reports it may call the function itself
  const Host* const host = running_host();
  const InSimulator in_simulator;
  const Stack stack = Stack::here();
  const std::string who = host != nullptr ? fmt::format("the host '{}'", host->name()) : std::string("the scenario");
  base::check_failed(__FILE__, __LINE__, "code of a world is repeatable",
                     fmt::format("{} in a simulated world called {} at {:.9f} s: {}; called from:{}", who, function,
                                 std::chrono::duration<double>(engine.now().time_since_epoch()).count(), why,
                                 stack_text(stack.all(), from)));
}

// False where the real function is to be called.
bool is_simulated(const char* function, const char* why_not_if_strict, const void* from) {
  if (simulated == nullptr) [[likely]]
    return false;
  if (strict_clocks) refuse(function, why_not_if_strict, from);
  return true;
}

std::int64_t monotonic_ns() {
  const Host* const host = running_host();
  return (host != nullptr ? host->clock_now() : simulated->now()).time_since_epoch().count();
}
std::int64_t time_of_day_ns() {
  const Host* const host = running_host();
  return host != nullptr ? host->wall_clock_ns() : kWallClockAtStartNs + simulated->now().time_since_epoch().count();
}
timespec timespec_of(std::int64_t ns) { return {static_cast<time_t>(ns / kBillion), static_cast<long>(ns % kBillion)}; }

std::uint64_t drawn() {
  const Host* const host = running_host();
  const InSimulator in_simulator;
  return host != nullptr ? host->entropy() : simulated->entropy();
}
void draw_into(void* bytes, std::size_t count) {
  auto* to = static_cast<unsigned char*>(bytes);
  while (count > 0) {
    const std::uint64_t bits = drawn();
    const std::size_t part = std::min(count, sizeof(bits));
    ::memcpy(to, &bits, part);
    to += part;
    count -= part;
  }
}

// A clock that follows CLOCK_MONOTONIC, CLOCK_REALTIME, or the time that the processor was busy; false: it is none of these.
bool read_clock(clockid_t clock, std::int64_t& ns) {
  switch (clock) {
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME: ns = monotonic_ns(); return true;
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_TAI: ns = time_of_day_ns(); return true;
    case CLOCK_PROCESS_CPUTIME_ID:
    case CLOCK_THREAD_CPUTIME_ID: ns = simulated->now().time_since_epoch().count(); return true;
    default: return false;
  }
}

bool is_random_device(const char* path) {
  return path != nullptr && (::strcmp(path, "/dev/urandom") == 0 || ::strcmp(path, "/dev/random") == 0);
}

// The function that ours stands in front of.
template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace
#endif
}  // namespace razor::sim

#if RAZOR_GUARD
#define RAZOR_CALLER __builtin_extract_return_addr(__builtin_return_address(0))
#define RAZOR_REAL(function, ...)                                            \
  static auto* const real = razor::sim::next<decltype(function)>(#function); \
  return real(__VA_ARGS__)
// Calls the real function, outside of worlds.
#define RAZOR_REFUSE_IN_WORLDS(why, function, ...)                \
  if (razor::sim::simulated != nullptr) [[unlikely]]              \
    razor::sim::refuse(#function, razor::sim::why, RAZOR_CALLER); \
  RAZOR_REAL(function, __VA_ARGS__)

extern "C" {

// --- Clocks

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  if (razor::sim::is_simulated("clock_gettime", razor::sim::kClock, RAZOR_CALLER)) {
    std::int64_t ns = 0;
    if (!razor::sim::read_clock(clock, ns)) {
      razor::sim::refuse("clock_gettime", "no host has this clock: read CLOCK_MONOTONIC or CLOCK_REALTIME", RAZOR_CALLER);
    }
    *time = razor::sim::timespec_of(ns);
    return 0;
  }
  RAZOR_REAL(clock_gettime, clock, time);
}
int gettimeofday(timeval* __restrict time, void* __restrict zone) noexcept {
  if (razor::sim::is_simulated("gettimeofday", razor::sim::kClock, RAZOR_CALLER)) {
    const timespec now = razor::sim::timespec_of(razor::sim::time_of_day_ns());
    *time = {now.tv_sec, now.tv_nsec / 1000};
    return 0;
  }
  RAZOR_REAL(gettimeofday, time, zone);
}
time_t time(time_t* time_too) noexcept {
  if (razor::sim::is_simulated("time", razor::sim::kClock, RAZOR_CALLER)) {
    const time_t now = razor::sim::timespec_of(razor::sim::time_of_day_ns()).tv_sec;
    if (time_too != nullptr) *time_too = now;
    return now;
  }
  RAZOR_REAL(time, time_too);
}
int timespec_get(timespec* time, int base) noexcept {
  if (razor::sim::is_simulated("timespec_get", razor::sim::kClock, RAZOR_CALLER)) {
    if (base != TIME_UTC) return 0;
    *time = razor::sim::timespec_of(razor::sim::time_of_day_ns());
    return base;
  }
  RAZOR_REAL(timespec_get, time, base);
}
clock_t clock() noexcept {
  if (razor::sim::is_simulated("clock", razor::sim::kClock, RAZOR_CALLER)) {
    return static_cast<clock_t>(razor::sim::simulated->now().time_since_epoch().count() /
                                (razor::sim::kBillion / CLOCKS_PER_SEC));
  }
  RAZOR_REAL(clock);
}

// --- Chance

ssize_t getrandom(void* bytes, size_t count, unsigned flags) {
  if (razor::sim::is_simulated("getrandom", razor::sim::kChance, RAZOR_CALLER)) {
    razor::sim::draw_into(bytes, count);
    return static_cast<ssize_t>(count);
  }
  RAZOR_REAL(getrandom, bytes, count, flags);
}
int getentropy(void* bytes, size_t count) {
  if (razor::sim::is_simulated("getentropy", razor::sim::kChance, RAZOR_CALLER)) {
    if (count > 256) {
      errno = EIO;  // as the real one
      return -1;
    }
    razor::sim::draw_into(bytes, count);
    return 0;
  }
  RAZOR_REAL(getentropy, bytes, count);
}
#if __GLIBC_PREREQ(2, 36)
uint32_t arc4random() noexcept {
  if (razor::sim::is_simulated("arc4random", razor::sim::kChance, RAZOR_CALLER))
    return static_cast<uint32_t>(razor::sim::drawn());
  RAZOR_REAL(arc4random);
}
void arc4random_buf(void* bytes, size_t count) noexcept {
  if (razor::sim::is_simulated("arc4random_buf", razor::sim::kChance, RAZOR_CALLER)) {
    razor::sim::draw_into(bytes, count);
    return;
  }
  RAZOR_REAL(arc4random_buf, bytes, count);
}
uint32_t arc4random_uniform(uint32_t bound) noexcept {
  if (razor::sim::is_simulated("arc4random_uniform", razor::sim::kChance, RAZOR_CALLER)) {
    const auto bits = static_cast<uint32_t>(razor::sim::drawn());
    return static_cast<uint32_t>((static_cast<std::uint64_t>(bits) * bound) >> 32);
  }
  RAZOR_REAL(arc4random_uniform, bound);
}
#endif

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  if (razor::sim::simulated != nullptr && razor::sim::is_random_device(path)) {
    razor::sim::refuse("open", razor::sim::kDevice, RAZOR_CALLER);
  }
  RAZOR_REAL(open, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  if (razor::sim::simulated != nullptr && razor::sim::is_random_device(path)) {
    razor::sim::refuse("open64", razor::sim::kDevice, RAZOR_CALLER);
  }
  RAZOR_REAL(open64, path, flags, mode);
}
FILE* fopen(const char* __restrict path, const char* __restrict mode) {
  if (razor::sim::simulated != nullptr && razor::sim::is_random_device(path)) {
    razor::sim::refuse("fopen", razor::sim::kDevice, RAZOR_CALLER);
  }
  RAZOR_REAL(fopen, path, mode);
}
FILE* fopen64(const char* __restrict path, const char* __restrict mode) {
  if (razor::sim::simulated != nullptr && razor::sim::is_random_device(path)) {
    razor::sim::refuse("fopen64", razor::sim::kDevice, RAZOR_CALLER);
  }
  RAZOR_REAL(fopen64, path, mode);
}

// --- What blocks

int nanosleep(const timespec* span, timespec* left) { RAZOR_REFUSE_IN_WORLDS(kBlocks, nanosleep, span, left); }
int clock_nanosleep(clockid_t clock, int flags, const timespec* span, timespec* left) {
  RAZOR_REFUSE_IN_WORLDS(kBlocks, clock_nanosleep, clock, flags, span, left);
}
int usleep(useconds_t span) { RAZOR_REFUSE_IN_WORLDS(kBlocks, usleep, span); }
unsigned sleep(unsigned span) { RAZOR_REFUSE_IN_WORLDS(kBlocks, sleep, span); }
int poll(pollfd* files, nfds_t count, int timeout) { RAZOR_REFUSE_IN_WORLDS(kBlocks, poll, files, count, timeout); }
int select(int count, fd_set* __restrict in, fd_set* __restrict out, fd_set* __restrict except,
           timeval* __restrict timeout) {
  RAZOR_REFUSE_IN_WORLDS(kBlocks, select, count, in, out, except, timeout);
}
int epoll_wait(int epoll, epoll_event* events, int count, int timeout) {
  RAZOR_REFUSE_IN_WORLDS(kBlocks, epoll_wait, epoll, events, count, timeout);
}
int getaddrinfo(const char* __restrict name, const char* __restrict service, const addrinfo* __restrict hints,
                addrinfo** __restrict found) {
  RAZOR_REFUSE_IN_WORLDS(kBlocks, getaddrinfo, name, service, hints, found);
}

// --- Threads

int pthread_create(pthread_t* __restrict thread, const pthread_attr_t* __restrict attributes, void* (*run)(void*),
                   void* __restrict argument) noexcept {
  RAZOR_REFUSE_IN_WORLDS(kThread, pthread_create, thread, attributes, run, argument);
}

// --- The machine

int socket(int domain, int type, int protocol) noexcept { RAZOR_REFUSE_IN_WORLDS(kMachine, socket, domain, type, protocol); }
int socketpair(int domain, int type, int protocol, int ends[2]) noexcept {
  RAZOR_REFUSE_IN_WORLDS(kMachine, socketpair, domain, type, protocol, ends);
}
int epoll_create(int size) noexcept { RAZOR_REFUSE_IN_WORLDS(kMachine, epoll_create, size); }
int epoll_create1(int flags) noexcept { RAZOR_REFUSE_IN_WORLDS(kMachine, epoll_create1, flags); }
int eventfd(unsigned count, int flags) noexcept { RAZOR_REFUSE_IN_WORLDS(kMachine, eventfd, count, flags); }
int timerfd_create(clockid_t clock, int flags) noexcept { RAZOR_REFUSE_IN_WORLDS(kMachine, timerfd_create, clock, flags); }

}  // extern "C"

// std::random_device takes its bits from the processor, without a function of the C library.
std::random_device::result_type std::random_device::_M_getval() {
  if (razor::sim::is_simulated("std::random_device", razor::sim::kChance, RAZOR_CALLER)) {
    return static_cast<result_type>(razor::sim::drawn());
  }
  using Real = std::random_device::result_type(std::random_device*);
  static auto* const real = razor::sim::next<Real>("_ZNSt13random_device9_M_getvalEv");
  return real(this);
}

#endif
