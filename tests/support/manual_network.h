#pragma once
// Connections in memory whose other end, and whose faults, are in the hands of a test. Nothing moves unless the test lets
// it run; a peer is a plain object that sends and takes bytes (ManualPeer), or another ByteStream of ours.
//
// Divergence: what TCP does is kept where the library could tell: bytes in order, bounded room, half-close, and the reset
// that answers whoever writes to, or has left unread, an end that is closed. That reset takes what is not read yet with
// it, at once, which is the worst that TCP may do. There are no segments, and no time passes on the way.

#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "razor/runtime/event.h"
#include "razor/runtime/runtime.h"

namespace razor::test {

class ManualStream;

/// One direction of a connection: what was written and is not read yet.
class ManualPipe {
 public:
  explicit ManualPipe(runtime::Executor& executor) : executor_(executor) {}
  ManualPipe(const ManualPipe&) = delete;

  // --- What a test does to it

  /// Bytes that are not let through stay on the way: the reader does not see them.
  void hold() { set_visible_up_to(std::min(visible_up_to_, written_)); }
  void let_through(std::size_t count) { set_visible_up_to(visible_up_to_ + count); }
  void release() { set_visible_up_to(kNoLimit); }
  /// How many bytes may be on the way; above that writers wait.
  void set_room(std::size_t bytes) {
    room_ = bytes;
    wake();
  }
  /// As between programs of one machine: there are no acknowledgements.
  void set_within_a_machine() { is_acknowledged_ = false; }
  /// The most that one read or one write moves.
  void set_piece(std::size_t bytes) { piece_ = bytes; }
  /// Writes wait for a turn of their own, even when there is room.
  void set_writes_wait(bool wait) { writes_wait_ = wait; }
  /// Reads that find bytes end at once.
  void set_reads_at_once(bool at_once) { reads_at_once_ = at_once; }
  /// From now on writes fail; what was written stays.
  void fail_writes(std::errc error) {
    write_error_ = std::make_error_code(error);
    wake();
  }
  /// From now on reads fail; what was not read is lost.
  void fail_reads(std::errc error) {
    read_error_ = std::make_error_code(error);
    taken_ = bytes_.size();
    read_ = written_;
    wake();
  }
  /// The writer ends. The reader sees that behind the last byte.
  void end() {
    ended_ = true;
    wake();
  }

  /// Sees all bytes as they are written.
  std::function<void(base::ByteView)> tap;

  // --- What it holds

  std::size_t readable() const { return static_cast<std::size_t>(std::min(visible_up_to_, written_) - read_); }
  std::size_t on_the_way() const { return static_cast<std::size_t>(written_ - read_); }
  std::size_t room_left() const { return on_the_way() >= room_ ? 0 : room_ - on_the_way(); }
  /// What is held is not acknowledged; what the reader sees is, whether or not it is read. What does not fit has not left.
  std::optional<runtime::Unacknowledged> unacknowledged() const {
    if (!is_acknowledged_) return std::nullopt;
    const std::uint64_t bytes = written_ - std::min(visible_up_to_, written_);
    return runtime::Unacknowledged{bytes, bytes};
  }
  bool at_end() const { return ended_ && read_ == written_ && visible_up_to_ >= written_; }
  bool ended() const { return ended_; }
  base::ByteCount written_total() const { return written_; }
  std::error_code read_error() const { return read_error_; }
  std::error_code write_error() const { return write_error_; }
  /// The largest buffer that a reader brought: how much memory it holds beyond what has arrived.
  std::size_t read_buffer_peak() const { return read_buffer_peak_; }

  void put(base::ByteView bytes) {
    if (tap) tap(bytes);
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    written_ += bytes.size();
    wake();
  }
  std::size_t take(base::MutableBytes to) {
    const std::size_t count = std::min(readable(), to.size());
    if (count > 0) std::memcpy(to.data(), bytes_.data() + taken_, count);
    taken_ += count;
    read_ += count;
    if (taken_ == bytes_.size()) {
      bytes_.clear();
      taken_ = 0;
    }
    wake();
    return count;
  }

 private:
  friend class ManualStream;
  using Read = runtime::ByteStream::Read;
  using Write = runtime::ByteStream::Write;
  static constexpr base::ByteCount kNoLimit = ~base::ByteCount{0} / 2;

