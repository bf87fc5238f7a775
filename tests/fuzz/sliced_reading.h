#pragma once
// What both frame readers must do whatever arrives: find the same however it is sliced, account for every byte, and hold no
// more memory than what has arrived calls for. The input: a byte that names the limits, four lengths of reads, how many
// zeros follow at the end (large frames out of small inputs; mostly none, since they take time), then the bytes of the
// connection.

#include <array>
#include <cstring>

#include "razor/wire/frame_reader.h"
#include "tests/fuzz/fuzz_target.h"

namespace razor::fuzz {

inline void check_within(const wire::RequestFrame& frame, const wire::FrameLimits& limits) {
  RAZOR_CHECK(frame.action.is_name() == frame.head.has_name() && frame.action.name().size() == frame.head.name_bytes(),
              "a name of {} bytes", frame.action.name().size());
  RAZOR_CHECK(frame.action.name().size() <= limits.action_bytes_max && frame.msg.size() <= limits.msg_bytes_max &&
                  frame.blob.size() <= limits.blob_bytes_max,
              "beyond a limit");
}
inline void check_within(const wire::ResponseFrame& frame, const wire::FrameLimits& limits) {
  RAZOR_CHECK(frame.msg.size() <= limits.msg_bytes_max && frame.blob.size() <= limits.blob_bytes_max, "beyond a limit");
}
inline base::ByteView name_of(const wire::RequestFrame& frame) { return base::as_bytes(frame.action.name()); }
inline base::ByteView name_of(const wire::ResponseFrame&) { return {}; }

// By memcmp: libFuzzer looks at each comparison that is compiled here.
inline bool are_equal(base::ByteView one, base::ByteView other) {
  return one.size() == other.size() && (one.empty() || std::memcmp(one.data(), other.data(), one.size()) == 0);
}

/// One reader, fed as a socket feeds it.
template <class Frame>
class Reading {
 public:
  using Reader = wire::FrameReader<Frame>;
  using Found = typename Reader::Found;
  static constexpr std::size_t kSmallReadsMax = 100;

  explicit Reading(const wire::FrameLimits& limits) : limits_(limits), reader_(limits) {}

  /// In reads of these lengths, one after the other, again and again.
  void feed(base::ByteView bytes, base::ByteView lengths) {
    for (std::size_t reads = 0; !bytes.empty(); ++reads) {
      const base::MutableBytes room = reader_.prepare();
      RAZOR_CHECK(!room.empty(), "no room to read into");
      std::size_t count = std::min(room.size(), bytes.size());
      if (!lengths.empty()) {
        const auto length = std::to_integer<std::size_t>(lengths[reads % lengths.size()]);
        count = std::min(count, reads >= kSmallReadsMax || length >= 0xc0 ? 512 + 512 * (length % 0x40) : length + 1);
      }
      std::memcpy(room.data(), bytes.data(), count);
      bytes = bytes.subspan(count);
      received_ += count;
      reader_.commit(count);
      check_memory();
      take_frames();
      check_memory();
    }
  }

  bool operator==(const Reading& other) const {
    return are_equal(found_, other.found_) && has_fault() == other.has_fault() && reader_.fault() == other.reader_.fault() &&
           (has_fault() || (reader_.partial_bytes() == other.reader_.partial_bytes() &&
                            reader_.has_partial_head() == other.reader_.has_partial_head()));
  }

 private:
  bool has_fault() const { return last_ == Found::fault; }

  void take_frames() {
    while ((last_ = reader_.next()) == Found::frame) {
      const Frame& frame = reader_.frame();
      check_within(frame, limits_);
      const std::size_t parts = name_of(frame).size() + frame.msg.size() + frame.blob.size();
      RAZOR_CHECK(frame.head.body_bytes() == parts, "a body of {} bytes, and {} in its parts", frame.head.body_bytes(),
                  parts);
      framed_ += Frame::kHeadBytes + parts;
      std::array<std::byte, Frame::kHeadBytes> head;
      wire::store_head(head.data(), frame.head);
      for (const base::ByteView part : {base::ByteView(head), name_of(frame), frame.msg})
        found_.insert(found_.end(), part.begin(), part.end());
      if (frame.source != nullptr) {
        const base::Blob kept = wire::take_blob(frame.blob, frame.source);
        RAZOR_CHECK(are_equal(kept.view(), frame.blob), "a blob that was taken is another");
      }
      found_.insert(found_.end(), frame.blob.begin(), frame.blob.end());
    }
    if (has_fault()) {
      RAZOR_CHECK(reader_.faulty_head().check(limits_) == reader_.fault(), "another fault than the head's");
      RAZOR_CHECK(reader_.next() == Found::fault, "something behind a fault");
    } else {
      RAZOR_CHECK(framed_ + reader_.partial_bytes() == received_, "of {} bytes, {} in frames and {} left", received_,
                  framed_, reader_.partial_bytes());
    }
  }
  void check_memory() const {
    RAZOR_CHECK(reader_.capacity() <= received_ + wire::ReadBufferSizes::kMax + 64 * base::kKiB, "{} bytes held of {}",
                reader_.capacity(), received_);
  }

  wire::FrameLimits limits_;
  Reader reader_;
  base::ByteCount received_ = 0;
  base::ByteCount framed_ = 0;
  Found last_ = Found::need_more;
  base::Bytes found_;  // of all frames: the head, stored again, and the body
};

template <class Frame>
void check_slicing(Input input) {
  constexpr std::uint32_t kAll = 0xffff'ffff;
  constexpr wire::FrameLimits kLimits[] = {
      {},
      {.action_bytes_max = 8, .msg_bytes_max = 64, .blob_bytes_max = 32},
      {.action_bytes_max = kAll, .msg_bytes_max = kAll, .blob_bytes_max = kAll},
      {.action_bytes_max = 0, .msg_bytes_max = 0, .blob_bytes_max = 0},
  };
  const wire::FrameLimits& limits = kLimits[input.below(std::size(kLimits))];
  const base::ByteView lengths = input.bytes(4);
  const std::uint32_t large = input.byte();
  const std::size_t zeros = large < 0xf0 ? 0 : (large - 0xefu) * 8 * base::kKiB;
  const base::ByteView stream = input.rest();
  static const base::Bytes all_zeros(128 * base::kKiB);

  Reading<Frame> whole(limits);
  whole.feed(stream, {});
  whole.feed(base::ByteView(all_zeros).first(zeros), {});
  Reading<Frame> sliced(limits);
  sliced.feed(stream, lengths);
  sliced.feed(base::ByteView(all_zeros).first(zeros), lengths);
  RAZOR_CHECK(whole == sliced, "what is found depends on where reads end");
}

}  // namespace razor::fuzz
