// A simulated connection against a real one: random scripts of what programs do with the two ends of a connection, on a
// loopback socket pair and in a world, and what a program can see of both must agree, step by step. Where they differ, the
// simulator is wrong (or says so under Divergence, in which case the script keeps away from it).

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <rapidcheck/gtest.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "razor/runtime/with_deadline.h"
#include "sim/world.h"
#include "tests/support/pick.h"
#include "tests/support/streams.h"

namespace razor::test {
namespace {

using namespace std::chrono_literals;

enum class Do { write, read, shut, close, reset };

struct Step {
  Do what;
  int end;
  std::size_t bytes;
};

std::string name_of(const Step& step) {
  constexpr std::array kNames = {"write", "read", "shut", "close", "reset"};
  return fmt::format("{} {} at {}", kNames[static_cast<std::size_t>(step.what)], step.bytes, step.end == 0 ? "a" : "b");
}

/// What a program sees of a step: "5 bytes", "waits", "broken pipe" ...
using Seen = std::string;

Seen seen(std::size_t count) { return fmt::format("{} bytes", count); }
Seen seen(std::error_code error) { return error.message(); }

// --- The real one ----------------------------------------------------------------------------------------------------

class RealPair {
 public:
  RealPair() {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    RC_ASSERT(::bind(listener, any, size) == 0 && ::listen(listener, 1) == 0);
    RC_ASSERT(::getsockname(listener, any, &size) == 0);
    ends_[0] = ::socket(AF_INET, SOCK_STREAM, 0);
    RC_ASSERT(::connect(ends_[0], any, size) == 0);
    ends_[1] = ::accept(listener, nullptr, nullptr);
    ::close(listener);
  }
  RealPair(const RealPair&) = delete;
  ~RealPair() {
    for (const int end : {0, 1}) close(end);
  }

  // What the other world says comes along: where it saw bytes, an end or a failure, this one waits for it, which may be on
  // its way. So only a true difference is one.

  Seen read(int end, std::size_t count, bool expected_to_wait) {
    base::Bytes buffer(count);
    pollfd ready{ends_[end], POLLIN, 0};
    if (!expected_to_wait) ::poll(&ready, 1, 5000);
    const ssize_t got = ::recv(ends_[end], buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0) return failure();
    RC_ASSERT(Pattern::matches(base::ByteView(buffer).first(static_cast<std::size_t>(got)), read_[end]));
    read_[end] += static_cast<std::size_t>(got);
    settle();
    return seen(static_cast<std::size_t>(got));
  }
  Seen write(int end, std::size_t count, bool expected_to_fail) {
    const base::Bytes bytes = Pattern::bytes(count, written_[end]);
    pollfd failed{ends_[end], 0, 0};
    if (expected_to_fail) ::poll(&failed, 1, 5000);
    const ssize_t sent = ::send(ends_[end], bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) return failure();
    written_[end] += static_cast<std::size_t>(sent);
    settle();
    return seen(static_cast<std::size_t>(sent));
  }
  Seen shut(int end) {
    if (::shutdown(ends_[end], SHUT_WR) != 0) return failure();
    settle();
    return "done";
  }
  Seen reset(int end) {
    const linger at_once{1, 0};
    ::setsockopt(ends_[end], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    return close(end);
  }
  Seen close(int end) {
    if (ends_[end] >= 0) ::close(std::exchange(ends_[end], -1));
    settle();
    return "done";
  }

 private:
  static Seen failure() { return errno == EAGAIN ? "waits" : seen(std::error_code(errno, std::generic_category())); }
  // Until what was written can be read at the other side, which loopback does at once unless the machine is busy.
  void settle() const {
    for (const int reader : {0, 1}) {
      if (ends_[reader] < 0) continue;
      const std::size_t expected = written_[1 - reader] - read_[reader];
      int readable = 0;
      for (int look = 0; look < 5000; ++look) {
        if (::ioctl(ends_[reader], FIONREAD, &readable) != 0 || static_cast<std::size_t>(readable) >= expected) break;
        pollfd over{ends_[reader], 0, 0};  // a reset may have dropped some
        if (::poll(&over, 1, 1) > 0) break;
      }
    }
  }

  std::array<int, 2> ends_{};
  std::array<std::size_t, 2> written_{};
  std::array<std::size_t, 2> read_{};
};

// --- The simulated one -----------------------------------------------------------------------------------------------

class SimPair {
 public:
  explicit SimPair(std::uint64_t seed) : world_(seed) {
    server_.executor().spawn("accept", accept());
    world_.run_for(1ms);
    client_.executor().spawn("connect", connect());
    RC_ASSERT(world_.run_until([this] { return streams_[0] && streams_[1]; }, 1s));
  }

