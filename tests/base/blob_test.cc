// Blob: bytes that are shared. Fails when a copy copies them, or when they go before the last Blob that sees them.

#include "razor/base/blob.h"

#include <gtest/gtest.h>

#include <string>

namespace razor::base {
namespace {

TEST(Blob, OwnsWhatItIsMadeOf) {
  Bytes bytes(100, std::byte{1});
  const std::byte* memory = bytes.data();
  const Blob blob(std::move(bytes));
  const Blob copy = blob;
  EXPECT_EQ(blob.data(), memory);
  EXPECT_EQ(copy.data(), memory);
  EXPECT_EQ(copy.size(), 100u);
  EXPECT_EQ(copy, blob);
}

TEST(Blob, IsEmptyWithoutMemory) {
  EXPECT_TRUE(Blob().empty());
  EXPECT_TRUE(Blob(Bytes()).empty());
  EXPECT_EQ(Blob(), Blob::copy_of(""));
}

TEST(Blob, EqualsOneWithTheSameBytes) {
  EXPECT_EQ(Blob::copy_of("abc"), Blob::copy_of("abc"));
  EXPECT_FALSE(Blob::copy_of("abc") == Blob::copy_of("abd"));
  EXPECT_FALSE(Blob::copy_of("abc") == Blob::copy_of("ab"));
}

TEST(Blob, KeepsTheOwnerOfWhatItBorrows) {
  auto owner = std::make_shared<const std::string>("borrowed");
  const std::weak_ptr<const std::string> watched = owner;
  Blob blob = Blob::borrow(as_bytes(*owner), owner);
  owner.reset();
  Blob copy = blob;
  blob = Blob();
  EXPECT_EQ(as_text(copy), "borrowed");
  copy = Blob();
  EXPECT_TRUE(watched.expired());
}

TEST(Blob, BorrowsWhatLivesForever) {
  static constexpr std::string_view kText = "static";
  EXPECT_EQ(Blob::borrow_static(as_bytes(kText)).data(), as_bytes(kText).data());
}

}  // namespace
}  // namespace razor::base