  // The turn in which a read or a write that waits goes on.
  template <void (ManualPipe::*go_on)()>
  struct Turn final : runtime::Runnable {
    explicit Turn(ManualPipe& owner)
        : Runnable([](Runnable& ready) { (static_cast<Turn&>(ready).pipe.*go_on)(); }), pipe(owner) {}
    ManualPipe& pipe;
  };

  void set_visible_up_to(base::ByteCount end) {
    visible_up_to_ = end;
    wake();
  }

  void wake() {
    if (reader_ != nullptr && can_read() && !read_turn_.is_linked()) executor_.schedule(read_turn_);
    if (writer_ != nullptr && can_write() && !write_turn_.is_linked()) executor_.schedule(write_turn_);
  }

  bool can_read() const { return readable() > 0 || at_end() || read_error_; }
  bool can_write() const { return room_left() > 0 || write_error_; }

  void finish(Read& read) {
    if (read_error_) {
      read.finish(read_error_);
    } else {
      const base::MutableBytes buffer = read.buffer();
      read.finish(take(buffer.first(std::min(buffer.size(), piece_))));
    }
  }
  void finish(Write& write) {
    if (write_error_) {
      write.finish(write_error_);
      return;
    }
    std::size_t left = std::min(room_left(), piece_);
    std::size_t count = 0;
    for (const base::ByteView buffer : write.buffers()) {
      const base::ByteView part = buffer.first(std::min(left, buffer.size()));
      put(part);
      left -= part.size();
      count += part.size();
    }
    write.finish(count);
  }

  void run_read() {
    if (reader_ == nullptr || !can_read()) return;
    Read& read = *std::exchange(reader_, nullptr);
    finish(read);
    read.resume_now();
  }
  void run_write() {
    if (writer_ == nullptr || !can_write()) return;
    Write& write = *std::exchange(writer_, nullptr);
    finish(write);
    write.resume_now();
  }

  template <class Operation>
  void cancel(Operation*& waiting) {
    if (Operation* operation = std::exchange(waiting, nullptr)) {
      operation->finish(std::make_error_code(std::errc::operation_canceled));
      executor_.schedule(*operation);
    }
  }

  runtime::Executor& executor_;
  std::vector<std::byte> bytes_;
  std::size_t taken_ = 0;  // of `bytes_`
  base::ByteCount written_ = 0;
  base::ByteCount read_ = 0;
  base::ByteCount visible_up_to_ = kNoLimit;
  std::size_t room_ = 1024 * 1024;
  std::size_t piece_ = static_cast<std::size_t>(-1);
  bool is_acknowledged_ = true;
  bool writes_wait_ = false;
  bool reads_at_once_ = false;
  bool ended_ = false;
  std::error_code read_error_;
  std::error_code write_error_;
  std::size_t read_buffer_peak_ = 0;
  Read* reader_ = nullptr;
  Write* writer_ = nullptr;
  Turn<&ManualPipe::run_read> read_turn_{*this};
  Turn<&ManualPipe::run_write> write_turn_{*this};
};

/// A connection: owned by both ends, and by the test while it wants to disturb it.
struct ManualLink {
  explicit ManualLink(runtime::Executor& executor) : to_server(executor), to_client(executor) {}

  /// One end goes: its peer reads what was written, then the end, unless bytes for the end that goes make it a reset.
  static void close_end(ManualPipe& in, ManualPipe& out, bool& closed) {
    if (std::exchange(closed, true)) return;
    if (in.on_the_way() > 0) {
      reset_end(in, out);
    } else {
      out.end();
    }
  }
  static void reset_end(ManualPipe& in, ManualPipe& out) {
    out.fail_reads(std::errc::connection_reset);
    in.fail_writes(std::errc::connection_reset);
  }

  ManualPipe to_server;
  ManualPipe to_client;
  bool client_closed = false;
  bool server_closed = false;
};

/// An end of a ManualLink, as the library sees it.
class ManualStream final : public runtime::ByteStream {
 public:
  enum class End { client, server };

  ManualStream(std::shared_ptr<ManualLink> link, End end, runtime::Address peer)
      : link_(std::move(link)), end_(end), peer_(std::move(peer)) {}
  ~ManualStream() override { close(); }

  base::Result<void> shutdown_write() override {
    if (out().write_error()) return out().write_error();
    out().end();
    return {};
  }
  void reset() override {
    if (closed()) return;
    ManualLink::reset_end(in(), out());
    close();
  }
  bool input_pending() const override { return in().readable() > 0; }
  bool is_broken() const override { return closed() || out().write_error() != std::error_code(); }
  std::optional<runtime::Unacknowledged> unacknowledged() const override {
    if (closed()) return std::nullopt;
    return out().unacknowledged();
  }
  const runtime::Address& local_address() const override { return local_; }
  const runtime::Address& peer_address() const override { return peer_; }

