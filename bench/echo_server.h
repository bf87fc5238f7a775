// The answering end of the bare echo: what one recv brought is answered by one send. The hot loop is
// ServerConnection::write_answers().
#pragma once

#include <arpa/inet.h>
#include <signal.h>
#include <sys/signalfd.h>

#include <memory>
#include <optional>
#include <string>

#include "echo_frames.h"
#include "echo_io.h"

namespace bench {

struct ServeOptions : EchoOptions {
  sockaddr_in listen{};
  std::optional<size_t> answer_bytes{};  // None: the msg of the request is echoed.
};

class ServerConnection {
 public:
  /// `constant_answer` is the msg of every answer; null means echo.
  ServerConnection(int fd, const EchoOptions& options, const Epoll& epoll, const std::string* constant_answer)
      : fd_(fd), epoll_(epoll), constant_answer_(constant_answer), in_(options.read_bytes), out_(options.send_bytes) {
    epoll_.add(fd, EPOLLIN);
  }

  /// False when the connection is over.
  bool on_event() {
    if (!out_.empty()) return resume();
    const Io received = in_.receive(fd_.get());
    if (received == Io::kDone) return answer_received();
    return received == Io::kWouldBlock;
  }

 private:
  enum class Stop { kNoWholeFrame, kOutFull, kBadFrame };

  // A peer that does not take its answers is not read from either: until they are gone, only EPOLLOUT is awaited.
  bool answer_received() {
    for (;;) {
      const Stop stop = write_answers();
      if (stop == Stop::kBadFrame) return false;
      const Io sent = out_.empty() ? Io::kDone : out_.flush(fd_.get());
      if (sent == Io::kWouldBlock) epoll_.change(fd_.get(), EPOLLOUT);
      if (sent != Io::kDone) return sent == Io::kWouldBlock;
      if (stop == Stop::kNoWholeFrame) return true;
    }
  }

  bool resume() {
    const Io sent = out_.flush(fd_.get());
    if (sent != Io::kDone) return sent == Io::kWouldBlock;
    epoll_.change(fd_.get(), EPOLLIN);
    return answer_received();
  }

  // The hot loop. It works on locals, since the compiler must reload members after every store through a char*.
  Stop write_answers() {
    const std::string* const constant = constant_answer_;
    const char* at = in_.begin();
    const char* const end = in_.end();
    char* to = out_.end();
    char* const to_end = to + out_.room();
    size_t in_needed = 0;
    size_t out_needed = 0;
    Stop stop = Stop::kNoWholeFrame;
    while (static_cast<size_t>(end - at) >= RequestHead::kBytes) {
      const RequestHead request = read_request_head(at);
      const uint64_t size = request.frame_bytes();
      if (!request.magic_valid || size > kFrameBytesMax) [[unlikely]] {
        return Stop::kBadFrame;
      }
      if (static_cast<size_t>(end - at) < size) {
        in_needed = size;
        break;
      }
      const size_t msg_len = constant != nullptr ? constant->size() : request.msg_len;
      const size_t answer_bytes = ResponseHead::kBytes + msg_len;
      if (static_cast<size_t>(to_end - to) < answer_bytes) [[unlikely]] {
        out_needed = answer_bytes;
        stop = Stop::kOutFull;
        break;
      }
      write_response_head(to, {.seq = request.seq, .msg_len = static_cast<uint32_t>(msg_len)});
      const char* msg = constant != nullptr ? constant->data() : at + RequestHead::kBytes + request.action_bytes();
      std::memcpy(to + ResponseHead::kBytes, msg, msg_len);
      to += answer_bytes;
      at += size;
    }
    in_.consume_to(at);
    out_.written_to(to);
    in_.reserve(in_needed);
    out_.reserve(out_needed);
    return stop;
  }

  Fd fd_;
  const Epoll& epoll_;
  const std::string* const constant_answer_;
  InBuffer in_;
  OutBuffer out_;
};

class Server {
 public:
  explicit Server(const ServeOptions& options) : options_(options) {
    if (options.answer_bytes) constant_answer_ = make_msg(*options.answer_bytes);
    set_options(listener_.get(), options);
    const int on = 1;
    check(setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), "setsockopt SO_REUSEADDR");
    check(bind(listener_.get(), reinterpret_cast<const sockaddr*>(&options.listen), sizeof(options.listen)), "bind");
    check(listen(listener_.get(), SOMAXCONN), "listen");
    epoll_.add(listener_.get(), EPOLLIN);
    epoll_.add(stop_signal_.get(), EPOLLIN);
  }

  /// Serves until SIGTERM or SIGINT.
  void run() {
    print_address();
    for (;;) {
      epoll_event events[64];
      const int count = epoll_.wait(events, 64, options_.spin_ns);
      for (int i = 0; i < count; ++i) {
        const int fd = events[i].data.fd;
        if (fd == stop_signal_.get()) return;
        if (fd == listener_.get()) {
          accept_one();
        } else if (auto& connection = connections_[static_cast<size_t>(fd)]; !connection->on_event()) {
          connection.reset();
        }
      }
    }
  }

 private:
  static int open_stop_signal() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    check(sigprocmask(SIG_BLOCK, &signals, nullptr), "sigprocmask");
    return check(signalfd(-1, &signals, 0), "signalfd");
  }

  void print_address() const {
    sockaddr_in address{};
    socklen_t length = sizeof(address);
    check(getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length), "getsockname");
    char text[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &address.sin_addr, text, sizeof(text));
    std::printf("listening %s:%u\n", text, unsigned{ntohs(address.sin_port)});
    std::fflush(stdout);
  }

  void accept_one() {
    const int fd = accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK);
    if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED)) return;  // The peer has already gone.
    check(fd, "accept");
    const auto index = static_cast<size_t>(fd);
    if (connections_.size() <= index) connections_.resize(index + 1);
    connections_[index] =
        std::make_unique<ServerConnection>(fd, options_, epoll_, constant_answer_ ? &*constant_answer_ : nullptr);
  }

  Fd listener_{check(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket")};
  Fd stop_signal_{open_stop_signal()};
  Epoll epoll_;
  const EchoOptions options_;
  std::optional<std::string> constant_answer_;                  // None: echo.
  std::vector<std::unique_ptr<ServerConnection>> connections_;  // By descriptor.
};

}  // namespace bench
