// Rows of the type table through a service (carried.h): a type that a stub, a dispatch, a reply or an error cannot carry does not
// compile here, or comes back as other bytes.

#include "tests/api/carried.h"

namespace razor::test {
namespace {

TEST(Carried, Integers) { table::integers(Carry()); }

}  // namespace
}  // namespace razor::test
