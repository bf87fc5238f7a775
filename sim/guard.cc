#include "sim/guard.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/random.h>
#include <sys/time.h>
#include <time.h>

#include <random>

#include "razor/base/check.h"

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

// Of this thread: how many Simulating there are.
constinit thread_local int depth = 0;

}  // namespace

Simulating::Simulating() noexcept { ++depth; }
Simulating::~Simulating() { --depth; }
NotSimulating::NotSimulating() noexcept : depth_(depth) { depth = 0; }
NotSimulating::~NotSimulating() { depth = depth_; }

bool guard_is_active() { return RAZOR_GUARD != 0; }

#if RAZOR_GUARD
namespace {

void check(const char* function) {
  if (depth == 0) [[likely]] return;
  depth = 0;  // what reports it may call the function itself
  RAZOR_CHECK(false, "code that runs in a simulated world called {}: only the Runtime's Clock, Random and Spawner can be "
              "repeated", function);
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
#define RAZOR_IN_FRONT_OF(function, ...)                                               \
  razor::sim::check(#function);                                                        \
  static auto* const real = razor::sim::next<decltype(function)>(#function);           \
  return real(__VA_ARGS__)

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept { RAZOR_IN_FRONT_OF(clock_gettime, clock, time); }
int gettimeofday(timeval* __restrict time, void* __restrict zone) noexcept { RAZOR_IN_FRONT_OF(gettimeofday, time, zone); }
time_t time(time_t* time_too) noexcept { RAZOR_IN_FRONT_OF(time, time_too); }
int nanosleep(const timespec* span, timespec* left) { RAZOR_IN_FRONT_OF(nanosleep, span, left); }
int clock_nanosleep(clockid_t clock, int flags, const timespec* span, timespec* left) {
  RAZOR_IN_FRONT_OF(clock_nanosleep, clock, flags, span, left);
}
ssize_t getrandom(void* bytes, size_t count, unsigned flags) { RAZOR_IN_FRONT_OF(getrandom, bytes, count, flags); }
int getentropy(void* bytes, size_t count) { RAZOR_IN_FRONT_OF(getentropy, bytes, count); }
int pthread_create(pthread_t* __restrict thread, const pthread_attr_t* __restrict attributes, void* (*run)(void*),
                   void* __restrict argument) noexcept {
  RAZOR_IN_FRONT_OF(pthread_create, thread, attributes, run, argument);
}

}  // extern "C"

// std::random_device takes its bits from the processor, without a function of the C library.
std::random_device::result_type std::random_device::_M_getval() {
  razor::sim::check("std::random_device");
  using Real = std::random_device::result_type(std::random_device*);
  static auto* const real = razor::sim::next<Real>("_ZNSt13random_device9_M_getvalEv");
  return real(this);
}

#endif
