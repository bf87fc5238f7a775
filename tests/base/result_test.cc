// A value or an error. If access were not checked, the death tests would read a value that is not there.

#include "razor/base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "razor/base/error.h"

namespace razor::base {
namespace {

Result<std::string> greeting(bool works) {
  if (works) return std::string("hello");
  return std::errc::connection_refused;
}

TEST(Result, HoldsAValueAndNoError) {
  Result<std::string> result = greeting(true);
  EXPECT_TRUE(result.ok());
  EXPECT_TRUE(static_cast<bool>(result));
  EXPECT_EQ(result.value(), "hello");
  EXPECT_EQ(*result, "hello");
  EXPECT_EQ(result->size(), 5u);
  EXPECT_EQ(result.error(), std::error_code());
  result->push_back('!');
  EXPECT_EQ(std::as_const(result).value(), "hello!");
  EXPECT_EQ(*std::as_const(result), "hello!");
}

TEST(Result, HoldsAnErrorOfAnyKind) {
  EXPECT_EQ(greeting(false).error(), std::errc::connection_refused);
  EXPECT_FALSE(greeting(false).ok());
  const Result<int> ours = Errc::closed;
  EXPECT_EQ(ours.error(), Errc::closed);
  const Result<int> code = make_error_code(std::errc::timed_out);
  EXPECT_EQ(code.error(), std::errc::timed_out);
}

TEST(Result, PassesOnWhatCanOnlyBeMoved) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  const std::unique_ptr<int> taken = *std::move(result);
  EXPECT_EQ(*taken, 7);
}

// The error tells programs what kind of failure it is; only the text can name the thing that failed.
TEST(Result, CarriesATextForPeopleBesideTheError) {
  const Result<std::string> failed(make_error_code(std::errc::invalid_argument), "\"10.0.0.2\" has no port");
  EXPECT_EQ(failed.error(), std::errc::invalid_argument);
  EXPECT_EQ(failed.message(), "\"10.0.0.2\" has no port");
  EXPECT_EQ(greeting(false).message(), "Connection refused");
  EXPECT_EQ(Result<int>(std::errc::broken_pipe).message(), "Broken pipe");
  static_assert(std::is_trivially_destructible_v<Result<std::size_t>>, "reads and writes pay nothing for it");
}

TEST(Result, OfVoidIsSuccessOrAnError) {
  const Result<void> fine;
  EXPECT_TRUE(fine.ok());
  EXPECT_EQ(fine.error(), std::error_code());
  const Result<void> failed = std::errc::broken_pipe;
  EXPECT_FALSE(failed.ok());
  EXPECT_EQ(failed.error(), std::errc::broken_pipe);
}

TEST(ResultDeathTest, TheValueOfAFailureIsABugThatNamesTheError) {
  Result<int> failed = std::errc::broken_pipe;
  EXPECT_DEATH((void)failed.value(), "value\\(\\) of a failed Result: Broken pipe");
  EXPECT_DEATH((void)*failed, "value\\(\\) of a failed Result");
  const Result<std::string> told(make_error_code(std::errc::invalid_argument), "what failed");
  EXPECT_DEATH((void)*told, "value\\(\\) of a failed Result: what failed");
  EXPECT_DEATH((void)*std::as_const(failed), "value\\(\\) of a failed Result");
  Result<std::string> text = std::errc::broken_pipe;
  EXPECT_DEATH((void)text->size(), "value\\(\\) of a failed Result");
}

TEST(ResultDeathTest, AnErrorThatIsNoneIsABug) {
  const std::error_code none;
  EXPECT_DEATH((void)Result<int>(none), "needs an error");
  EXPECT_DEATH((void)Result<void>(none), "needs an error");
}

}  // namespace
}  // namespace razor::base