 protected:
  bool start(Read& read) override {
    RAZOR_CHECK(in().reader_ == nullptr, "two reads at a time");
    RAZOR_CHECK(!read.buffer().empty(), "read into an empty buffer");
    in().read_buffer_peak_ = std::max(in().read_buffer_peak_, read.buffer().size());
    if (closed()) {
      read.finish(std::make_error_code(std::errc::operation_canceled));
      return true;
    }
    if (in().reads_at_once_ && in().can_read()) {
      in().finish(read);
      return true;
    }
    in().reader_ = &read;
    in().wake();
    return false;
  }
  bool start(Write& write) override {
    RAZOR_CHECK(out().writer_ == nullptr, "two writes at a time");
    RAZOR_CHECK(!out().ended(), "a write after shutdown_write");
    if (closed()) {
      write.finish(std::make_error_code(std::errc::operation_canceled));
      return true;
    }
    if (peer_is_gone()) ManualLink::reset_end(out(), in());
    if (!out().writes_wait_ && out().can_write()) {
      out().finish(write);
      return true;
    }
    out().writer_ = &write;
    out().wake();
    return false;
  }
  void cancel(Read&) override { in().reader_ = nullptr; }
  void cancel(Write&) override { out().writer_ = nullptr; }

 private:
  void close() {
    if (closed()) return;
    in().cancel(in().reader_);
    out().cancel(out().writer_);
    ManualLink::close_end(in(), out(), end_ == End::client ? link_->client_closed : link_->server_closed);
  }
  bool closed() const { return end_ == End::client ? link_->client_closed : link_->server_closed; }
  bool peer_is_gone() const { return end_ == End::client ? link_->server_closed : link_->client_closed; }
  ManualPipe& in() const { return end_ == End::client ? link_->to_client : link_->to_server; }
  ManualPipe& out() const { return end_ == End::client ? link_->to_server : link_->to_client; }

  std::shared_ptr<ManualLink> link_;
  End end_;
  runtime::Address local_;
  runtime::Address peer_;
};

/// An end of a ManualLink that the test itself plays, byte by byte if it likes.
class ManualPeer {
 public:
  ManualPeer(std::shared_ptr<ManualLink> link, ManualStream::End end) : link_(std::move(link)), end_(end) {}
  ManualPeer(ManualPeer&&) = default;
  ManualPeer& operator=(ManualPeer&&) = default;
  ~ManualPeer() {
    if (link_) close();
  }

  /// Whatever the room: the test knows what it does. Into a connection that the other end has closed: a reset.
  void send(base::ByteView bytes) {
    if (peer_is_gone()) {
      ManualLink::reset_end(out(), in());
      return;
    }
    out().put(bytes);
  }
  /// All that can be read now.
  base::Bytes take() {
    base::Bytes bytes(in().readable());
    in().take(bytes);
    return bytes;
  }
  /// Sends no more, and still reads.
  void shut() { out().end(); }
  void close() {
    ManualLink::close_end(in(), out(), end_ == ManualStream::End::client ? link_->client_closed : link_->server_closed);
  }
  void reset() { ManualLink::reset_end(in(), out()); }

  /// The other end wrote its last byte, and it was taken.
  bool sees_end() const { return in().at_end(); }
  bool sees_reset() const { return in().read_error() == std::errc::connection_reset; }
  bool sees_open() const { return !sees_end() && !sees_reset(); }

  /// The directions, to disturb them: towards the library, and from it.
  ManualPipe& out() { return end_ == ManualStream::End::client ? link_->to_server : link_->to_client; }
  ManualPipe& in() { return end_ == ManualStream::End::client ? link_->to_client : link_->to_server; }
  const ManualPipe& in() const { return end_ == ManualStream::End::client ? link_->to_client : link_->to_server; }

 private:
  bool peer_is_gone() const { return end_ == ManualStream::End::client ? link_->server_closed : link_->client_closed; }

  std::shared_ptr<ManualLink> link_;
  ManualStream::End end_;
};

/// Where ManualStreams meet. One listener for each address.
class ManualNetwork final : public runtime::Network {
 public:
  explicit ManualNetwork(runtime::Executor& executor) : executor_(executor) {}

