// Types and methods that change while programs of both versions talk to each other: each pair is what one version sends and the
// other receives, both ways. Without RAZOR_DEFAULTED a new field breaks every peer that does not send it yet.

#include <gtest/gtest.h>

#include "razor/wire/codec.h"
#include "tests/wire/bytes.h"

namespace razor::versions {

using base::Bytes;
using wire::test::from_hex;
using wire::test::to_hex;

/// What `sent` is for a program to which its type is a `To`.
template <class To, class From>
testing::AssertionResult received(const From& sent, To& as) {
  std::string why;
  if (wire::decode_whole(wire::encoded(sent), as, &why)) return testing::AssertionSuccess();
  return testing::AssertionFailure() << why;
}

// --- A field is added, or removed -----------------------------------------------------------------------------------------

struct JobV1 {
  int id = 0;
  RAZOR_FIELDS(JobV1, id)
};
struct JobV2 {
  int id = 0;
  int retries = 3;
  std::vector<std::string> tags = {"none"};
  int limit[2] = {1, 2};
  RAZOR_FIELDS(JobV2, id, RAZOR_DEFAULTED(retries, tags, limit))
};
struct JobWithoutDefault {
  int id = 0;
  int retries = 3;
  RAZOR_FIELDS(JobWithoutDefault, id, retries)
};

TEST(Versions, AFieldIsAdded) {
  JobV2 job(0, 9, {"used"}, {7, 7});
  ASSERT_TRUE(received(JobV1(5), job));
  EXPECT_EQ(job.id, 5);
  EXPECT_EQ(job.retries, 3) << "as in a new one, not as before";
  EXPECT_EQ(job.tags, std::vector<std::string>{"none"});
  EXPECT_EQ(job.limit[1], 2);
  JobV1 old;
  ASSERT_TRUE(received(JobV2(6, 1, {}, {0, 0}), old)) << "what it does not know is skipped";
  EXPECT_EQ(old.id, 6);
}

TEST(Versions, AFieldWithoutADefaultIsMissed) {
  JobWithoutDefault job;
  EXPECT_FALSE(received(JobV1(5), job));
}

TEST(Versions, WhatComesIsTaken) {
  JobV2 job;
  ASSERT_TRUE(received(JobV2(1, 0, {"a", "b"}, {3, 4}), job));
  EXPECT_EQ(job.retries, 0);
  EXPECT_EQ(job.tags.size(), 2u);
  EXPECT_EQ(job.limit[0], 3);
  ASSERT_TRUE(received(JobWithoutDefault(2, 8), job));
  EXPECT_EQ(job.retries, 8);
  EXPECT_EQ(job.tags, std::vector<std::string>{"none"});
}

// The reference's #[serde(default)]: it leaves fields out with skip_serializing_if, and in any order.
TEST(Versions, TheShapesOfSerdesDefault) {
  JobV2 job;
  ASSERT_TRUE(wire::decode_whole(from_hex("82 a774696d656f7574 05 a26964 07"), job));  // {"timeout": 5, "id": 7}
  EXPECT_EQ(job.id, 7);
  EXPECT_EQ(job.retries, 3);
  ASSERT_TRUE(wire::decode_whole(from_hex("82 a772657472696573 01 a26964 07"), job));
  EXPECT_EQ(job.retries, 1);
  std::string why;
  EXPECT_FALSE(wire::decode_whole(from_hex("81 a772657472696573 01"), job, &why));
  EXPECT_NE(why.find("a required field is missing, in field 'id'"), std::string::npos) << why;
}

// --- A field is renamed -----------------------------------------------------------------------------------------------------

struct PersonV1 {
  std::string name;
  RAZOR_FIELDS(PersonV1, name)
};
struct PersonV2 {
  std::string full_name;
  RAZOR_FIELDS(PersonV2, RAZOR_RENAMED(name, full_name))
};
struct PersonV3 {
  std::string full_name;
  RAZOR_FIELDS(PersonV3, RAZOR_ALIAS(full_name, "name"))
};
struct PersonV4 {
  std::string full_name;
  RAZOR_FIELDS(PersonV4, full_name)
};

TEST(Versions, AFieldIsRenamed) {
  PersonV2 now;
  ASSERT_TRUE(received(PersonV1("a"), now));
  EXPECT_EQ(now.full_name, "a");
  PersonV1 old;
  ASSERT_TRUE(received(PersonV2("b"), old));
  EXPECT_EQ(old.name, "b");
  std::string why;
  EXPECT_FALSE(wire::decode_whole(from_hex("82 a46e616d65 a161 a966756c6c5f6e616d65 a162"), now, &why));
  EXPECT_NE(why.find("a field appears twice"), std::string::npos) << why;
}

// Without the third version the old name could not be given up: the second one sends it, and the last does not read it.
TEST(Versions, TheOldNameIsGivenUp) {
  PersonV3 third;
  ASSERT_TRUE(received(PersonV2("a"), third));
  EXPECT_EQ(third.full_name, "a");
  ASSERT_TRUE(received(PersonV4("b"), third));
  EXPECT_EQ(third.full_name, "b");
  PersonV2 second;
  ASSERT_TRUE(received(PersonV3("c"), second));
  EXPECT_EQ(second.full_name, "c");
  PersonV4 last;
  ASSERT_TRUE(received(PersonV3("d"), last));
  EXPECT_EQ(last.full_name, "d");
  EXPECT_FALSE(received(PersonV2("e"), last));
  EXPECT_FALSE(wire::decode_whole(from_hex("82 a46e616d65 a161 a966756c6c5f6e616d65 a162"), third)) << "both names";
}

// --- A parameter is added --------------------------------------------------------------------------------------------------

template <class... Sent>
Bytes parameters(const Sent&... sent) {
  wire::BytesSink sink;
  Encoder to(sink);
  wire::encode_parameters(to, sent...);
  return std::move(sink).take();
}
template <class... Declared>
bool takes(const Bytes& bytes, std::tuple<Declared...>& into) {
  wire::Decoder from(bytes);
  return wire::decode_parameters(from, into) && from.finish();
}

TEST(Versions, ATrailingParameterIsAdded) {
  std::tuple<int, int, std::optional<int>, std::unique_ptr<int>> four;
  EXPECT_TRUE(takes(parameters(1, 2), four));
  EXPECT_EQ(std::get<1>(four), 2);
  EXPECT_FALSE(std::get<2>(four));
  EXPECT_TRUE(takes(parameters(1, 2, 3), four));
  EXPECT_EQ(std::get<2>(four), 3);
  EXPECT_FALSE(takes(parameters(1), four)) << "the second is required";
  EXPECT_FALSE(takes(parameters(1, 2, 3, 4, 5), four));
  EXPECT_TRUE(takes(parameters(1, 2, 3, 4), four));
  EXPECT_EQ(*std::get<3>(four), 4);
}

TEST(Versions, ASecondAndAFirstParameterAreAdded) {
  std::tuple<std::string, std::optional<int>> two;
  EXPECT_TRUE(takes(parameters(std::string("alone")), two));
  EXPECT_EQ(std::get<0>(two), "alone");
  EXPECT_FALSE(takes(parameters(), two));
  std::tuple<std::optional<int>, std::optional<int>> optional;
  EXPECT_TRUE(takes(parameters(), optional));
  EXPECT_TRUE(takes(parameters(5), optional));
  EXPECT_EQ(std::get<0>(optional), 5);
  std::tuple<std::optional<int>> one;
  EXPECT_TRUE(takes(parameters(), one));
}

TEST(Versions, BytesOfAllParametersAreAsBefore) {
  EXPECT_EQ(to_hex(parameters(1, std::optional<int>())), "9201c0");
  EXPECT_EQ(to_hex(parameters()), "c0");
  EXPECT_EQ(to_hex(parameters(1)), "01");
}

}  // namespace razor::versions
