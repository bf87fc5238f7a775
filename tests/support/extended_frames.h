#pragma once
// Frames of what goes beyond plain version 1, by hand, as frames.h has those of plain version 1: hellos, call words, control
// frames, framework errors.

#include "tests/support/frames.h"

namespace razor::test {

inline constexpr std::uint8_t kHello = 0x80, kCancel = 0x81, kDrained = 0x84,
                              kPromptPing = 0x85;  // formats of control frames
inline constexpr std::uint8_t kFeatureCancel = 1, kFeatureDrain = 2, kFeatureTrace = 4, kFeatureMetadata = 8;
inline constexpr std::uint8_t kAllFeatures = 15;
inline constexpr std::uint32_t kNoLeft = 0xffff'ffff;

/// {"v": 1, "features": `features`}, which are below 128.
inline base::Bytes hello_map(std::uint8_t features = kFeatureCancel | kFeatureDrain) {
  base::Bytes map = bytes_of(
      "\x82\xa1v\x01\xa8"
      "features");
  put_little(map, features);
  return map;
}

/// A control frame of a client.
inline base::Bytes control(std::uint8_t format, std::uint64_t seq, std::uint64_t client_id = 0, base::ByteView blob = {}) {
  RequestBytes frame;
  frame.format = format;
  frame.action = 0;
  frame.seq = seq;
  frame.client_id = client_id;
  frame.blob_length = static_cast<std::uint32_t>(blob.size());
  frame.body = base::to_bytes(blob);
  return frame.bytes();
}
inline base::Bytes hello(std::uint64_t seq = 1, std::uint8_t features = kFeatureCancel | kFeatureDrain) {
  return control(kHello, seq, 0, hello_map(features));
}
inline base::Bytes cancel(std::uint64_t seq) { return control(kCancel, seq); }
inline base::Bytes drained(std::uint64_t last) { return control(kDrained, 0, last); }

/// A request with a call word: `left` of its time, in 100 us.
inline base::Bytes worded(std::uint64_t seq, std::uint32_t left = kNoLeft, std::uint32_t action = 5) {
  RequestBytes frame;
  frame.format = 0x40;
  frame.seq = seq;
  frame.action = action;
  frame.client_id = left;
  return frame.bytes();
}

/// What a server answers a hello with.
inline base::Bytes hello_answer(std::uint64_t seq = 1, std::uint8_t features = kFeatureCancel | kFeatureDrain) {
  return answer(seq, {}, base::as_text(hello_map(features)));
}

/// A control frame of a server: kind 1 asks for no more requests, 2 takes none behind `last`.
inline base::Bytes server_control(std::uint8_t kind, std::uint64_t last = 0, std::uint32_t milliseconds = 0,
                                  std::uint8_t reason = 1) {
  AnswerBytes frame;
  frame.flag = 2;
  frame.seq = 0;
  frame.blob_length = 24;
  put_little(frame.body, kind);
  put_little(frame.body, reason);
  put_little(frame.body, std::uint16_t{0});
  put_little(frame.body, milliseconds);
  put_little(frame.body, last);
  put_little(frame.body, std::uint64_t{0});
  return frame.bytes();
}

/// A framework error; `ran`: 0 no, 1 maybe, 2 yes.
inline base::Bytes framework_error(std::uint64_t seq, std::uint32_t code, std::uint8_t ran, std::string_view text = {}) {
  AnswerBytes frame;
  frame.flag = 3;
  frame.seq = seq;
  frame.msg_length = code;
  frame.blob_length = static_cast<std::uint32_t>(8 + text.size());
  put_little(frame.body, ran);
  put_little(frame.body, std::uint8_t{0});
  put_little(frame.body, std::uint16_t{0});
  put_little(frame.body, std::uint32_t{0});
  put_bytes(frame.body, bytes_of(text));
  return frame.bytes();
}

}  // namespace razor::test