  Seen read(int end, std::size_t count) {
    Seen outcome = "waits";
    runtime(end).executor().spawn("read", read_some(end, count, outcome));
    settle();
    return outcome;
  }
  Seen write(int end, std::size_t count) {
    Seen outcome = "waits";
    runtime(end).executor().spawn("write", write_some(end, count, outcome));
    settle();
    return outcome;
  }
  Seen shut(int end) {
    const base::Result<void> done = streams_[end]->shutdown_write();
    settle();
    return done ? "done" : seen(done.error());
  }
  Seen close(int end) {
    streams_[end].reset();
    settle();
    return "done";
  }
  Seen reset(int end) {
    streams_[end]->reset();
    return close(end);
  }

 private:
  runtime::Runtime& runtime(int end) { return end == 0 ? client_ : server_; }
  // All that is on the way arrives; what still waits then is given up.
  void settle() { world_.run_for(3s); }

  runtime::Task<void> accept() {
    auto listener = server_.network().listen(server_.host().address(7000));
    auto stream = co_await (*listener)->accept();
    streams_[1] = *std::move(stream);
  }
  runtime::Task<void> connect() {
    auto stream = co_await client_.network().connect(server_.host().address(7000));
    streams_[0] = *std::move(stream);
  }
  runtime::Task<base::Result<std::size_t>> read_into(int end, base::MutableBytes buffer) {
    const base::Result<std::size_t> got = co_await streams_[end]->read(buffer);
    co_return got;
  }
  runtime::Task<void> read_some(int end, std::size_t count, Seen& outcome) {
    base::Bytes buffer(count);
    runtime::Clock& clock = runtime(end).clock();
    auto got = co_await runtime::with_deadline(clock, clock.now() + 2s, read_into(end, buffer));
    if (!got) {
      if (got.error() != std::errc::timed_out) outcome = seen(got.error());
      co_return;
    }
    RC_ASSERT(Pattern::matches(base::ByteView(buffer).first(*got), read_[end]));
    read_[end] += *got;
    outcome = seen(*got);
  }
  runtime::Task<void> write_some(int end, std::size_t count, Seen& outcome) {
    const base::Bytes bytes = Pattern::bytes(count, written_[end]);
    const base::ByteView view(bytes);
    const base::Result<std::size_t> written = co_await streams_[end]->write({&view, 1});
    if (written) written_[end] += *written;
    outcome = written ? seen(*written) : seen(written.error());
  }

  sim::World world_;
  sim::SimRuntime& client_ = world_.host("client").runtime();
  sim::SimRuntime& server_ = world_.host("server").runtime();
  std::array<std::unique_ptr<runtime::ByteStream>, 2> streams_;
  std::array<std::size_t, 2> written_{};
  std::array<std::size_t, 2> read_{};
};

// --- Scripts ---------------------------------------------------------------------------------------------------------

// Keeps a script to what programs may do (no write after shutdown_write, nothing after close) and to sizes at which
// neither side has to wait for room: how much fits is each system's own.
std::optional<Step> next_step(std::array<bool, 2>& closed, std::array<bool, 2>& shut, std::array<std::size_t, 2>& sent) {
  const int end = pick(0, 2);
  if (closed[end]) return std::nullopt;
  const int draw = pick(0, 20);
  if (draw < 9) return Step{Do::read, end, pick<std::size_t>(1, one_in(4) ? 30'000 : 300)};
  if (draw < 16) {
    const std::size_t count = pick<std::size_t>(1, one_in(4) ? 20'000 : 200);
    if (shut[end] || sent[end] + count > 50'000) return std::nullopt;
    sent[end] += count;
    return Step{Do::write, end, count};
  }
  if (draw < 18) {
    if (shut[end]) return std::nullopt;
    shut[end] = true;
    return Step{Do::shut, end, 0};
  }
  closed[end] = true;
  return Step{draw == 18 ? Do::close : Do::reset, end, 0};
}

void compare(std::uint64_t seed, int steps) {
  RealPair real;
  SimPair simulated(seed);
  std::array<bool, 2> closed{};
  std::array<bool, 2> shut{};
  std::array<std::size_t, 2> sent{};
  std::string log;
  for (int i = 0; i < steps; ++i) {
    const std::optional<Step> step = next_step(closed, shut, sent);
    if (!step) continue;
    Seen there;
    Seen here;
    switch (step->what) {
      case Do::read:
        there = simulated.read(step->end, step->bytes);
        here = real.read(step->end, step->bytes, there == "waits");
        break;
      case Do::write:
        there = simulated.write(step->end, step->bytes);
        here = real.write(step->end, step->bytes, !there.ends_with("bytes"));
        break;
      case Do::shut:
        there = simulated.shut(step->end);
        here = real.shut(step->end);
        break;
      case Do::close:
        there = simulated.close(step->end);
        here = real.close(step->end);
        break;
      case Do::reset:
        there = simulated.reset(step->end);
        here = real.reset(step->end);
        break;
    }
    log += fmt::format("{}: {}\n", name_of(*step), here);
    if (here != there) RC_FAIL(fmt::format("{}but in simulation: {}", log, there));
  }
}

RC_GTEST_PROP(TcpLikeKernel, WhatProgramsSeeAgrees, ()) {
  const auto seed = pick<std::uint64_t>(1, 1'000'000);
  compare(seed, pick(1, 60));
}

}  // namespace
}  // namespace razor::test
