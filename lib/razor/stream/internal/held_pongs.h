#pragma once
// HeldPongs: the pongs of ordinary pings that came while handlers ran. Each is sent once every request that came before
// its ping is answered (wire/protocol.md, "Ping"). Pure.
//
// Requests and pings are told apart by their seq, which grows on a connection. From a peer whose seqs do not grow, pongs
// may come too early or too late, but none is kept once no handler runs.

#include <algorithm>
#include <optional>
#include <vector>

#include "razor/wire/frame.h"

namespace razor::stream {

class HeldPongs {
 public:
  bool empty() const { return first_ == held_.size(); }
  std::size_t size() const { return held_.size() - first_; }

  /// A ping has come while `running` requests before it are not answered.
  /// Errors: throws std::bad_alloc.
  void hold(wire::Seq ping, std::uint32_t running) {
    const std::uint32_t since_last = running - std::min(running, owed_);
    held_.push_back({ping, since_last});
    owed_ += since_last;
  }

  /// The request `seq` has been answered; `running` are not yet, later ones included.
  void on_answered(wire::Seq seq, std::uint32_t running) {
    if (running == 0) {
      for (Held& held : held_) held.owed = 0;
      owed_ = 0;
      return;
    }
    const auto begin = held_.begin() + static_cast<std::ptrdiff_t>(first_);
    const auto held =
        std::upper_bound(begin, held_.end(), seq, [](wire::Seq answered, const Held& ping) { return answered < ping.seq; });
    if (held == held_.end() || held->owed == 0) return;
    --held->owed;
    --owed_;
  }

  /// The next pong that may be sent; it is not held any more.
  std::optional<wire::Seq> take_ready() {
    if (empty() || held_[first_].owed > 0) return std::nullopt;
    const wire::Seq ping = held_[first_++].seq;
    if (2 * first_ >= held_.size()) {
      held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
    return ping;
  }

 private:
  struct Held {
    wire::Seq seq;
    std::uint32_t owed;  // requests between the ping held before and this one that are not answered
  };

  std::vector<Held> held_;
  std::size_t first_ = 0;   // those before it are sent
  std::uint32_t owed_ = 0;  // of all
};

}  // namespace razor::stream
