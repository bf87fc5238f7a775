#include "razor/runtime/internal/in_process_stream.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <vector>

#include "razor/base/check.h"
#include "razor/base/format.h"
#include "razor/runtime/internal/wakeup.h"

namespace razor::runtime {
namespace {

using base::ByteView;
using base::MutableBytes;
using base::Result;

// One direction.
struct Pipe {
  std::vector<std::byte> bytes;
  std::size_t taken = 0;  // of `bytes`: read
  bool has_ended = false;  // the writer shut it
  bool is_reset = false;  // by either end
  bool reader_is_gone = false;  // it was destroyed: nobody will read

  std::size_t readable() const { return bytes.size() - taken; }
  void drop_bytes() {
    bytes.clear();
    taken = 0;
  }
  std::size_t take(MutableBytes to) {
    const std::size_t count = std::min(readable(), to.size());
    if (count > 0) std::memcpy(to.data(), bytes.data() + taken, count);
    taken += count;
    if (taken == bytes.size()) {
      drop_bytes();
    } else if (taken >= bytes.size() / 2) {
      bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(taken));
      taken = 0;
    }
    return count;
  }
};

// A connection: owned by its two streams, and by a wake-up that is on its way.
struct Link final : std::enable_shared_from_this<Link> {
  struct Side {
    Side(Link& owner, Executor& side_executor, int side_index)
        : link(owner), executor(side_executor), index(side_index), wakeup(side_executor, &Side::woken, this) {}
    static void woken(void* side);

    Link& link;
    Executor& executor;
    int index;
    Address local;
    Address peer;
    ByteStream::Read* reader = nullptr;
    ByteStream::Write* writer = nullptr;
    bool is_closed = false;  // reset here, or destroyed
    unsigned at_once = 0;  // operations that did not wait, in a row
    Wakeup wakeup;
  };

  Link(Executor& a, Executor& b, std::size_t link_capacity) : capacity(link_capacity), sides{{*this, a, 0}, {*this, b, 1}} {}

  // What follows: with the mutex held.
  Pipe& in_of(const Side& side) { return pipes[1 - side.index]; }
  Pipe& out_of(const Side& side) { return pipes[side.index]; }
  Side& other(const Side& side) { return sides[1 - side.index]; }
  void wake(Side& side) { side.wakeup.request(shared_from_this()); }

  bool try_finish(Side& side, ByteStream::Read& read) {
    Pipe& in = in_of(side);
    if (side.is_closed) {
      read.finish(make_error_code(std::errc::operation_canceled));
    } else if (in.is_reset) {
      read.finish(make_error_code(std::errc::connection_reset));
    } else if (in.readable() > 0) {
      read.finish(in.take(read.buffer()));
      if (other(side).writer != nullptr) wake(other(side));
    } else if (in.has_ended) {
      read.finish(std::size_t{0});
    } else {
      return false;
    }
    return true;
  }
  bool try_finish(Side& side, ByteStream::Write& write) {
    Pipe& out = out_of(side);
    if (side.is_closed) {
      write.finish(make_error_code(std::errc::operation_canceled));
      return true;
    }
    if (out.is_reset || out.reader_is_gone) {
      write.finish(make_error_code(out.is_reset ? std::errc::connection_reset : std::errc::broken_pipe));
      return true;
    }
    std::size_t room = capacity - std::min(capacity, out.readable());
    if (room == 0) return false;
    std::size_t count = 0;
    for (const ByteView buffer : write.buffers()) {
      const ByteView part = buffer.first(std::min(room, buffer.size()));
      out.bytes.insert(out.bytes.end(), part.begin(), part.end());
      room -= part.size();
      count += part.size();
    }
    write.finish(count);
    if (other(side).reader != nullptr) wake(other(side));
    return true;
  }
  // What waits here ends as if it had been cancelled by the stream's owner.
  template <class Operation>
  void end_waiting(Side& side, Operation*& waiting) {
    if (waiting == nullptr) return;
    waiting->finish(make_error_code(std::errc::operation_canceled));
    side.executor.schedule(*std::exchange(waiting, nullptr));
  }

