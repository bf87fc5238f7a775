#pragma once
// ByteStream: a connected, ordered, reliable stream of bytes in both directions, as TCP gives it. Listener: where such
// streams arrive. Both are half of the seam between the library and its Runtime; the other half is runtime.h.
//
// One reader and one writer at a time. Both directions are independent. Each call crosses the virtual seam once, for a
// whole batch of frames.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "razor/base/bytes.h"
#include "razor/base/result.h"
#include "razor/runtime/address.h"
#include "razor/runtime/task.h"

namespace razor::runtime {

/// Of the bytes that writes took: what the peer's machine has not acknowledged. A machine acknowledges what its system
/// has received, whether or not a program reads it; so this tells a dead machine from a program that is busy.
struct Unacknowledged {
  std::uint64_t bytes = 0;
  /// Of `bytes`: what was sent, and could be acknowledged by a machine that is alive. The rest waits on this side until
  /// the peer's program reads, because its system has no more room. A live machine keeps this from standing still.
  std::uint64_t under_way = 0;
};

/// A connection that belongs to no Runtime: one of the same maker adopts it (Network::adopt). It closes the connection when it is
/// destroyed. Threads: any, one at a time.
class DetachedStream {
 public:
  virtual ~DetachedStream() = default;
};

class ByteStream {
 public:
  class Read;
  class Write;

  /// Closes both directions without waiting. Bytes written before still go out, unless unread bytes make the system
  /// reset the connection instead (as TCP does). A read or write that still waits ends with operation_canceled.
  virtual ~ByteStream() = default;

  /// `co_await stream.read(buffer)`: a `Result<std::size_t>` with the number of bytes that arrived, 1 .. buffer.size();
  /// 0 is the end: the peer shut its writing side.
  ///
  /// Bytes:  `buffer` must live until the await ends; it is not empty.
  /// Errors: connection_reset and the like; operation_canceled after `reset()`.
  /// Cancel: destroying the await leaves the bytes in the stream for the next read.
  Read read(base::MutableBytes buffer);

  /// `co_await stream.write(buffers)`: a `Result<std::size_t>` with the number of bytes taken, at least 1, from the
  /// front of `buffers`, which are written as if they were one. Waits while the stream has no room.
  ///
  /// Bytes:  `buffers`, and what they point at, must live until the await ends; there is at least one byte.
  /// Errors: broken_pipe, connection_reset and the like; operation_canceled after `reset()`.
  /// Cancel: destroying a waiting write has written nothing.
  Write write(std::span<const base::ByteView> buffers);

  /// The peer will read what was written, then the end. No `write` may follow.
  virtual base::Result<void> shutdown_write() = 0;

  /// Ends both directions at once: unsent bytes are dropped, the peer sees connection_reset, a waiting read or write
  /// here ends with operation_canceled.
  virtual void reset() = 0;

  /// A read would find bytes now, without waiting. The end of the stream is no bytes. It may cost a system call.
  virtual bool input_pending() const = 0;

  /// What the peer's machine has not acknowledged; nullopt where there is no machine to lose: within one machine, and
  /// after `reset()`. It may cost system calls: ask when a decision needs it, not once per call.
  virtual std::optional<Unacknowledged> unacknowledged() const = 0;

  /// The connection is dead in both directions: the peer's system has reset it, or this one has given it up, or `reset()`
  /// was called. Known before a read or write says so, for who does neither at the moment. Costs a system call.
  virtual bool is_broken() const = 0;

  virtual const Address& local_address() const = 0;
  virtual const Address& peer_address() const = 0;

  /// Takes the connection out, for another Runtime to adopt; null where it cannot move, and then the stream stays as it is. Only
  /// while nothing was read or written. Afterwards the stream is only to be destroyed.
  virtual std::unique_ptr<DetachedStream> detach() { return nullptr; }

