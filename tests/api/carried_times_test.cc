// Rows of the type table through a service (carried.h): a type that a stub, a dispatch, a reply or an error cannot carry does not
// compile here, or comes back as other bytes.

#include "tests/api/carried.h"

namespace razor::test {
namespace {

TEST(Carried, Times) { table::times(Carry()); }
TEST(Carried, WhatMayBeNil) { table::what_may_be_nil(Carry()); }

}  // namespace
}  // namespace razor::test
