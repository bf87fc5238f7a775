// What waits to be written, against a std::string that does the same simply. Were bytes lost, reordered, or moved while
// a write holds views of them, the buffer and the string would differ, or a sanitizer would object.

#include "razor/wire/output_buffer.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "tests/wire/bytes.h"

namespace razor::wire {
namespace {

using base::Bytes;
using base::ByteView;
using base::kKiB;
using base::kMiB;
using test::pattern;

std::string text(ByteView bytes) { return std::string(base::as_text(bytes)); }

/// All that waits, as one text.
std::string waiting(const OutputBuffer& buffer) {
  std::vector<ByteView> views(2000);
  std::string all;
  const std::size_t count = buffer.gather(views);
  EXPECT_LT(count, views.size());
  for (std::size_t i = 0; i < count; ++i) all += base::as_text(views[i]);
  return all;
}

void put_frame(OutputBuffer& buffer, std::string_view frame) {
  buffer.begin_frame();
  buffer.put(base::as_bytes(frame));
  buffer.end_frame();
}

TEST(OutputBuffer, StartsEmptyAndWithoutMemory) {
  const OutputBuffer buffer;
  std::array<ByteView, 2> views;
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.gather(views), 0u);
  EXPECT_EQ(buffer.capacity(), 0u);
}

TEST(OutputBuffer, GivesManyFramesToOneWrite) {
  OutputBuffer buffer;
  for (const char* frame : {"one", "two", "three"}) put_frame(buffer, frame);
  std::array<ByteView, 8> views;
  ASSERT_EQ(buffer.gather(views), 1u);
  EXPECT_EQ(text(views[0]), "onetwothree");
  EXPECT_EQ(buffer.appended(), 11u);
  EXPECT_EQ(buffer.queued(), 11u);
}

TEST(OutputBuffer, AFrameThatHasNotEndedIsNotWritten) {
  OutputBuffer buffer;
  put_frame(buffer, "whole");
  buffer.begin_frame();
  buffer.put(base::as_bytes("half"));
  EXPECT_EQ(waiting(buffer), "whole");
  EXPECT_EQ(buffer.queued(), 5u);
  EXPECT_EQ(text(buffer.frame()), "half");
  buffer.end_frame();
  EXPECT_EQ(waiting(buffer), "wholehalf");
}

TEST(OutputBuffer, AnAbandonedFrameLeavesNoTrace) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{10}, 5 * kKiB, 100 * kKiB, kMiB}) {
    OutputBuffer buffer;
    put_frame(buffer, "before");
    buffer.begin_frame();
    buffer.put(pattern(bytes, 1));
    buffer.abandon_frame();
    EXPECT_EQ(waiting(buffer), "before");
    EXPECT_EQ(buffer.appended(), 6u);
    put_frame(buffer, "after");
    EXPECT_EQ(waiting(buffer), "beforeafter");
    buffer.consume(11);
    EXPECT_TRUE(buffer.empty());
  }
}

// A call that is refused because its message is too large abandons a frame of megabytes. On a connection with nothing
// else to write the block stayed until the next write was over, and it was never returned on a silent one.
TEST(OutputBuffer, GivesTheMemoryOfALargeAbandonedFrameBackAtOnce) {
  OutputBuffer buffer;
  buffer.begin_frame();
  for (int i = 0; i < 1000; ++i) buffer.put(pattern(20 * kKiB, 1));
  EXPECT_GE(buffer.capacity(), 20 * kMiB);
  buffer.abandon_frame();
  EXPECT_LE(buffer.capacity(), OutputBuffer::kKeptBytesMax + OutputBuffer::kBlockBytesMax);
  put_frame(buffer, "after");
  EXPECT_EQ(waiting(buffer), "after");
}

