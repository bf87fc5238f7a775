#pragma once
// The heads of protocol version 1: a request's 32 bytes, an answer's 20. All integers are little endian.
// Source: protocol.md, "Request" and "Response". What a peer sent is only believed after `check`.

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "razor/base/blob.h"
#include "razor/base/byte_order.h"
#include "razor/base/bytes.h"

namespace razor::wire {

/// Counts a connection's requests, pings included: 1, 2, 3 … 0 is never a request's.
using Seq = std::uint64_t;

inline constexpr std::uint16_t kMagic = 19749;
inline constexpr std::uint8_t kVersion = 1;
/// `format` of a prompt ping: its pong may overtake the answers of earlier requests. Any other ping is answered after them.
inline constexpr std::uint8_t kPromptPingFormat = 0x85;
/// Bit of a request's `format`: a call word (call_word.h) stands in the place of client_id.
inline constexpr std::uint8_t kCallWordBit = 0x40;
inline constexpr std::size_t kRequestHeadBytes = 32;
inline constexpr std::size_t kResponseHeadBytes = 20;

/// What a request asks for: a number, or a name ("CalculatorService.add" in the api interface).
/// A name is borrowed.
class Action {
 public:
  static constexpr std::uint32_t kNumberMax = 0x7fff'ffff;
  static constexpr std::uint32_t kNameBit = 0x8000'0000;

  /// `number` is 1 .. kNumberMax: 0 is the ping.
  constexpr Action(std::uint32_t number) : number_(number) {}
  constexpr Action(std::string_view name) : name_(name), is_name_(true) {}
  constexpr Action(const char* name) : Action(std::string_view(name)) {}

  constexpr bool is_name() const { return is_name_; }
  /// 0 for a name.
  constexpr std::uint32_t number() const { return number_; }
  /// Empty for a number.
  constexpr std::string_view name() const { return name_; }

  bool operator==(const Action&) const = default;

 private:
  std::uint32_t number_ = 0;
  std::string_view name_;
  bool is_name_ = false;
};

inline constexpr Action kPing{0u};

/// Above these an action, a message or a blob is refused, from a peer and from a user.
struct FrameLimits {
  std::uint32_t action_bytes_max = 256;
  std::uint32_t msg_bytes_max = 16 * base::kMiB;
  std::uint32_t blob_bytes_max = 64 * base::kMiB;
};
static_assert(std::is_trivially_copyable_v<FrameLimits>);

/// What the parts of a frame need, or say that they need.
struct FrameSizes {
  std::uint64_t action_bytes = 0;
  std::uint64_t msg_bytes = 0;
  std::uint64_t blob_bytes = 0;

  bool fit(const FrameLimits& limits) const {
    return action_bytes <= limits.action_bytes_max && msg_bytes <= limits.msg_bytes_max &&
           blob_bytes <= limits.blob_bytes_max;
  }
  /// "action of 3 bytes (limit 256), message of 20000000 (limit 16777216), blob of 0 (limit 67108864)".
  std::string compared_to(const FrameLimits& limits) const;
};

/// Why a head is refused. `too_large` is answered, and so is `version`; after `magic` nothing can be said.
enum class HeadFault : std::uint8_t { none, magic, version, too_large, flag };

struct RequestHead {
  std::uint16_t magic = kMagic;
  std::uint8_t version = kVersion;
  std::uint8_t format = 0;
  std::uint32_t action = 0;  ///< a number, or kNameBit + the length of the name that follows
  Seq seq = 0;
  std::uint64_t client_id = 0;
  std::uint32_t msg_bytes = 0;
  std::uint32_t blob_bytes = 0;
  /// Of the extension block between the head and the name (extension.h); 0 unless the connection began with a hello. No field of
  /// its own: the call word has it.
  std::uint16_t extension_bytes = 0;

