#pragma once
// InputBacklog: has everything been read that had arrived at some moment? Pure.
//
// A transport tells only whether a read would find bytes (ByteStream::input_pending), not how many: behind a decorator, as TLS
// is, nobody knows. What had arrived is read once a read found nothing more, or once as many bytes came as any system holds
// for a program that does not read: where the peer goes on sending, the input may never be empty.

#include "razor/base/bytes.h"

namespace razor::stream {

class InputBacklog {
 public:
  /// More than systems buffer for one connection: Linux holds at most 6 MiB of TCP by default (tcp_rmem).
  static constexpr base::ByteCount kHeldMax = 16 * base::kMiB;

  /// From now on, of this moment. `received` counts the bytes read since the connection began.
  void begin(base::ByteCount received, bool input_pending) {
    read_at_ = received + kHeldMax;
    is_pending_ = input_pending;
  }
  /// Everything has been read that had arrived when it began.
  bool is_read(base::ByteCount received, bool input_pending) {
    is_pending_ = is_pending_ && input_pending && received < read_at_;
    return !is_pending_;
  }

 private:
  base::ByteCount read_at_ = 0;
  bool is_pending_ = false;
};

}  // namespace razor::stream
