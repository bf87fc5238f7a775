// ResponseWriter: each draft becomes the response that was meant, or nothing and a reason. One that is too large or taken
// back must leave nothing in the output, or the client reads a broken frame and all its other calls are lost.

#include "razor/stream/internal/response_writer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "razor/wire/frame_reader.h"
#include "razor/wire/wire_error.h"

namespace razor::stream {
namespace {

using base::Errc;
using wire::ResponseFlag;

class ResponseWriterTest : public testing::Test {
 protected:
  ResponseWriterTest() {
    limits_.msg_bytes_max = 1000;
    limits_.blob_bytes_max = 2000;
  }

  // What stands in the output, a line for each response.
  std::vector<std::string> take() {
    wire::ResponseReader reader(limits_);
    std::vector<std::string> lines;
    while (!writer_.empty()) {
      std::array<base::ByteView, 8> views;
      writer_.gather(views);
      const base::MutableBytes room = reader.prepare();
      const std::size_t count = std::min(views[0].size(), room.size());
      std::memcpy(room.data(), views[0].data(), count);
      writer_.consume(count);
      reader.commit(count);
      while (reader.next() == wire::ResponseReader::Found::frame) {
        const wire::ResponseFrame& frame = reader.frame();
        const std::string_view blob = base::as_text(frame.blob);
        lines.push_back(fmt::format("{}: flag {}, {} + {}{}{}", frame.head.seq, frame.head.flag,
                                    frame.head.flag == 1 ? frame.head.msg_bytes_or_number : frame.msg.size(),
                                    frame.blob.size(), frame.head.flag == 2 ? " " : "", frame.head.flag == 2 ? blob : ""));
      }
    }
    return lines;
  }

  wire::FrameLimits limits_;
  ResponseWriter writer_{limits_};
};

using Lines = std::vector<std::string>;

TEST_F(ResponseWriterTest, ADraftIsAResponse) {
  writer_.begin(true).put(base::Bytes(5));
  EXPECT_EQ(writer_.draft_bytes(), 5u);
  EXPECT_EQ(writer_.commit(7, ResponseFlag::success, base::Blob(base::Bytes(3))), std::nullopt);
  writer_.begin(true).put(base::as_bytes(std::string_view("no")));
  EXPECT_EQ(writer_.commit(8, ResponseFlag::error_bytes, {}), std::nullopt);
  EXPECT_TRUE(writer_.put_number(9, 70'000));
  EXPECT_TRUE(writer_.put_pong(10));
  EXPECT_EQ(take(), (Lines{"7: flag 0, 5 + 3", "8: flag 2, 0 + 2 no", "9: flag 1, 70000 + 0", "10: flag 0, 0 + 0"}));
}

TEST_F(ResponseWriterTest, OneThatIsTooLargeIsDropped) {
  writer_.begin(true).put(base::Bytes(1001));
  EXPECT_EQ(writer_.commit(1, ResponseFlag::success, {}), Errc::too_large);
  writer_.begin(true).put(base::Bytes(1));
  EXPECT_EQ(writer_.commit(2, ResponseFlag::success, base::Blob(base::Bytes(2001))), Errc::too_large);
  writer_.begin(true).put(base::Bytes(2000));
  EXPECT_EQ(writer_.commit(3, ResponseFlag::error_bytes, {}), std::nullopt) << "an error travels in the blob";
  writer_.begin(true).put(base::Bytes(2001));
  EXPECT_EQ(writer_.commit(4, ResponseFlag::error_bytes, {}), Errc::too_large);
  writer_.begin(true).put(base::Bytes(1000));
  EXPECT_EQ(writer_.commit(5, ResponseFlag::success, base::Blob(base::Bytes(2000))), std::nullopt);
  const Lines lines = take();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_TRUE(lines[0].starts_with("3: flag 2, 0 + 2000"));
  EXPECT_EQ(lines[1], "5: flag 0, 1000 + 2000");
}

TEST_F(ResponseWriterTest, WhatIsTakenBackOrDoesNotCountLeavesNothing) {
  writer_.begin(true).put(base::Bytes(500));
  writer_.abandon();
  writer_.begin(false).put(base::Bytes(500));
  EXPECT_FALSE(writer_.draft_counts());
  writer_.abandon();
  EXPECT_TRUE(writer_.empty());
  EXPECT_TRUE(writer_.put_number(1, 2));
  EXPECT_EQ(take(), Lines{"1: flag 1, 2 + 0"});
}

TEST_F(ResponseWriterTest, AFailureHasADetailOnlyForThoseWhoReadIt) {
  const Failure failure(Errc::draining, base::Ran::no, "going home");
  const std::string code(wire::text_of(Errc::draining));
  EXPECT_TRUE(writer_.put_failure(1, failure, ResponseWriter::FailureForm::text));
  EXPECT_TRUE(writer_.put_failure(2, failure, ResponseWriter::FailureForm::detailed));
  EXPECT_TRUE(writer_.put_failure(3, Failure(Errc::draining), ResponseWriter::FailureForm::detailed));
  const std::size_t detail = wire::encoded_detail(base::Ran::no, "going home").size();
  EXPECT_EQ(take(), (Lines{fmt::format("1: flag 2, 0 + {} {}", code.size(), code),
                           fmt::format("2: flag 2, {} + {} {}", detail, code.size(), code),
                           fmt::format("3: flag 2, 0 + {} {}", code.size(), code)}));
}

TEST_F(ResponseWriterTest, APromptPongGoesInFrontOfWhatIsNotBegun) {
  EXPECT_TRUE(writer_.put_number(1, 2));
  EXPECT_TRUE(writer_.put_prompt_pong(2));
  EXPECT_EQ(writer_.prompt_pongs(), 1u);
  EXPECT_EQ(take(), (Lines{"2: flag 0, 0 + 0", "1: flag 1, 2 + 0"}));
}

}  // namespace
}  // namespace razor::stream
