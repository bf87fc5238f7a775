// What both ends of the bare echo are made of: an epoll set, and the two buffers around one non-blocking socket.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace bench {

/// What both ends can be told.
struct EchoOptions {
  size_t read_bytes = 64 << 10;  // Of the buffer that one recv fills.
  size_t send_bytes = 64 << 10;  // Of the buffer that one send empties.
  size_t socket_bytes = 0;       // Of the kernel's buffers, one in each direction; 0: as the kernel sees fit.
  uint64_t spin_ns = 0;          // How long to ask for events before sleeping.
};

[[noreturn]] inline void fail(const char* action) {
  std::fprintf(stderr, "epoll_echo: %s: %s\n", action, std::strerror(errno));
  std::exit(1);
}

inline int check(int result, const char* action) {
  if (result < 0) fail(action);
  return result;
}

inline uint64_t now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { close(fd_); }
  int get() const { return fd_; }

 private:
  int fd_;
};

/// An epoll set whose events carry the descriptor. Level-triggered: what a caller leaves for later is reported again,
/// so one recv per event is enough, and no connection can keep the others waiting.
class Epoll {
 public:
  void add(int fd, uint32_t events) const { control(EPOLL_CTL_ADD, fd, events); }
  void change(int fd, uint32_t events) const { control(EPOLL_CTL_MOD, fd, events); }

  /// Waits for events; with `spin_ns`, asks without sleeping for that long first.
  int wait(epoll_event* events, int events_max, uint64_t spin_ns) const {
    if (spin_ns != 0) {
      const uint64_t spin_end = now_ns() + spin_ns;
      do {
        const int count = epoll_wait(fd_.get(), events, events_max, 0);
        if (count != 0) return count < 0 ? 0 : count;
      } while (now_ns() < spin_end);
    }
    const int count = epoll_wait(fd_.get(), events, events_max, -1);
    if (count < 0 && errno != EINTR) fail("epoll_wait");
    return std::max(count, 0);
  }

 private:
  void control(int operation, int fd, uint32_t events) const {
    epoll_event event{.events = events, .data = {.fd = fd}};
    check(epoll_ctl(fd_.get(), operation, fd, &event), "epoll_ctl");
  }

  Fd fd_{check(epoll_create1(0), "epoll_create1")};
};

enum class Io { kDone, kWouldBlock, kClosed };

inline Io failed_io() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? Io::kWouldBlock : Io::kClosed; }

/// Bytes received and not yet consumed. The caller consumes whole frames; what is left of the last one moves to the
/// front before the next recv, so that every frame lies in one piece.
class InBuffer {
 public:
  explicit InBuffer(size_t capacity) : bytes_(capacity) {}

  const char* begin() const { return bytes_.data() + begin_; }
  const char* end() const { return bytes_.data() + end_; }
  void consume_to(const char* at) { begin_ = static_cast<size_t>(at - bytes_.data()); }

  Io receive(int fd) {
    if (begin_ != 0) {
      std::memmove(bytes_.data(), begin(), end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    const ssize_t count = recv(fd, bytes_.data() + end_, bytes_.size() - end_, 0);
    if (count < 0) return failed_io();
    end_ += static_cast<size_t>(count);
    return count == 0 ? Io::kClosed : Io::kDone;
  }

  /// Makes room for a frame of `size` bytes at begin().
  void reserve(size_t size) {
    if (size > bytes_.size()) bytes_.resize(size);
  }

 private:
  std::vector<char> bytes_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

/// Bytes to send. The owner writes at end(), within room(), and flushes.
class OutBuffer {
 public:
  explicit OutBuffer(size_t capacity) : bytes_(capacity) {}

  bool empty() const { return begin_ == end_; }
  char* end() { return bytes_.data() + end_; }
  size_t room() const { return bytes_.size() - end_; }
  void written_to(const char* at) { end_ = static_cast<size_t>(at - bytes_.data()); }

  /// Sends what is there. What the socket does not take stays and makes it kWouldBlock.
  Io flush(int fd) {
    const ssize_t count = send(fd, bytes_.data() + begin_, end_ - begin_, MSG_NOSIGNAL);
    if (count < 0) return failed_io();
    begin_ += static_cast<size_t>(count);
    if (begin_ != end_) return Io::kWouldBlock;
    begin_ = end_ = 0;
    return Io::kDone;
  }

  /// Makes room for a frame of `size` bytes, once the buffer is empty.
  void reserve(size_t size) {
    if (size > bytes_.size()) bytes_.resize(size);
  }

 private:
  std::vector<char> bytes_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

/// Before connect or listen, so that the kernel can announce a window of that size; accepted sockets inherit it.
inline void set_options(int fd, const EchoOptions& options) {
  auto set = [&](int level, int name, int value, const char* action) {
    check(setsockopt(fd, level, name, &value, sizeof(value)), action);
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1, "setsockopt TCP_NODELAY");
  if (options.socket_bytes == 0) return;
  set(SOL_SOCKET, SO_SNDBUF, static_cast<int>(options.socket_bytes), "setsockopt SO_SNDBUF");
  set(SOL_SOCKET, SO_RCVBUF, static_cast<int>(options.socket_bytes), "setsockopt SO_RCVBUF");
}

}  // namespace bench
