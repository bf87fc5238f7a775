// Frames are begun in a sink. Without the room for their head, its bytes would overwrite the name or the message.

#include "razor/wire/frame_writer.h"

#include <gtest/gtest.h>

#include "tests/wire/bytes.h"

namespace razor::wire {
namespace {

TEST(BeginRequest, KeepsRoomForTheHeadAndPutsTheName) {
  BytesSink sink;
  begin_request(sink, Action("Files.open"));
  EXPECT_EQ(sink.size(), kRequestHeadBytes + 10);
  EXPECT_EQ(base::as_text(sink.view().subspan(kRequestHeadBytes)), "Files.open");
}

TEST(BeginRequest, ANumberNeedsNoName) {
  BytesSink sink;
  begin_request(sink, Action(7u));
  EXPECT_EQ(sink.size(), kRequestHeadBytes);
}

TEST(BeginResponse, KeepsRoomForTheHead) {
  BytesSink sink;
  begin_response(sink);
  EXPECT_EQ(sink.size(), kResponseHeadBytes);
}

TEST(ActionField, IsTheNumberOrTheLengthOfTheName) {
  EXPECT_EQ(action_field(kPing), 0u);
  EXPECT_EQ(action_field(Action(0x7fff'ffffu)), 0x7fff'ffffu);
  EXPECT_EQ(action_field(Action("CalculatorService.add")), 0x8000'0015u);
  EXPECT_EQ(action_field(Action("")), 0x8000'0000u);
}

}  // namespace
}  // namespace razor::wire
