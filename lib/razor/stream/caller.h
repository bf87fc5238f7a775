#pragma once
// Caller: the call that a handler answers, as the calls see it that the handler makes on its behalf: they end when nobody waits for
// it any more.

#include "razor/stream/responder.h"

namespace razor::stream {

/// May be kept after the call has been answered: then only the end of its connection counts.
/// Threads: its server's runtime's.
class Caller {
 public:
  Caller(base::Ref<ResponseOutlet> outlet, wire::Seq seq) : outlet_(std::move(outlet)), seq_(seq) {}

  /// The connection tells `listener`, which is in no list, when nobody waits for the call: perhaps at once. It does not tell that
  /// the deadline has passed.
  void listen(CancelListener& listener) const { outlet_->listen(seq_, listener); }

 private:
  base::Ref<ResponseOutlet> outlet_;
  wire::Seq seq_;
};

}  // namespace razor::stream