  // --- What a test does

  /// The next `count` accepts fail.
  void fail_accepts(std::size_t count, std::errc error) {
    accepts_failing_ = count;
    accept_error_ = std::make_error_code(error);
    for (ManualListener* listener : listeners_) listener->wake();
  }
  std::size_t accepts_started() const { return accepts_started_; }
  /// A connection to whoever listens at `address`, whose client is the test.
  ManualPeer connect_by_hand(const runtime::Address& address) {
    ManualListener* listener = find(address);
    RAZOR_CHECK(listener != nullptr, "nobody listens at {}", address);
    return ManualPeer(listener->arrive(), ManualStream::End::client);
  }
  /// A connection whose server is the test.
  std::pair<std::unique_ptr<runtime::ByteStream>, ManualPeer> connected_to_hand() {
    auto link = std::make_shared<ManualLink>(executor_);
    std::unique_ptr<runtime::ByteStream> client =
        std::make_unique<ManualStream>(link, ManualStream::End::client, runtime::Address::tcp("hand", 1));
    return {std::move(client), ManualPeer(std::move(link), ManualStream::End::server)};
  }
  void set_connections_max(std::uint32_t count) { connections_max_ = count; }
  /// The link of the connection that was made last.
  ManualLink& last_link() { return *last_link_; }

  // --- Network

  using Network::listen;
  runtime::Task<base::Result<std::unique_ptr<runtime::ByteStream>>> connect(runtime::Address address) override {
    ManualListener* listener = find(address);
    if (listener == nullptr) co_return std::make_error_code(std::errc::connection_refused);
    std::unique_ptr<runtime::ByteStream> stream =
        std::make_unique<ManualStream>(listener->arrive(), ManualStream::End::client, address);
    co_return stream;
  }
  base::Result<std::unique_ptr<runtime::Listener>> listen(const runtime::Address& address, runtime::ListenOptions) override {
    if (find(address) != nullptr) return std::make_error_code(std::errc::address_in_use);
    return std::unique_ptr<runtime::Listener>(std::make_unique<ManualListener>(*this, address));
  }
  std::uint32_t connections_max() const override { return connections_max_; }

 private:
  class ManualListener final : public runtime::Listener {
   public:
    ManualListener(ManualNetwork& network, runtime::Address address)
        : network_(network), address_(std::move(address)), arrived_(network.executor_) {
      network_.listeners_.push_back(this);
    }
    ~ManualListener() override { std::erase(network_.listeners_, this); }

    runtime::Task<base::Result<std::unique_ptr<runtime::ByteStream>>> accept() override { return accept_at(*this); }
    const runtime::Address& address() const override { return address_; }

    std::shared_ptr<ManualLink> arrive() {
      auto link = std::make_shared<ManualLink>(network_.executor_);
      network_.last_link_ = link;
      backlog_.push_back(std::make_unique<ManualStream>(link, ManualStream::End::server,
                                                        runtime::Address::tcp("client", ++network_.arrived_total_)));
      wake();
      return link;
    }
    void wake() { arrived_.set(); }

   private:
    static runtime::Task<base::Result<std::unique_ptr<runtime::ByteStream>>> accept_at(ManualListener& self) {
      ++self.network_.accepts_started_;
      while (true) {
        if (self.network_.accepts_failing_ > 0) {
          --self.network_.accepts_failing_;
          co_return self.network_.accept_error_;
        }
        if (!self.backlog_.empty()) break;
        self.arrived_.reset();
        co_await self.arrived_.wait();
      }
      std::unique_ptr<runtime::ByteStream> stream = std::move(self.backlog_.front());
      self.backlog_.pop_front();
      co_return stream;
    }

    ManualNetwork& network_;
    runtime::Address address_;
    runtime::Event arrived_;
    std::deque<std::unique_ptr<runtime::ByteStream>> backlog_;
  };

  ManualListener* find(const runtime::Address& address) {
    for (ManualListener* listener : listeners_) {
      if (listener->address() == address) return listener;
    }
    return nullptr;
  }

  runtime::Executor& executor_;
  std::vector<ManualListener*> listeners_;
  std::shared_ptr<ManualLink> last_link_;
  std::size_t accepts_failing_ = 0;
  std::error_code accept_error_;
  std::size_t accepts_started_ = 0;
  std::uint16_t arrived_total_ = 0;
  std::uint32_t connections_max_ = 1000;
};

}  // namespace razor::test
