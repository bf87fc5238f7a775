// What a peer sends as a value of a type. The input: a byte that chooses the type, then the message. What decodes is
// encoded, decodes again, and is then encoded as the same bytes; what is held meanwhile is in proportion to what has
// arrived.

#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/memory_meter.h"
#include "tests/wire/type_table.h"

namespace razor::fuzz {
namespace {

using namespace razor::table;

// An element of one byte may be a container of 80, in a vector that has doubled; a block of a deque has 512 bytes.
constexpr std::ptrdiff_t kHeldForEachByte = 300;
constexpr std::ptrdiff_t kHeldForNothing = 8192;

void check_memory(const MemoryMeter& meter, base::ByteView message) {
  meter.expect_at_most(kHeldForNothing + kHeldForEachByte * static_cast<std::ptrdiff_t>(message.size()));
}

// `is_ordered`: a value is always encoded in the same order, which that of a hash table depends on how it became what it is.
template <class T, bool is_ordered = true>
void there_and_back(base::ByteView message) {
  std::string why;
  bool decoded = false;
  T value{};
  {
    const MemoryMeter meter;
    decoded = wire::decode_whole(message, value, &why);
    check_memory(meter, message);
  }
  if (!decoded) {
    RAZOR_CHECK(!why.empty() && why.size() < 2000, "it says in {} bytes why it does not decode", why.size());
    return;
  }
  const base::Bytes bytes = wire::encoded(value);
  T again{};
  RAZOR_CHECK(wire::decode_whole(bytes, again, &why), "what was encoded does not decode: {}", why);
  const base::Bytes twice = wire::encoded(again);
  RAZOR_CHECK(bytes.size() == twice.size() && (!is_ordered || bytes == twice), "a value is another when it comes back");
  if constexpr (!is_ordered) RAZOR_CHECK(value == again, "a value is another when it comes back");
}

// The arguments of a method, of which the last may be missing.
void parameters(base::ByteView message) {
  std::tuple<int, std::string, std::optional<Point>, std::unique_ptr<int>> args;
  {
    const MemoryMeter meter;
    Decoder from(message);
    const bool decoded = wire::decode_parameters(from, args) && from.finish();
    check_memory(meter, message);
    if (!decoded) {
      RAZOR_CHECK(!from.error_message().empty(), "it does not say why");
      return;
    }
  }
  const auto encoded = [&args] {
    wire::BytesSink sink;
    Encoder to(sink);
    std::apply([&to](const auto&... arg) { wire::encode_parameters(to, arg...); }, args);
    return std::move(sink).take();
  };
  const base::Bytes bytes = encoded();
  Decoder from(bytes);
  RAZOR_CHECK(wire::decode_parameters(from, args) && from.finish(), "what was encoded does not decode");
  RAZOR_CHECK(encoded() == bytes, "arguments are others when they come back");
}

// One of each family, alone and inside of others. Corpora hold places of this list: what is new comes last.
using Nanoseconds = std::chrono::sys_time<std::chrono::nanoseconds>;
using ByPriority = std::map<Priority, std::vector<Shape>>;
using Several = std::tuple<bool, std::int8_t, std::uint64_t, double, std::string, Bytes>;
constexpr void (*kTypes[])(base::ByteView) = {
    there_and_back<Several>,
    there_and_back<std::vector<std::uint8_t>>,
    there_and_back<std::vector<bool>>,
    there_and_back<std::deque<std::int16_t>>,
    there_and_back<std::multiset<std::string>>,
    there_and_back<std::unordered_set<std::string>, false>,
    there_and_back<std::map<std::string, Nanoseconds>>,
    there_and_back<std::unordered_map<std::int64_t, bool>, false>,
    there_and_back<ByPriority>,
    there_and_back<Arrays>,
    there_and_back<std::vector<MaybeShape>>,
    there_and_back<Payment>,
    there_and_back<Box<std::vector<Account>>>,
    there_and_back<Tree>,
    there_and_back<List>,
    there_and_back<std::vector<std::error_code>>,
    there_and_back<std::pair<std::bitset<77>, FourBytes>>,
    there_and_back<std::vector<wire::Timestamp>>,
    there_and_back<std::vector<Rgb>>,
    parameters,
};

}  // namespace
}  // namespace razor::fuzz

RAZOR_FUZZ_TARGET(typed_decode) {
  using namespace razor::fuzz;
  const auto decode = kTypes[input.below(std::size(kTypes))];
  decode(input.rest());
}
