#pragma once
// WireFormat: another way to write the values of messages than msgpack. razor::json_format() is one (razor/json).
//
// Types know msgpack alone (codec.h). A format writes the values of a msgpack message in its own way, and back: it walks
// over them with a Decoder, and puts them with an Encoder, and knows no types. So every type travels in every format.
//
//   struct Words final : razor::WireFormat { … };
//   razor::Client<Calculator> calc(pool, words);      // this client speaks it
//   server.accept_format(words);                      // and this server understands it: answers come in the request's format
//
// In the head of a request, the bits 0 to 5 of `format` name it. What a format does not change: names of methods, blobs,
// numbers and texts as errors, and the framework's own errors.
// Source: protocol.md, "Formats of messages".

#include <cstdint>
#include <string>
#include <string_view>

#include "razor/wire/decoder.h"
#include "razor/wire/encoder.h"

namespace razor::wire {

/// Threads: any number at a time. Outlives all that is told of it.
class WireFormat {
 public:
  static constexpr std::uint8_t kIdMax = 63;

  /// 1 … kIdMax, as both ends agree; 0 is msgpack, 1 is JSON.
  virtual std::uint8_t id() const = 0;
  /// "json": for error messages.
  virtual std::string_view name() const = 0;

  /// Writes the one value that `values` holds.
  /// Errors: throws; EncodeError where a value cannot be said in this format.
  virtual void write(Decoder& values, ByteSink& to) const = 0;
  /// Puts what `bytes`, which nobody has checked, say: one value.
  /// Errors: throws; a DecodeError says why the bytes are not of this format, and where.
  virtual void read(base::ByteView bytes, Encoder& to) const = 0;

 protected:
  ~WireFormat() = default;
};

/// What cannot be decoded: thrown by formats, caught where the library calls them.
class DecodeError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What msgpack says, written by `format`.
void translate(const WireFormat& format, base::ByteView values, ByteSink& to);
/// What `format` says, as msgpack, in `storage`.
/// Errors: throws DecodeError, and what the format throws.
base::ByteView translated(const WireFormat& format, base::ByteView bytes, base::Bytes& storage);

/// Puts into `sink` what `encode(Encoder&)` encodes, in `format`; null: msgpack.
template <class Encode>
void encode_in(const WireFormat* format, ByteSink& sink, Encode&& encode) {
  if (format == nullptr) [[likely]] {
    Encoder to(sink);
    encode(to);
    return;
  }
  BytesSink values;
  Encoder to(values);
  encode(to);
  translate(*format, values.view(), sink);
}

/// The message `bytes` of `format` (null: msgpack) as msgpack. Lives as long as `bytes` and `storage`.
/// Errors: throws as `translated`.
inline base::ByteView values_of(const WireFormat* format, base::ByteView bytes, base::Bytes& storage) {
  return format == nullptr ? bytes : translated(*format, bytes, storage);
}

/// What `from` says of values of `format`: the bytes that it counts are those of the values as msgpack.
inline std::string error_of(const Decoder& from, const WireFormat* format) {
  return from.error_message() + (format == nullptr ? "" : " of the same in msgpack");
}

}  // namespace razor::wire

namespace razor {
using wire::DecodeError;
using wire::WireFormat;
}  // namespace razor
