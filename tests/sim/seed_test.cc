// Chance is the same everywhere: the numbers here come from another implementation (Python's integers), those of splitmix64
// also from its author's. A compiler that orders, widens or rounds otherwise gives others; so does a change of the scheme,
// which would make every seed that anybody noted worthless.

#include "sim/seed.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "sim/digest.h"

namespace razor::sim {
namespace {

using namespace std::chrono_literals;

std::vector<std::uint64_t> draws(RandomStream stream, int count) {
  std::vector<std::uint64_t> drawn;
  for (int i = 0; i < count; ++i) drawn.push_back(stream.bits());
  return drawn;
}

TEST(RandomStream, DrawsSplitmix64) {
  EXPECT_EQ(draws(RandomStream(1'234'567), 5),
            (std::vector<std::uint64_t>{6'457'827'717'110'365'317u, 3'203'168'211'198'807'973u, 9'817'491'932'198'370'423u,
                                        4'593'380'528'125'082'431u, 16'408'922'859'458'223'821u}));
  EXPECT_EQ(draws(RandomStream(0), 3),
            (std::vector<std::uint64_t>{0xe220'a839'7b1d'cdaf, 0x6e78'9e6a'a1b9'65f4, 0x06c4'5d18'8009'454f}));
}

TEST(RandomStream, DrawsBelowABound) {
  RandomStream stream = Seed(42).stream("faults");
  std::vector<std::uint64_t> drawn;
  for (int i = 0; i < 8; ++i) drawn.push_back(stream.below(100));
  EXPECT_EQ(drawn, (std::vector<std::uint64_t>{2, 5, 98, 22, 31, 22, 67, 55}));
  EXPECT_EQ(stream.below(1), 0u);
}

TEST(RandomStream, DrawsBothEndsOfASpan) {
  RandomStream stream(1);
  std::set<base::Duration> drawn;
  for (int i = 0; i < 200; ++i) drawn.insert(stream.between(3ns, 6ns));
  EXPECT_EQ(drawn, (std::set<base::Duration>{3ns, 4ns, 5ns, 6ns}));
  EXPECT_EQ(stream.between(5s, 5s), 5s);
}

TEST(RandomStream, OneInNoneIsNever) {
  RandomStream stream(1);
  EXPECT_FALSE(stream.one_in(0));
  EXPECT_TRUE(stream.one_in(1));
}

TEST(Seed, DerivesOthersByName) {
  static_assert(Seed(1).of("host").value() == 0x7b3a'fa94'499c'9818);
  EXPECT_EQ(Seed(1).of("").value(), 0xdce4'23fc'82c0'd5b8u);
  EXPECT_EQ(Seed(1).of("link").of(7).value(), 0x617c'2e7f'0dc7'9e5cu);
}

TEST(Seed, NamesAndNumbersGiveUnrelatedSeeds) {
  std::set<std::uint64_t> seeds;
  for (std::uint64_t base = 0; base < 20; ++base) {
    for (std::uint64_t number = 0; number < 50; ++number) {
      seeds.insert(Seed(base).of(number).value());
      seeds.insert(Seed(base).of(std::to_string(number)).value());
    }
  }
  EXPECT_EQ(seeds.size(), 2000u);
}

TEST(Digest, IsAChainOfAllWords) {
  Digest digest;
  digest.mix(1);
  digest.mix(2);
  EXPECT_EQ(digest.value(), 0x04b9'19b1'a252'0807u);
  Digest other_order;
  other_order.mix(2);
  other_order.mix(1);
  EXPECT_NE(other_order.value(), digest.value());
}

TEST(Digest, HashesBytesOfAnyLength) {
  EXPECT_EQ(hash_of(base::as_bytes("12345678")), 0x20b2'5c88'f251'787cu);
  EXPECT_EQ(hash_of(base::as_bytes("hello, world")), 0x4047'102f'ca94'45c8u);
  // Zeros at the end count.
  std::set<std::uint64_t> hashes;
  for (std::size_t size = 0; size < 40; ++size) hashes.insert(hash_of(base::Bytes(size)));
  EXPECT_EQ(hashes.size(), 40u);
}

}  // namespace
}  // namespace razor::sim