TEST(OutputBuffer, AFrameIsOneRunHoweverItGrows) {
  OutputBuffer buffer;
  put_frame(buffer, "before");
  std::string expected;
  buffer.begin_frame();
  for (std::uint32_t i = 0; i < 3000; ++i) {
    const Bytes piece = pattern(i % 200, i);
    buffer.put(piece);
    expected += base::as_text(piece);
    ASSERT_EQ(buffer.frame().size(), expected.size());
  }
  EXPECT_EQ(text(buffer.frame()), expected);
  buffer.frame()[0] = std::byte{'!'};  // as a head is written when the frame is whole
  expected[0] = '!';
  buffer.end_frame();
  EXPECT_EQ(waiting(buffer), "before" + expected);
}

TEST(OutputBuffer, LargeBytesAreKeptNotCopied) {
  OutputBuffer buffer;
  put_frame(buffer, "head");
  Bytes large = pattern(OutputBuffer::kOwnedBlobFrom, 1);
  const std::byte* memory = large.data();
  const std::string expected = "head" + text(large) + "next";
  buffer.append_owned(std::move(large));
  put_frame(buffer, "next");
  std::array<ByteView, 8> views;
  ASSERT_EQ(buffer.gather(views), 3u);
  EXPECT_EQ(views[1].data(), memory);
  EXPECT_EQ(waiting(buffer), expected);
  EXPECT_EQ(buffer.queued(), expected.size());
}

TEST(OutputBuffer, SmallBytesJoinTheirFrame) {
  OutputBuffer buffer;
  put_frame(buffer, "head");
  buffer.append_owned(base::to_bytes(base::as_bytes("blob")));
  buffer.append_copy(base::as_bytes("copy"));
  buffer.append_owned({});
  buffer.append_copy({});
  std::array<ByteView, 8> views;
  ASSERT_EQ(buffer.gather(views), 1u);
  EXPECT_EQ(text(views[0]), "headblobcopy");
}

TEST(OutputBuffer, LargeBytesMayComeFirst) {
  OutputBuffer buffer;
  const Bytes large = pattern(OutputBuffer::kOwnedBlobFrom, 1);
  buffer.append_owned(large);
  buffer.append_copy(large);
  EXPECT_EQ(waiting(buffer), text(large) + text(large));
  buffer.consume(2 * large.size());
  EXPECT_TRUE(buffer.empty());
}

TEST(OutputBuffer, GathersNoMoreViewsThanAreAskedFor) {
  OutputBuffer buffer;
  std::string expected;
  for (int i = 0; i < 10; ++i) {
    const Bytes large = pattern(OutputBuffer::kOwnedBlobFrom, 1);
    buffer.append_owned(large);
    expected += base::as_text(large);
  }
  std::string got;
  std::array<ByteView, 3> views;
  while (!buffer.empty()) {
    const std::size_t count = buffer.gather(views);
    ASSERT_GT(count, 0u);
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < count; ++i) {
      got += base::as_text(views[i]);
      bytes += views[i].size();
    }
    buffer.consume(bytes);
  }
  EXPECT_EQ(got, expected);
}

TEST(OutputBuffer, ViewsLiveWhileMoreIsAppended) {
  OutputBuffer buffer;
  put_frame(buffer, "first");
  std::array<ByteView, 4> views;
  ASSERT_EQ(buffer.gather(views), 1u);
  for (std::uint32_t i = 0; i < 100; ++i) {
    put_frame(buffer, base::as_text(pattern(i * 100, i)));
    buffer.append_owned(pattern(20 * kKiB, i));
    buffer.begin_frame();
    buffer.put(pattern(i * 100, i));
    buffer.abandon_frame();
    EXPECT_EQ(text(views[0]), "first");
  }
}

TEST(OutputBuffer, UsesItsBlockAgain) {
  OutputBuffer buffer;
  put_frame(buffer, "first");
  const base::ByteCount capacity = buffer.capacity();
  for (int i = 0; i < 100'000; ++i) {
    put_frame(buffer, "a frame of some bytes");
    buffer.consume(buffer.queued());
  }
  EXPECT_EQ(buffer.capacity(), capacity);
}

