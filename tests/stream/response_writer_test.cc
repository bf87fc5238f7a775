// ResponseWriter: each draft becomes the response that was meant, or nothing and a reason. One that is too large or taken
// back must leave nothing in the output, or the client reads a broken frame and all its other calls are lost.

#include "razor/stream/internal/response_writer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "razor/wire/frame_reader.h"
#include "razor/wire/framework_error.h"
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
    reader.extend();
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
                                    frame.head.flag % 2 == 1 ? frame.head.msg_bytes_or_number : frame.msg.size(),
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

TEST_F(ResponseWriterTest, AFailureIsANumberForThoseWhoUnderstandIt) {
  using Form = ResponseWriter::FailureForm;
  Failure failure(Errc::draining, base::Ran::no, "going home");
  failure.retry_after = std::chrono::microseconds(1500);
  EXPECT_TRUE(writer_.put_failure(1, failure, Form::number));
  EXPECT_TRUE(writer_.put_failure(2, Failure(Errc::internal, base::Ran::yes), Form::number));
  const std::string no_number(wire::text_of(Errc::invalid_version));
  EXPECT_TRUE(writer_.put_failure(3, Failure(Errc::invalid_version, base::Ran::no, "version 9"), Form::number));
  base::Bytes all;
  while (!writer_.empty()) {
    std::array<base::ByteView, 8> views;
    writer_.gather(views);
    all.insert(all.end(), views[0].begin(), views[0].end());
    writer_.consume(views[0].size());
  }
  wire::ResponseFrame frame;
  frame.head = wire::load_response_head(all.data());
  frame.set_body(all.data() + wire::kResponseHeadBytes);
  EXPECT_EQ(frame.head.flag, 3);
  EXPECT_EQ(frame.head.seq, 1u);
  EXPECT_EQ(frame.head.msg_bytes_or_number, 7u);
  const wire::FrameworkError error = wire::framework_error_of(frame);
  EXPECT_EQ(error.errc, Errc::draining);
  EXPECT_EQ(error.ran, base::Ran::no);
  EXPECT_EQ(error.retry_after, std::chrono::milliseconds(2)) << "not too soon";
  EXPECT_FALSE(error.no_retry);
  EXPECT_EQ(error.text, "going home");
  const std::byte* at = all.data() + wire::kResponseHeadBytes + frame.head.body_bytes();
  EXPECT_EQ(wire::load_response_head(at).msg_bytes_or_number, 5u);
  EXPECT_EQ(wire::load_response_head(at).blob_bytes, 8u);
  EXPECT_EQ(at[wire::kResponseHeadBytes], std::byte{2}) << "it ran";
  at += wire::kResponseHeadBytes + 8;
  EXPECT_EQ(wire::load_response_head(at).flag, 2) << "what has no number travels as a text";
  EXPECT_EQ(wire::load_response_head(at).msg_bytes_or_number, 0u);
  EXPECT_EQ(base::as_text({at + wire::kResponseHeadBytes, no_number.size()}), no_number);
}

TEST_F(ResponseWriterTest, TheTextOfAFailureIsCutOff) {
  const std::string text(1000, 'x');
  EXPECT_TRUE(writer_.put_failure(1, Failure(Errc::internal, base::Ran::yes, text), ResponseWriter::FailureForm::number));
  EXPECT_EQ(take(), Lines{fmt::format("1: flag 3, 5 + {}", 8 + wire::FrameworkError::kTextBytesMax)});
}

TEST_F(ResponseWriterTest, AHelloIsTheBlobOfAPong) {
  EXPECT_TRUE(writer_.put_pong(1, base::Bytes(30)));
  EXPECT_TRUE(writer_.put_pong(2));
  EXPECT_EQ(take(), (Lines{"1: flag 0, 0 + 30", "2: flag 0, 0 + 0"}));
}

TEST_F(ResponseWriterTest, AControlFrameIsAnErrorOfSeqZeroInItsOrder) {
  wire::ServerControl control;
  control.kind = 2;
  control.seq = 77;
  EXPECT_TRUE(writer_.put_number(1, 2));
  EXPECT_TRUE(writer_.put_control(control));
  EXPECT_TRUE(writer_.put_number(2, 2));
  const Lines lines = take();
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_TRUE(lines[1].starts_with("0: flag 2, 0 + 24 ")) << lines[1];
}

TEST_F(ResponseWriterTest, APromptPongGoesInFrontOfWhatIsNotBegun) {
  EXPECT_TRUE(writer_.put_number(1, 2));
  EXPECT_TRUE(writer_.put_prompt_pong(2));
  EXPECT_EQ(writer_.prompt_pongs(), 1u);
  EXPECT_EQ(take(), (Lines{"2: flag 0, 0 + 0", "1: flag 1, 2 + 0"}));
}

}  // namespace
}  // namespace razor::stream