  const std::size_t capacity;
  std::mutex mutex;
  Side sides[2];
  Pipe pipes[2];  // by the side that writes
};

// A turn of its own on the side's thread: bytes are moved for an operation that waits only now, and it goes on at once.
void Link::Side::woken(void* owner) {
  Side& side = *static_cast<Side*>(owner);
  std::unique_lock lock(side.link.mutex);
  side.at_once = 0;
  if (side.reader != nullptr && side.link.try_finish(side, *side.reader)) {
    ByteStream::Read& read = *std::exchange(side.reader, nullptr);
    lock.unlock();
    read.resume_now();
    lock.lock();
  }
  if (side.writer != nullptr && side.link.try_finish(side, *side.writer)) {
    ByteStream::Write& write = *std::exchange(side.writer, nullptr);
    lock.unlock();
    write.resume_now();
  }
}

class InProcessStream final : public ByteStream {
 public:
  InProcessStream(std::shared_ptr<Link> link, int index) : link_(std::move(link)), side_(link_->sides[index]) {}
  ~InProcessStream() override {
    const std::lock_guard lock(link_->mutex);
    link_->out_of(side_).has_ended = true;
    link_->in_of(side_).reader_is_gone = true;
    link_->in_of(side_).drop_bytes();
    close();
  }

  Result<void> shutdown_write() override {
    const std::lock_guard lock(link_->mutex);
    Pipe& out = link_->out_of(side_);
    if (side_.is_closed || out.is_reset || out.reader_is_gone) return make_error_code(std::errc::broken_pipe);
    out.has_ended = true;
    link_->wake(link_->other(side_));
    return {};
  }
  void reset() override {
    const std::lock_guard lock(link_->mutex);
    if (side_.is_closed) return;
    for (Pipe& pipe : link_->pipes) {
      pipe.is_reset = true;
      pipe.drop_bytes();
    }
    close();
  }
  bool input_pending() const override {
    const std::lock_guard lock(link_->mutex);
    return !side_.is_closed && link_->in_of(side_).readable() > 0;
  }
  // Within one process there is no machine to lose.
  std::optional<Unacknowledged> unacknowledged() const override { return std::nullopt; }
  bool is_broken() const override {
    const std::lock_guard lock(link_->mutex);
    return side_.is_closed || link_->in_of(side_).is_reset;
  }
  const Address& local_address() const override { return side_.local; }
  const Address& peer_address() const override { return side_.peer; }

 protected:
  bool start(Read& read) override { return start_on_side(read, side_.reader); }
  bool start(Write& write) override { return start_on_side(write, side_.writer); }
  void cancel(Read&) override { forget(side_.reader); }
  void cancel(Write&) override { forget(side_.writer); }

 private:
  // A loop that finds bytes or room every time lets others run after so many operations.
  static constexpr unsigned kAtOnceMax = 16;

  template <class Operation>
  bool start_on_side(Operation& operation, Operation*& waiting) {
    const std::lock_guard lock(link_->mutex);
    RAZOR_CHECK(waiting == nullptr, "two operations of one direction at a time");
    if (++side_.at_once <= kAtOnceMax && link_->try_finish(side_, operation)) return true;
    if (side_.is_closed) return link_->try_finish(side_, operation);
    waiting = &operation;
    if (side_.at_once > kAtOnceMax) link_->wake(side_);
    return false;
  }
  template <class Operation>
  void forget(Operation*& waiting) {
    const std::lock_guard lock(link_->mutex);
    waiting = nullptr;
  }
  void close() {
    side_.is_closed = true;
    link_->end_waiting(side_, side_.reader);
    link_->end_waiting(side_, side_.writer);
    side_.wakeup.stop();
    link_->wake(link_->other(side_));
  }

  std::shared_ptr<Link> link_;
  Link::Side& side_;
};

}  // namespace

InProcessPair make_in_process_pair(Executor& client, Executor& server, const Address& served, std::size_t capacity) {
  static std::atomic<std::uint64_t> connections = 0;
  const auto link = std::make_shared<Link>(client, server, capacity);
  const Address own = Address::unix_socket(base::format("@in-process/{}", ++connections));
  link->sides[0].local = link->sides[1].peer = own;
  link->sides[0].peer = link->sides[1].local = served;
  return {std::make_unique<InProcessStream>(link, 0), std::make_unique<InProcessStream>(link, 1)};
}

}  // namespace razor::runtime