TEST(OutputBuffer, KeepsTheBlockOfLargeFramesAsLongAsTheyCome) {
  OutputBuffer buffer;
  const base::Bytes frame = pattern(100 * kKiB, 1);
  std::array<base::ByteView, 4> views;
  const std::byte* block = nullptr;
  for (int i = 0; i < 1000; ++i) {
    if (i % 10 == 0) {
      put_frame(buffer, base::as_text(frame));
    } else {
      put_frame(buffer, "a small one");
    }
    ASSERT_EQ(buffer.gather(views), 1u);
    if (block == nullptr) block = views[0].data();
    EXPECT_EQ(views[0].data(), block) << i;
    buffer.consume(buffer.queued());
  }
  for (int i = 0; i < 100; ++i) {
    put_frame(buffer, "a small one");
    buffer.consume(buffer.queued());
  }
  EXPECT_LE(buffer.capacity(), OutputBuffer::kBlockBytesMax);
}

TEST(OutputBuffer, GivesMemoryBackWhenAllIsWritten) {
  for (const std::size_t frame_bytes : {std::size_t{100}, std::size_t{4000}, 100 * kKiB, 5 * kMiB}) {
    OutputBuffer buffer;
    while (buffer.queued() < 10 * kMiB) {
      put_frame(buffer, base::as_text(pattern(frame_bytes, 1)));
      buffer.append_owned(pattern(frame_bytes, 2));
    }
    EXPECT_GE(buffer.capacity(), 10 * kMiB);
    while (!buffer.empty()) buffer.consume(std::min<base::ByteCount>(buffer.queued(), 100'000));
    EXPECT_LE(buffer.capacity(), OutputBuffer::kKeptBytesMax + OutputBuffer::kBlockBytesMax) << frame_bytes;
  }
}

TEST(OutputBuffer, HoldsLittleMoreThanWhatWaits) {
  OutputBuffer buffer;
  for (int i = 0; i < 10'000; ++i) put_frame(buffer, base::as_text(pattern(1000, 1)));
  EXPECT_LE(buffer.capacity(), buffer.queued() * 11 / 10 + OutputBuffer::kBlockBytesMax);
  buffer.consume(buffer.queued() / 2);
  EXPECT_LE(buffer.capacity(), buffer.queued() * 11 / 10 + OutputBuffer::kKeptBytesMax + OutputBuffer::kBlockBytesMax);
}

TEST(OutputBufferDeathTest, WhatIsNotThereCannotBeConsumed) {
  EXPECT_DEATH(
      {
        OutputBuffer buffer;
        put_frame(buffer, "four");
        buffer.consume(5);
      },
      "consume 5 of 4 bytes");
}

TEST(OutputBufferDeathTest, NothingIsConsumedInsideAFrame) {
  EXPECT_DEATH(
      {
        OutputBuffer buffer;
        put_frame(buffer, "four");
        buffer.begin_frame();
        buffer.consume(4);
      },
      "inside a frame");
}

// --- Against the model -----------------------------------------------------------------------------------------------

enum class Step { frame, abandoned_frame, owned, copy, begin_write, end_write };

struct Command {
  Step step;
  std::size_t bytes;   // of the frame, of what is appended; of a write: how much of it the transport takes, in 1/100
  std::size_t pieces;  // puts that make up a frame
};

void showValue(const Command& command, std::ostream& out) {
  out << "{" << static_cast<int>(command.step) << ", " << command.bytes << ", " << command.pieces << "}";
}

rc::Gen<Command> any_command() {
  const auto bytes = rc::gen::weightedOneOf<std::size_t>({
      {6, rc::gen::inRange<std::size_t>(0, 100)},
      {6, rc::gen::inRange<std::size_t>(0, 5000)},
      {2, rc::gen::inRange<std::size_t>(OutputBuffer::kOwnedBlobFrom - 2, OutputBuffer::kOwnedBlobFrom + 2)},
      {2, rc::gen::inRange<std::size_t>(0, 70 * kKiB)},
      {1, rc::gen::inRange<std::size_t>(0, 300 * kKiB)},
  });
  const auto step = rc::gen::weightedElement<Step>({{6, Step::frame},
                                                    {2, Step::abandoned_frame},
                                                    {2, Step::owned},
                                                    {2, Step::copy},
                                                    {4, Step::begin_write},
                                                    {4, Step::end_write}});
  return rc::gen::construct<Command>(step, bytes, rc::gen::inRange<std::size_t>(1, 20));
}

// One connection: frames come while a write is under way, and the write takes a part of what it was given.
class Connection {
 public:
  void run(const Command& command) {
    ++seed_;
    switch (command.step) {
      case Step::frame:
      case Step::abandoned_frame: frame(command); break;
      case Step::owned: append(command.bytes, true); break;
      case Step::copy: append(command.bytes, false); break;
      case Step::begin_write: begin_write(); break;
      case Step::end_write: end_write(command.bytes); break;
    }
    check();
  }

  void write_all() {
    while (!model_.empty()) {
      begin_write();
      end_write(100);
    }
    check();
    RC_ASSERT(buffer_.empty());
    RC_ASSERT(buffer_.capacity() <= OutputBuffer::kKeptBytesMax + OutputBuffer::kBlockBytesMax);
  }

 private:
  void frame(const Command& command) {
    std::string whole;
    buffer_.begin_frame();
    for (std::size_t i = 0; i < command.pieces; ++i) {
      const Bytes piece = pattern(command.bytes / command.pieces, seed_ * 100 + static_cast<std::uint32_t>(i));
      buffer_.put(piece);
      whole += base::as_text(piece);
    }
    RC_ASSERT(base::as_text(buffer_.frame()) == whole);
    RC_ASSERT(buffer_.queued() == model_.size());
    if (command.step == Step::abandoned_frame) {
      buffer_.abandon_frame();
    } else {
      buffer_.end_frame();
      append_to_model(whole);
    }
  }

  void append(std::size_t bytes, bool owned) {
    Bytes piece = pattern(bytes, seed_);
    append_to_model(base::as_text(piece));
    owned ? buffer_.append_owned(std::move(piece)) : buffer_.append_copy(piece);
  }

  void append_to_model(std::string_view bytes) {
    model_ += bytes;
    appended_ += bytes.size();
  }

  void begin_write() {
    if (writing_) return;
    views_.resize(1 + seed_ % 64);
    views_.resize(buffer_.gather(views_));
    RC_ASSERT(views_.empty() == model_.empty());
    expected_ = model_.substr(0, bytes_of_views().size());
    writing_ = !views_.empty();
  }

  void end_write(std::size_t percent) {
    if (!writing_) return;
    writing_ = false;
    const std::size_t taken = expected_.size() * std::min<std::size_t>(percent, 100) / 100;
    buffer_.consume(taken);
    model_.erase(0, taken);
    consumed_ += taken;
  }

  std::string bytes_of_views() const {
    std::string all;
    for (const ByteView view : views_) {
      RC_ASSERT(!view.empty());
      all += base::as_text(view);
    }
    return all;
  }

  void check() const {
    RC_ASSERT(buffer_.appended() == appended_);
    RC_ASSERT(buffer_.consumed() == consumed_);
    RC_ASSERT(buffer_.queued() == model_.size());
    RC_ASSERT(buffer_.empty() == model_.empty());
    RC_ASSERT(buffer_.capacity() >= model_.size());
    RC_ASSERT(waiting(buffer_) == model_);
    if (writing_) RC_ASSERT(bytes_of_views() == expected_);  // nothing moved under the write
  }

  OutputBuffer buffer_;
  std::string model_;
  base::ByteCount appended_ = 0;
  base::ByteCount consumed_ = 0;
  std::uint32_t seed_ = 0;
  bool writing_ = false;
  std::vector<ByteView> views_;
  std::string expected_;
};

RC_GTEST_PROP(OutputBuffer, DoesWhatAStringWould, ()) {
  Connection connection;
  for (const Command& command : *rc::gen::container<std::vector<Command>>(any_command())) connection.run(command);
  connection.write_all();
}

}  // namespace
}  // namespace razor::wire