  bool has_name() const { return (action & Action::kNameBit) != 0; }
  std::uint32_t name_bytes() const { return has_name() ? action & Action::kNumberMax : 0; }
  /// A blob makes no difference: it is read and dropped.
  bool is_ping() const { return action == 0 && msg_bytes == 0; }
  bool is_prompt_ping() const { return is_ping() && format == kPromptPingFormat; }
  /// What the message is written in: the id of a WireFormat, 0 for msgpack. Where bit 7 is set, these bits say something else.
  std::uint8_t format_id() const { return (format & 0x80) != 0 ? 0 : format & 0x3f; }
  /// To be believed only on a connection that began with a hello.
  bool has_call_word() const { return (format & (0x80 | kCallWordBit)) == kCallWordBit; }
  /// What follows the head. Cannot wrap: no length has more than 32 bits.
  std::uint64_t body_bytes() const { return std::uint64_t{extension_bytes} + name_bytes() + msg_bytes + blob_bytes; }

  HeadFault check(const FrameLimits& limits, bool is_extended = false) const;
};

enum class ResponseFlag : std::uint8_t {
  success = 0,
  error_number = 1,
  error_bytes = 2,
  framework_error = 3,  ///< framework_error.h; only to clients that began with a hello
};

struct ResponseHead {
  std::uint16_t magic = kMagic;
  std::uint8_t version = kVersion;
  std::uint8_t flag = 0;
  std::uint32_t msg_bytes_or_number = 0;  ///< with flag 1 the error number itself, with flag 3 the code
  Seq seq = 0;
  std::uint32_t blob_bytes = 0;  ///< with flag 2 the length of the error bytes; an i32 that is never negative

  std::uint32_t msg_bytes() const { return (flag & 1) != 0 ? 0 : msg_bytes_or_number; }
  std::uint64_t body_bytes() const { return std::uint64_t{msg_bytes()} + blob_bytes; }

  /// `is_extended`: framework errors are expected.
  HeadFault check(const FrameLimits& limits, bool is_extended = false) const;
};

/// `from` has kRequestHeadBytes; `to` has room for as many. `is_extended`: a call word is believed.
RequestHead load_request_head(const std::byte* from, bool is_extended = false);
void store_head(std::byte* to, const RequestHead& head);
/// `from` has kResponseHeadBytes; `to` has room for as many.
ResponseHead load_response_head(const std::byte* from);
void store_head(std::byte* to, const ResponseHead& head);

class WireFormat;

/// The memory that holds a large frame.
class BlobSource {
 public:
  /// `blob`, which lies in this memory, without a copy. The views of the frame live on until the reader is used again.
  /// Errors: throws std::bad_alloc.
  virtual base::Blob share(base::ByteView blob) = 0;

 protected:
  ~BlobSource() = default;
};

/// A blob of its own: shared with `source`, or copied where that is null.
inline base::Blob take_blob(base::ByteView blob, BlobSource* source) {
  if (source == nullptr || blob.empty()) return base::Blob::copy_of(blob);
  return source->share(blob);
}

/// A request that has arrived whole. The views live until the reader it came from is used again.
struct RequestFrame {
  using Head = RequestHead;
  static constexpr std::size_t kHeadBytes = kRequestHeadBytes;
  static Head load_head(const std::byte* from, bool is_extended) { return load_request_head(from, is_extended); }
  /// `body` holds what the head says.
  void set_body(const std::byte* body);

  Head head;
  base::ByteView extension;  ///< empty unless the connection began with a hello
  Action action = kPing;
  base::ByteView msg;
  base::ByteView blob;
  BlobSource* source = nullptr;  ///< null: the frame lies in a buffer that is used again
};

/// An answer that has arrived whole. The views live until the reader it came from is used again.
struct ResponseFrame {
  using Head = ResponseHead;
  static constexpr std::size_t kHeadBytes = kResponseHeadBytes;
  static Head load_head(const std::byte* from, bool) { return load_response_head(from); }
  /// `body` holds what the head says.
  void set_body(const std::byte* body);

  Head head;
  base::ByteView msg;
  base::ByteView blob;
  BlobSource* source = nullptr;  ///< null: the frame lies in a buffer that is used again
  const WireFormat* format = nullptr;  ///< of the message and of errors that are values: the request's; null: msgpack

