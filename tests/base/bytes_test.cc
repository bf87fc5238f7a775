// Views of bytes as text and back. Without them every caller would cast, and a wrong length would go unseen.

#include "razor/base/bytes.h"

#include <gtest/gtest.h>

#include <string>

namespace razor::base {
namespace {

TEST(Bytes, TextIsSeenAsBytesAndBackWithoutACopy) {
  const std::string text("a\0b", 3);
  const ByteView view = as_bytes(text);
  EXPECT_EQ(view.size(), 3u);
  EXPECT_EQ(as_text(view), text);
  EXPECT_EQ(static_cast<const void*>(as_text(view).data()), text.data());
}

TEST(Bytes, ACopyOwnsItsBytes) {
  std::string text = "abc";
  const Bytes copy = to_bytes(as_bytes(text));
  text = "xyz";
  EXPECT_EQ(as_text(copy), "abc");
  EXPECT_TRUE(to_bytes({}).empty());
}

}  // namespace
}  // namespace razor::base
