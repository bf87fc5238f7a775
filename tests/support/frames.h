#pragma once
// Frames of the protocol built and cut by hand, from the tables of protocol.md and nothing of razor/wire: a second opinion.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "razor/base/bytes.h"

namespace razor::test {

inline base::Bytes bytes_of(std::string_view text) { return base::to_bytes(base::as_bytes(text)); }

/// Integers go out and come in little endian.
template <class Integer>
void put_little(base::Bytes& to, Integer value) {
  for (std::size_t i = 0; i < sizeof value; ++i)
    to.push_back(static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i)));
}
template <class Integer>
Integer take_little(base::ByteView& from) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(Integer); ++i) value |= std::to_integer<std::uint64_t>(from[i]) << (8 * i);
  from = from.subspan(sizeof(Integer));
  return static_cast<Integer>(value);
}
inline void put_bytes(base::Bytes& to, base::ByteView bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }
/// All of them, one behind the other.
template <class... More>
base::Bytes joined(base::Bytes first, const More&... more) {
  (put_bytes(first, more), ...);
  return first;
}

/// A request, honest unless a length is set that is not the truth.
struct RequestBytes {
  std::uint16_t magic = 19749;
  std::uint8_t version = 1;
  std::uint8_t format = 0;
  std::uint32_t action = 1;
  std::uint64_t seq = 1;
  std::uint64_t client_id = 7;
  std::uint32_t msg_length = 0;
  std::uint32_t blob_length = 0;
  base::Bytes body = {};  // name, message, blob

  base::Bytes bytes() const {
    base::Bytes out;
    put_little(out, magic);
    put_little(out, version);
    put_little(out, format);
    put_little(out, action);
    put_little(out, seq);
    put_little(out, client_id);
    put_little(out, msg_length);
    put_little(out, blob_length);
    put_bytes(out, body);
    return out;
  }
};

inline base::Bytes request(std::uint64_t seq, std::uint32_t action, std::string_view msg = {}, std::string_view blob = {}) {
  RequestBytes frame;
  frame.seq = seq;
  frame.action = action;
  frame.msg_length = static_cast<std::uint32_t>(msg.size());
  frame.blob_length = static_cast<std::uint32_t>(blob.size());
  frame.body = joined(bytes_of(msg), bytes_of(blob));
  return frame.bytes();
}
inline base::Bytes named_request(std::uint64_t seq, std::string_view name, std::string_view msg = {}) {
  RequestBytes frame;
  frame.seq = seq;
  frame.action = 0x8000'0000u | static_cast<std::uint32_t>(name.size());
  frame.msg_length = static_cast<std::uint32_t>(msg.size());
  frame.body = joined(bytes_of(name), bytes_of(msg));
  return frame.bytes();
}
inline base::Bytes ping(std::uint64_t seq, std::uint8_t format = 0) {
  RequestBytes frame;
  frame.seq = seq;
  frame.action = 0;
  frame.format = format;
  return frame.bytes();
}
inline base::Bytes prompt_ping(std::uint64_t seq) { return ping(seq, 0x85); }

/// An answer, honest unless a length is set that is not the truth.
struct AnswerBytes {
  std::uint16_t magic = 19749;
  std::uint8_t version = 1;
  std::uint8_t flag = 0;
  std::uint32_t msg_length = 0;  // with flag 1 the error number
  std::uint64_t seq = 1;
  std::uint32_t blob_length = 0;
  base::Bytes body = {};  // message, blob

  base::Bytes bytes() const {
    base::Bytes out;
    put_little(out, magic);
    put_little(out, version);
    put_little(out, flag);
    put_little(out, msg_length);
    put_little(out, seq);
    put_little(out, blob_length);
    put_bytes(out, body);
    return out;
  }
};

inline base::Bytes answer(std::uint64_t seq, std::string_view msg = {}, std::string_view blob = {}) {
  AnswerBytes frame;
  frame.seq = seq;
  frame.msg_length = static_cast<std::uint32_t>(msg.size());
  frame.blob_length = static_cast<std::uint32_t>(blob.size());
  frame.body = joined(bytes_of(msg), bytes_of(blob));
  return frame.bytes();
}
inline base::Bytes error_number(std::uint64_t seq, std::uint32_t number) {
  AnswerBytes frame;
  frame.seq = seq;
  frame.flag = 1;
  frame.msg_length = number;
  return frame.bytes();
}
inline base::Bytes error_text(std::uint64_t seq, std::string_view text) {
  AnswerBytes frame;
  frame.seq = seq;
  frame.flag = 2;
  frame.blob_length = static_cast<std::uint32_t>(text.size());
  frame.body = bytes_of(text);
  return frame.bytes();
}