  base::Blob take_blob() const { return wire::take_blob(blob, source); }
};

// ---------------------------------------------------------------------------------------------------------------------
// On the path of every frame, so inline.

inline HeadFault RequestHead::check(const FrameLimits& limits, bool) const {
  if (magic != kMagic) return HeadFault::magic;
  if (version != kVersion) return HeadFault::version;
  if (name_bytes() > limits.action_bytes_max || msg_bytes > limits.msg_bytes_max || blob_bytes > limits.blob_bytes_max) {
    return HeadFault::too_large;
  }
  return HeadFault::none;
}

inline HeadFault ResponseHead::check(const FrameLimits& limits, bool is_extended) const {
  if (magic != kMagic) return HeadFault::magic;
  if (version != kVersion) return HeadFault::version;
  if (flag > static_cast<std::uint8_t>(is_extended ? ResponseFlag::framework_error : ResponseFlag::error_bytes)) [[unlikely]]
    return HeadFault::flag;
  if (msg_bytes() > limits.msg_bytes_max || blob_bytes > limits.blob_bytes_max) return HeadFault::too_large;
  return HeadFault::none;
}

inline RequestHead load_request_head(const std::byte* from, bool is_extended) {
  RequestHead head;
  head.magic = base::load_little<std::uint16_t>(from);
  head.version = base::load_little<std::uint8_t>(from + 2);
  head.format = base::load_little<std::uint8_t>(from + 3);
  head.action = base::load_little<std::uint32_t>(from + 4);
  head.seq = base::load_little<std::uint64_t>(from + 8);
  head.client_id = base::load_little<std::uint64_t>(from + 16);
  head.msg_bytes = base::load_little<std::uint32_t>(from + 24);
  head.blob_bytes = base::load_little<std::uint32_t>(from + 28);
  if (is_extended && head.has_call_word()) head.extension_bytes = static_cast<std::uint16_t>(head.client_id >> 48);
  return head;
}

inline void store_head(std::byte* to, const RequestHead& head) {
  base::store_little(to, head.magic);
  base::store_little(to + 2, head.version);
  base::store_little(to + 3, head.format);
  base::store_little(to + 4, head.action);
  base::store_little(to + 8, head.seq);
  base::store_little(to + 16, head.client_id);
  base::store_little(to + 24, head.msg_bytes);
  base::store_little(to + 28, head.blob_bytes);
}

inline ResponseHead load_response_head(const std::byte* from) {
  ResponseHead head;
  head.magic = base::load_little<std::uint16_t>(from);
  head.version = base::load_little<std::uint8_t>(from + 2);
  head.flag = base::load_little<std::uint8_t>(from + 3);
  head.msg_bytes_or_number = base::load_little<std::uint32_t>(from + 4);
  head.seq = base::load_little<std::uint64_t>(from + 8);
  head.blob_bytes = base::load_little<std::uint32_t>(from + 16);
  return head;
}

inline void store_head(std::byte* to, const ResponseHead& head) {
  base::store_little(to, head.magic);
  base::store_little(to + 2, head.version);
  base::store_little(to + 3, head.flag);
  base::store_little(to + 4, head.msg_bytes_or_number);
  base::store_little(to + 8, head.seq);
  base::store_little(to + 16, head.blob_bytes);
}

inline void RequestFrame::set_body(const std::byte* body) {
  extension = {body, head.extension_bytes};
  body += head.extension_bytes;
  if (head.has_name()) {
    action = Action(base::as_text({body, head.name_bytes()}));
    body += head.name_bytes();
  } else {
    action = Action(head.action);
  }
  msg = {body, head.msg_bytes};
  blob = {body + head.msg_bytes, head.blob_bytes};
}

inline void ResponseFrame::set_body(const std::byte* body) {
  msg = {body, head.msg_bytes()};
  blob = {body + msg.size(), head.blob_bytes};
}

}  // namespace razor::wire
