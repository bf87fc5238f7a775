#pragma once
// GroupMember: what one server of several, each on a Runtime and thread of its own, shows to the others, and the limit that it
// shares with them. api/server_group.h makes them.

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "razor/stream/token_pool.h"

namespace razor::stream {

/// How much one server of a group does now.
struct MemberLoad {
  std::uint32_t connections = 0;  ///< those that are on their way to it, too
  std::uint32_t handlers = 0;  ///< requests without a response
};

class GroupMember {
 public:
  explicit GroupMember(std::shared_ptr<TokenPool> handlers) : tokens_pool_(std::move(handlers)), tokens_(*tokens_pool_) {}
  GroupMember(const GroupMember&) = delete;
  virtual ~GroupMember() = default;

  // --- Any thread
  MemberLoad load() const {
    return {connections_.load(std::memory_order_relaxed), handlers_.load(std::memory_order_relaxed)};
  }
  /// A connection is handed to it.
  void on_assigned() { connections_.fetch_add(1, std::memory_order_relaxed); }
  /// A connection is gone, or never came to it.
  void on_closed() {
    connections_.fetch_sub(1, std::memory_order_relaxed);
    on_room();
  }

  // --- On the server's thread
  /// True while the group has a token for one more handler of this server.
  bool may_begin() { return tokens_.has_one(); }
  void on_begun() {
    tokens_.use();
    handlers_.store(tokens_.used(), std::memory_order_relaxed);
  }
  void on_ended() {
    tokens_.release();
    handlers_.store(tokens_.used(), std::memory_order_relaxed);
  }

 private:
  /// The group has room for a connection that it had not before. Any thread.
  virtual void on_room() {}

  std::shared_ptr<TokenPool> tokens_pool_;
  TokenShare tokens_;
  std::atomic<std::uint32_t> connections_{0};
  std::atomic<std::uint32_t> handlers_{0};
};

}  // namespace razor::stream
