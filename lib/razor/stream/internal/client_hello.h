#pragma once
// ClientHello: what a client knows of its peer: whether that speaks plain version 1, or more. Pure.
//
//   off
//   asked --first response: the hello's, with a hello in it--> extended
//   asked --any other first response--> plain

#include <cstdint>
#include <utility>

#include "razor/base/check.h"
#include "razor/stream/hello_mode.h"
#include "razor/wire/frame.h"
#include "razor/wire/hello.h"

namespace razor::stream {

class ClientHello {
 public:
  using State = HelloState;

  explicit ClientHello(HelloMode mode) : mode_(mode) {}

  State state() const { return state_; }
  bool wants_to_ask() const { return mode_ != HelloMode::off && state_ == State::off; }
  /// The hello goes out as the request `seq`.
  void on_asked(wire::Seq seq) {
    state_ = State::asked;
    seq_ = seq;
  }
  bool is_asked() const { return state_ == State::asked; }
  bool is_extended() const { return state_ == State::extended; }
  /// A peer of plain version 1 ignores call words, so they go out before anything is known.
  bool writes_words() const { return state_ == State::asked || state_ == State::extended; }
  /// Calls have to wait until the peer is known.
  bool holds_calls() const { return mode_ == HelloMode::required && state_ == State::asked; }
  bool is_refused() const { return mode_ == HelloMode::required && state_ == State::plain; }

  /// The first response of the connection has come, while it is asked.
  void on_first_response(const wire::ResponseFrame& response) {
    RAZOR_CHECK(is_asked(), "a first response in state {}", static_cast<int>(state_));
    state_ = State::plain;
    const bool is_success = response.head.flag == static_cast<std::uint8_t>(wire::ResponseFlag::success);
    if (response.head.seq != seq_ || !is_success) return;
    std::optional<wire::Hello> hello = wire::decode_hello(response.blob);
    if (!hello) return;
    peer_ = *std::move(hello);
    state_ = State::extended;
  }

  /// What the peer said of itself, once extended.
  const wire::Hello& peer() const { return peer_; }
  /// Both ends have it.
  bool has(wire::Feature feature) const { return is_extended() && peer_.has(feature); }

 private:
  HelloMode mode_;
  State state_ = State::off;
  wire::Seq seq_ = 0;
  wire::Hello peer_;
};

}  // namespace razor::stream
