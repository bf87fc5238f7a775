// Reply: without it a caller could not tell the result, the handler's error and the framework's apart, above all where
// two of them have the same type.

#include "razor/api/reply.h"

#include <gtest/gtest.h>

namespace razor::api {
namespace {

TEST(Reply, HoldsAResult) {
  const Reply<int, std::string> reply = 7;
  EXPECT_TRUE(reply.ok());
  EXPECT_TRUE(bool(reply));
  EXPECT_FALSE(reply.has_error());
  EXPECT_FALSE(reply.has_call_error());
  EXPECT_EQ(*reply, 7);
  EXPECT_EQ(reply.ran(), Ran::yes);
}

TEST(Reply, HoldsTheHandlersError) {
  const Reply<int, std::string> reply = Fail{"no"};
  EXPECT_FALSE(reply.ok());
  EXPECT_TRUE(reply.has_error());
  EXPECT_EQ(reply.error(), "no");
  EXPECT_EQ(reply.ran(), Ran::yes);
}

TEST(Reply, HoldsACallErrorAndWhetherTheCallRan) {
  const Reply<int, std::string> reply = CallError(Errc::connection_lost, Ran::maybe, "gone");
  EXPECT_FALSE(reply.ok());
  EXPECT_TRUE(reply.has_call_error());
  EXPECT_EQ(reply.call_error().errc(), Errc::connection_lost);
  EXPECT_EQ(reply.ran(), Ran::maybe);
}

TEST(Reply, TellsAResultFromAnErrorOfTheSameType) {
  const Reply<std::string, std::string> result = "text";
  const Reply<std::string, std::string> error = Fail{"text"};
  EXPECT_TRUE(result.ok());
  EXPECT_TRUE(error.has_error());
  EXPECT_EQ(*result, error.error());
}

TEST(Reply, OfNothingHasSuccessOrUnit) {
  const Reply<void, Unit> success;
  EXPECT_TRUE(success.ok());
  const Reply<void, Unit> failure = Fail{};
  EXPECT_TRUE(failure.has_error());
}

TEST(Reply, GivesAMoveOnlyResultAway) {
  Reply<std::unique_ptr<int>> reply = std::make_unique<int>(3);
  const std::unique_ptr<int> taken = *std::move(reply);
  EXPECT_EQ(*taken, 3);
}

TEST(ReplyDeathTest, EndsTheProgramWhenAskedForWhatItDoesNotHold) {
  const Reply<int, std::string> failed = CallError(Errc::overloaded, Ran::no, "full");
  EXPECT_DEATH((void)*failed, "asked a Reply for a result, but it holds a call error: overloaded");
  EXPECT_DEATH((void)failed.error(), "asked a Reply for an error of the handler");
}

}  // namespace
}  // namespace razor::api
