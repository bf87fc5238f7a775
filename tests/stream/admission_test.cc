// Admission: every limit at its edge, and that more load never admits more.

#include "razor/stream/internal/admission.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/pick.h"

namespace razor::stream {
namespace {

using Verdict = Admission::Verdict;

class AdmissionTest : public testing::Test {
 protected:
  AdmissionTest() {
    config_.handlers_per_connection_max = 4;
    config_.handlers_max = 10;
    config_.control_responses_max = 3;
    config_.write_queue_max = 1000;
    config_.write_queue_hard_max = 5000;
  }
  ServerConfig config_;
  Admission admission_{config_};
};

TEST_F(AdmissionTest, AConnectionWaitsForItsOwnHandlers) {
  EXPECT_EQ(admission_.admit({.own_handlers = 3, .all_handlers = 3}), Verdict::dispatch);
  EXPECT_EQ(admission_.admit({.own_handlers = 4, .all_handlers = 4}), Verdict::wait);
}

TEST_F(AdmissionTest, AServerRefusesAboveItsHandlers) {
  EXPECT_EQ(admission_.admit({.own_handlers = 1, .all_handlers = 9}), Verdict::dispatch);
  EXPECT_EQ(admission_.admit({.own_handlers = 1, .all_handlers = 10}), Verdict::overloaded);
}

// A plain peer takes no refusal for its own flood, also when the server is full: it waits.
TEST_F(AdmissionTest, WaitingComesBeforeRefusing) {
  EXPECT_EQ(admission_.admit({.own_handlers = 4, .all_handlers = 10}), Verdict::wait);
}

TEST_F(AdmissionTest, AServerThatClosesRefusesWhateverTheLoad) {
  EXPECT_EQ(admission_.admit({.is_serving = false, .own_handlers = 4, .all_handlers = 10}), Verdict::draining);
}

TEST_F(AdmissionTest, ReadingPausesForBytesAndForPongs) {
  EXPECT_FALSE(admission_.must_pause({999, 2, 2}));
  EXPECT_TRUE(admission_.must_pause({1000, 0, 0}));
  EXPECT_TRUE(admission_.must_pause({0, 3, 0}));
  EXPECT_TRUE(admission_.must_pause({0, 0, 3}));
  EXPECT_TRUE(admission_.has_too_many_pongs({0, 0, 3}));
  EXPECT_FALSE(admission_.has_too_many_pongs({1000, 2, 2}));
}

TEST_F(AdmissionTest, ReadingGoesOnOnceHalfHasGone) {
  EXPECT_FALSE(admission_.has_drained(501));
  EXPECT_TRUE(admission_.has_drained(500));
}

TEST_F(AdmissionTest, APeerThatTakesNothingIsCutOffAboveTheHardLimit) {
  EXPECT_FALSE(admission_.is_beyond_bounds(5000));
  EXPECT_TRUE(admission_.is_beyond_bounds(5001));
}

// With more handlers running, a request that was not dispatched is not dispatched either; nor is reading taken up.
RC_GTEST_PROP(Admission, MoreLoadNeverAdmitsMore, ()) {
  ServerConfig config;
  config.handlers_per_connection_max = test::pick<std::uint32_t>(1, 6);
  config.handlers_max = test::pick<std::uint32_t>(1, 12);
  config.control_responses_max = test::pick<std::uint32_t>(1, 5);
  config.write_queue_max = test::pick<base::ByteCount>(1, 50);
  const Admission admission(config);
  Admission::Load load{true, test::pick<std::uint32_t>(0, 8), test::pick<std::uint64_t>(0, 14)};
  const bool was_dispatched = admission.admit(load) == Verdict::dispatch;
  RC_ASSERT(was_dispatched ==
            (load.own_handlers < config.handlers_per_connection_max && load.all_handlers < config.handlers_max));
  load.own_handlers += test::pick<std::uint32_t>(0, 3);
  load.all_handlers += test::pick<std::uint64_t>(0, 3);
  if (!was_dispatched) RC_ASSERT(admission.admit(load) != Verdict::dispatch);
  Admission::Backlog backlog{test::pick<base::ByteCount>(0, 60), test::pick<std::size_t>(0, 6),
                             test::pick<std::size_t>(0, 6)};
  const bool paused = admission.must_pause(backlog);
  backlog.unwritten_bytes += test::pick<base::ByteCount>(0, 9);
  backlog.held_pongs += test::pick<std::size_t>(0, 2);
  if (paused) RC_ASSERT(admission.must_pause(backlog));
  // Who reads on because half has gone must not pause at once for the same bytes.
  if (admission.has_drained(backlog.unwritten_bytes) && config.write_queue_max > 1) {
    RC_ASSERT(!admission.must_pause({backlog.unwritten_bytes, 0, 0}));
  }
}

}  // namespace
}  // namespace razor::stream