// --- What the library sent -------------------------------------------------------------------------------------------

struct SeenRequest {
  std::uint64_t seq = 0;
  std::uint32_t action = 0;  // 0 with a name
  std::string extension;  // the bytes of its extension block; of a frame with a call word only
  std::string name;
  std::string msg;
  std::string blob;
  std::uint64_t client_id = 0;
  std::uint8_t format = 0;
  bool is_ping = false;
};

struct SeenAnswer {
  std::uint64_t seq = 0;
  std::uint8_t flag = 0;
  std::uint32_t number = 0;  // with flag 1; with flag 3 the code
  std::string msg = {};
  std::string blob = {};  // with flag 2 the error's bytes

  bool operator==(const SeenAnswer&) const = default;
};

inline std::string take_text(base::ByteView& from, std::size_t count) {
  std::string text(base::as_text(from.first(count)));
  from = from.subspan(count);
  return text;
}

/// Collects the bytes of one direction and cuts them into frames. `broken` once they are none.
template <class Seen>
class FrameCutter {
 public:
  /// `is_extended`: flag 3 is no broken frame.
  explicit FrameCutter(bool is_extended = false) : flag_max_(is_extended ? 3 : 2) {}

  void add(base::ByteView bytes) { put_bytes(bytes_, bytes); }
  /// The frames that are whole by now, and were not taken before.
  std::vector<Seen> take() {
    std::vector<Seen> frames;
    base::ByteView left = base::ByteView(bytes_);
    Seen frame;
    for (std::size_t size; (size = cut(left, frame)) > 0; frame = {}) {
      frames.push_back(frame);
      left = left.subspan(size);
    }
    bytes_.erase(bytes_.begin(), bytes_.end() - static_cast<std::ptrdiff_t>(left.size()));
    return frames;
  }
  /// Bytes of a frame that is not whole.
  std::size_t partial() const { return bytes_.size(); }
  bool broken() const { return broken_; }

 private:
  // The size of the frame at the front; 0 when it is not whole.
  std::size_t cut(base::ByteView bytes, SeenRequest& frame) {
    if (bytes.size() < 32) return 0;
    base::ByteView at = bytes;
    if (take_little<std::uint16_t>(at) != 19749 || take_little<std::uint8_t>(at) != 1) return broken_ = true, 0;
    frame.format = take_little<std::uint8_t>(at);
    const auto action = take_little<std::uint32_t>(at);
    frame.seq = take_little<std::uint64_t>(at);
    frame.client_id = take_little<std::uint64_t>(at);
    const std::size_t msg = take_little<std::uint32_t>(at);
    const std::size_t blob = take_little<std::uint32_t>(at);
    const std::size_t name = (action >> 31) != 0 ? action & 0x7fff'ffffu : 0;
    const bool has_word = (frame.format & 0xc0) == 0x40 && action != 0;
    const std::size_t extension = has_word ? frame.client_id >> 48 : 0;
    if (at.size() < extension + name + msg + blob) return 0;
    if (name == 0) frame.action = action;
    frame.extension = take_text(at, extension);
    frame.is_ping = action == 0 && msg == 0;
    frame.name = take_text(at, name);
    frame.msg = take_text(at, msg);
    frame.blob = take_text(at, blob);
    return bytes.size() - at.size();
  }
  std::size_t cut(base::ByteView bytes, SeenAnswer& frame) {
    if (bytes.size() < 20) return 0;
    base::ByteView at = bytes;
    if (take_little<std::uint16_t>(at) != 19749 || take_little<std::uint8_t>(at) != 1) return broken_ = true, 0;
    frame.flag = take_little<std::uint8_t>(at);
    std::size_t msg = take_little<std::uint32_t>(at);
    frame.seq = take_little<std::uint64_t>(at);
    const std::size_t blob = take_little<std::uint32_t>(at);
    if (frame.flag == 1 || frame.flag == 3) {
      frame.number = static_cast<std::uint32_t>(msg);
      msg = 0;
    }
    if (frame.flag > flag_max_) broken_ = true;
    if (at.size() < msg + blob) return 0;
    frame.msg = take_text(at, msg);
    frame.blob = take_text(at, blob);
    return bytes.size() - at.size();
  }

  base::Bytes bytes_;
  std::uint8_t flag_max_;
  bool broken_ = false;
};

}  // namespace razor::test