 protected:
  /// Begins the operation. True when it finished at once (`finish` was called); false when it waits. Bytes are moved for
  /// one that waits only in the turn in which it goes on: the maker calls `finish` and then `resume_now`, in a turn of
  /// its own. Were it in the ready queue meanwhile, whoever destroys it there would lose the bytes. One that ends with
  /// an error may go through the ready queue. A loop that finds bytes or room every time must let others run, too.
  virtual bool start(Read& read) = 0;
  virtual bool start(Write& write) = 0;
  /// The operation that waits, and was not finished, is destroyed.
  virtual void cancel(Read& read) = 0;
  virtual void cancel(Write& write) = 0;

  /// For streams that are made of another one, as a decorator is: its operations may be begun and cancelled by it.
  static bool start_on(ByteStream& inner, Read& read) { return inner.start(read); }
  static bool start_on(ByteStream& inner, Write& write) { return inner.start(write); }
  static void cancel_on(ByteStream& inner, Read& read) { inner.cancel(read); }
  static void cancel_on(ByteStream& inner, Write& write) { inner.cancel(write); }

  friend class Read;
  friend class Write;
};

namespace detail {

/// What an awaited read and an awaited write have in common.
class StreamOperation : public Waiter {
 public:
  StreamOperation& operator=(const StreamOperation&) = delete;

  void finish(base::Result<std::size_t> result) { result_.emplace(std::move(result)); }
  bool finished() const { return result_.has_value(); }

  base::Result<std::size_t> await_resume() { return *std::move(result_); }

 protected:
  explicit StreamOperation(ByteStream& stream) : stream_(stream) {}
  // Only before it is awaited.
  StreamOperation(StreamOperation&& other) noexcept : stream_(other.stream_) {}
  ~StreamOperation() = default;

  ByteStream& stream_;
  bool started_ = false;

 private:
  std::optional<base::Result<std::size_t>> result_;
};

}  // namespace detail

class [[nodiscard]] ByteStream::Read final : public detail::StreamOperation {
 public:
  Read(ByteStream& stream, base::MutableBytes buffer) : StreamOperation(stream), buffer_(buffer) {}
  Read(Read&&) = default;
  ~Read() {
    if (started_ && !finished()) stream_.cancel(*this);
  }
  base::MutableBytes buffer() const { return buffer_; }

  bool await_ready() {
    started_ = true;
    return stream_.start(*this);
  }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> waiting) {
    suspend(waiting);
  }

 private:
  base::MutableBytes buffer_;
};

class [[nodiscard]] ByteStream::Write final : public detail::StreamOperation {
 public:
  Write(ByteStream& stream, std::span<const base::ByteView> buffers) : StreamOperation(stream), buffers_(buffers) {}
  Write(Write&&) = default;
  ~Write() {
    if (started_ && !finished()) stream_.cancel(*this);
  }
  std::span<const base::ByteView> buffers() const { return buffers_; }

  bool await_ready() {
    started_ = true;
    return stream_.start(*this);
  }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> waiting) {
    suspend(waiting);
  }

 private:
  std::span<const base::ByteView> buffers_;
};

inline ByteStream::Read ByteStream::read(base::MutableBytes buffer) { return Read(*this, buffer); }
inline ByteStream::Write ByteStream::write(std::span<const base::ByteView> buffers) { return Write(*this, buffers); }

/// Where connections arrive.
class Listener {
 public:
  /// Stops listening. A waiting accept ends with operation_canceled. The path of a Unix socket is removed.
  virtual ~Listener() = default;

  /// The next connection. One accept at a time.
  ///
  /// Errors: what the system says (too_many_files_open …); the listener stays usable after every error.
  /// Cancel: destroying the Task leaves the connection for the next accept.
  virtual Task<base::Result<std::unique_ptr<ByteStream>>> accept() = 0;

  /// With the port that the system chose, where it was asked to.
  virtual const Address& address() const = 0;
};

}  // namespace razor::runtime
