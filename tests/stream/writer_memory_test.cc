// RequestWriter and ResponseWriter when memory is refused: they say so, and nothing of what did not fit stands in the output, or
// the peer reads a broken frame.

#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "faults/allocation.h"
#include "razor/stream/internal/request_writer.h"
#include "razor/stream/internal/response_writer.h"
#include "sim/running.h"
#include "sim/world.h"

namespace razor::stream {
namespace {

// Refuses one allocation after the other of `write`, which says whether it succeeded, each time to a fresh writer.
class WriterMemoryTest : public testing::Test {
 protected:
  ~WriterMemoryTest() override { world_.fabric().kill_all(); }

  template <class Make, class Write>
  void refuse_each(Make&& make, Write&& write) {
    if (!faults::allocations_are_counted()) GTEST_SKIP() << "a sanitizer stands in front of malloc";
    std::uint64_t refused_in_all = 0;
    for (std::uint64_t nth = 1;; ++nth) {
      auto writer = make();
      std::uint64_t refused = 0;
      bool is_written = false;
      {
        const faults::AllocationRefusal refusal(host_, 1, nth, 1);
        const sim::Running host(&host_);
        is_written = write(*writer);
        refused = refusal.refused();
      }
      if (refused == 0) {
        EXPECT_TRUE(is_written);
        EXPECT_GT(writer->queued(), 0u);
        break;
      }
      ++refused_in_all;
      EXPECT_EQ(writer->queued() > 0, is_written) << "allocation " << nth;
      EXPECT_TRUE(write(*writer)) << "once there is memory";
      EXPECT_GT(writer->queued(), 0u);
      ASSERT_LT(nth, 50u);
    }
    EXPECT_GT(refused_in_all, 0u);
  }

  sim::World world_{1};
  sim::Host& host_ = world_.host("refused");
  wire::FrameLimits limits_;
};

TEST_F(WriterMemoryTest, OfAHelloAndOfControlFramesNothingIsWrittenWithoutMemory) {
  const auto make = [&] { return std::make_unique<RequestWriter>(77, limits_); };
  const base::Bytes hello(60);
  refuse_each(make, [&](RequestWriter& writer) {
    std::optional<SentCalls> sent;
    {
      const sim::InSimulator own;  // not what is refused
      sent.emplace(10);
    }
    const wire::Seq seq = writer.send_hello(hello, *sent);
    EXPECT_EQ(sent->next_seq(), seq == 0 ? 1u : 2u) << "a seq that is not sent would be a gap";
    return seq != 0;
  });
  refuse_each(make, [](RequestWriter& writer) { return writer.send_control(wire::cancel_head(3)); });
}

TEST_F(WriterMemoryTest, OfAFailureAHelloAndAControlFrameNothingIsWrittenWithoutMemory) {
  const auto make = [&] { return std::make_unique<ResponseWriter>(limits_); };
  const Failure failure(base::Errc::internal, base::Ran::yes,
                        "it threw, and said so at some length: more than a small text");
  refuse_each(make,
              [&](ResponseWriter& writer) { return writer.put_failure(1, failure, ResponseWriter::FailureForm::number); });
  refuse_each(make, [](ResponseWriter& writer) { return writer.put_control({}); });
  const base::Bytes hello(60);
  refuse_each(make, [&](ResponseWriter& writer) { return writer.put_pong(1, hello); });
}

}  // namespace
}  // namespace razor::stream
