#pragma once
// DeferredFailures: calls that have failed and whose callers are told in another turn. Pure.
//
// A failure is noticed anywhere, also below a caller's own code: who is told at once would find the library half done. Calls
// that fail because of what a completion does wait for the turn after: a caller that tries again at once does not keep the
// loop going. A completion may end or destroy the rest.

#include "razor/base/intrusive_list.h"

namespace razor::stream {

template <class Call, class Tag>
class DeferredFailures {
 public:
  /// `call` is in no list of this Tag.
  void push(Call& call) { waiting_.push_back(call); }

  bool empty() const { return waiting_.empty() && turn_.empty(); }

  /// A turn begins: `next` gives the calls that wait now, or were left of an earlier turn.
  void begin_turn() { turn_.splice_back(waiting_); }
  /// The next call of this turn, in no list any more; null: that was the last.
  Call* next() { return turn_.pop_front(); }
  /// Calls `tell(Call&)` on each call that waited when this turn began, or was left of an earlier one; it is in no list then.
  /// `tell` may push, destroy calls, and deliver.
  template <class Tell>
  void deliver(Tell&& tell) {
    begin_turn();
    while (Call* call = next()) tell(*call);
  }

 private:
  base::IntrusiveList<Call, Tag> waiting_;
  base::IntrusiveList<Call, Tag> turn_;
};

}  // namespace razor::stream
