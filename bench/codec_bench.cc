// The cost of encoding and decoding a value, by family of types: time `per_value`, and bytes of msgpack a second.
//
// A family is its name and its values: `make(i)` is the i-th one. The same values in JSON are measured beside it.
// kValues of them are written, or read, one after the other: what a branch predictor learns of a single value is no figure.

#include <benchmark/benchmark.h>

#include <array>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "razor/json/json_format.h"
#include "razor/wire/codec.h"

namespace razor::bench {
namespace {

// --- Families --------------------------------------------------------------------------------------------------------

/// Of one byte on the wire.
struct SmallInt {
  static constexpr const char* kName = "small_int";
  static int make(std::size_t i) { return static_cast<int>(i * 37 % 128); }
};

/// Of 2 to 9 bytes on the wire, positive and negative.
struct WideInt {
  static constexpr const char* kName = "wide_int";
  static std::int64_t make(std::size_t i) {
    const std::int64_t value = std::int64_t{200} << i * 11 % 48;
    return i % 3 == 0 ? -value : value;
  }
};

struct Double {
  static constexpr const char* kName = "double";
  static double make(std::size_t i) { return 0.1 * static_cast<double>(i + 1); }
};

std::string text_of(std::size_t length, std::size_t i) {
  std::string text(length, static_cast<char>('a' + i % 26));
  text.back() = 'z';
  return text;
}

struct ShortText {
  static constexpr const char* kName = "string_8";
  static std::string make(std::size_t i) { return text_of(8, i); }
};

struct Text {
  static constexpr const char* kName = "string_64";
  static std::string make(std::size_t i) { return text_of(64, i); }
};

struct Blob {
  static constexpr const char* kName = "bytes_4_KiB";
  static base::Bytes make(std::size_t i) { return base::Bytes(4096, static_cast<std::byte>(i)); }
};

/// Of mixed size, as counts and ids are: mostly small.
struct Ints {
  static constexpr const char* kName = "vector_int_100";
  static std::vector<int> make(std::size_t i) {
    std::vector<int> ints(100);
    for (std::size_t at = 0; at < ints.size(); ++at) {
      const int small = static_cast<int>((i + at) * 31 % 128);
      ints[at] = at % 4 == 0 ? 1000 * small - 500 : small;
    }
    return ints;
  }
};

struct Texts {
  static constexpr const char* kName = "vector_string_20";
  static std::vector<std::string> make(std::size_t i) {
    std::vector<std::string> texts;
    for (std::size_t at = 0; at < 20; ++at) texts.push_back(text_of(4 + at, i + at));
    return texts;
  }
};

struct TextMap {
  static constexpr const char* kName = "map_string_int_20";
  static std::map<std::string, int> make(std::size_t i) {
    std::map<std::string, int> map;
    for (std::size_t at = 0; at < 20; ++at) map[text_of(6, at)] = static_cast<int>(i * at);
    return map;
  }
};

struct Optional {
  static constexpr const char* kName = "optional_int";
  static std::optional<int> make(std::size_t i) {
    if (i % 3 == 0) return std::nullopt;
    return SmallInt::make(i);
  }
};

enum class Colour { red, green, blue, yellow };
RAZOR_ENUM(Colour, red, green, blue, yellow)

struct NamedEnum {
  static constexpr const char* kName = "enum_by_name";
  static Colour make(std::size_t i) { return static_cast<Colour>(i * 7 / 2 % 4); }
};

struct Nothing {
  RAZOR_UNIT(Nothing)
};
struct Radius {
  double metres = 0;
  RAZOR_NEWTYPE(Radius, metres)
};
struct Sides {
  int width = 0;
  int height = 0;
  RAZOR_FIELDS(Sides, width, height)
};

struct Variant {
  static constexpr const char* kName = "variant";
  static std::variant<Nothing, Radius, Sides> make(std::size_t i) {
    if (i % 4 == 0) return Nothing();
    if (i % 4 == 1) return Radius(0.5 * static_cast<double>(i));
    return Sides(static_cast<int>(i), 7);
  }
};

struct Order {
  std::uint64_t id = 0;
  std::string customer;
  std::int32_t quantity = 0;
  double price = 0;
  bool is_paid = false;
  std::optional<std::string> remark;
  std::uint32_t version = 0;
  std::int64_t changed_at = 0;
  RAZOR_FIELDS(Order, id, customer, quantity, price, is_paid, remark, version, changed_at)
};

struct Record {
  static constexpr const char* kName = "record_8";
  static Order make(std::size_t i) {
    std::optional<std::string> remark;
    if (i % 2 == 1) remark = text_of(10, i);
    return Order(100'000 + i, text_of(12, i), SmallInt::make(i), 9.99, i % 3 == 0, std::move(remark), 3,
                 1'700'000'000'000 + static_cast<std::int64_t>(i));
  }
};

struct Records {
  static constexpr const char* kName = "vector_record_20";
  static std::vector<Order> make(std::size_t i) {
    std::vector<Order> records;
    for (std::size_t at = 0; at < 20; ++at) records.push_back(Record::make(i + at));
    return records;
  }
};

struct Tuple {
  static constexpr const char* kName = "tuple";
  static std::tuple<int, std::string, double, bool> make(std::size_t i) {
    return {SmallInt::make(i), text_of(8, i), 0.25 * static_cast<double>(i), i % 2 == 0};
  }
};

// --- Measuring -------------------------------------------------------------------------------------------------------

constexpr std::size_t kValues = 16;

template <class Family>
using ValueOf = decltype(Family::make(0));

template <class Family>
std::array<ValueOf<Family>, kValues> values_of() {
  std::array<ValueOf<Family>, kValues> values;
  for (std::size_t i = 0; i < kValues; ++i) values[i] = Family::make(i);
  return values;
}

// Not inlined, as where calls are made: there the kind of the sink is not known either.
template <class T>
[[gnu::noinline]] void encode_values(wire::ByteSink& sink, const std::array<T, kValues>& values) {
  wire::Encoder to(sink);
  for (const T& value : values) wire::encode(to, value);
}

template <class T>
[[gnu::noinline]] bool decode_values(base::ByteView bytes) {
  wire::Decoder from(bytes);
  for (std::size_t i = 0; i < kValues; ++i) {
    T value{};
    if (!wire::decode(from, value)) return false;
    benchmark::DoNotOptimize(value);
  }
  return from.finish();
}

void count(benchmark::State& state, std::size_t bytes) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
  state.counters["per_value"] = benchmark::Counter(static_cast<double>(state.iterations() * kValues),
                                                   benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

// `write(sink, values)` appends all values.
template <class Family, class Write>
void measure_writing(benchmark::State& state, Write write) {
  const auto values = values_of<Family>();
  wire::BytesSink sink;
  for (auto _ : state) {
    sink.clear();
    write(sink, values);
    benchmark::ClobberMemory();
  }
  count(state, sink.size());
}

template <class Family>
void encode(benchmark::State& state) {
  measure_writing<Family>(state, [](wire::BytesSink& sink, const auto& values) { encode_values(sink, values); });
}

template <class Family>
void decode(benchmark::State& state) {
  wire::BytesSink sink;
  encode_values(sink, values_of<Family>());
  for (auto _ : state) {
    if (!decode_values<ValueOf<Family>>(sink.view())) std::abort();
  }
  count(state, sink.size());
}

// The same values in JSON, as one array: bytes of JSON a second.
template <class T>
void write_as_json(wire::BytesSink& sink, const std::array<T, kValues>& values) {
  wire::encode_in(&json_format(), sink, [&values](wire::Encoder& to) { wire::encode(to, values); });
}

template <class Family>
void write_json(benchmark::State& state) {
  measure_writing<Family>(state, [](wire::BytesSink& sink, const auto& values) { write_as_json(sink, values); });
}

template <class Family>
void read_json(benchmark::State& state) {
  wire::BytesSink sink;
  write_as_json(sink, values_of<Family>());
  for (auto _ : state) {
    std::array<ValueOf<Family>, kValues> values{};
    if (!wire::decode_all(sink.view(), values, nullptr, &json_format())) std::abort();
    benchmark::DoNotOptimize(values);
  }
  count(state, sink.size());
}

template <class... Family>
void add_families() {
  (benchmark::RegisterBenchmark((std::string("encode/") + Family::kName).c_str(), encode<Family>), ...);
  (benchmark::RegisterBenchmark((std::string("decode/") + Family::kName).c_str(), decode<Family>), ...);
  (benchmark::RegisterBenchmark((std::string("json/write/") + Family::kName).c_str(), write_json<Family>), ...);
  (benchmark::RegisterBenchmark((std::string("json/read/") + Family::kName).c_str(), read_json<Family>), ...);
}

}  // namespace
}  // namespace razor::bench

int main(int argc, char** argv) {
  using namespace razor::bench;
  add_families<SmallInt, WideInt, Double, ShortText, Text, Blob, Ints, Texts, TextMap, Optional, NamedEnum, Variant, Record,
               Records, Tuple>();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
