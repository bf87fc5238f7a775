// The corpus of each fuzz target (corpus/<target>.txt), once: what was found stays mended, and targets keep to what they
// promise between two runs of ci/fuzz.

#include <gtest/gtest.h>

#include <charconv>
#include <fstream>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz_target.h"

namespace razor::fuzz {
namespace {

struct Seed {
  std::string name;
  base::Bytes bytes;
};

int hex_byte(std::string_view text, std::size_t at) {
  int value = -1;
  if (at + 2 > text.size()) return -1;
  const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + 2, value, 16);
  return error == std::errc() && end == text.data() + at + 2 ? value : -1;
}

// "name: 25 4d "text\n\x00"": hexadecimal digits, two for a byte, and texts. ci/fuzz reads the same.
bool read_seed(std::string_view line, Seed& seed) {
  const std::size_t colon = line.find(": ");
  if (colon == line.npos) return false;
  seed.name = line.substr(0, colon);
  bool is_text = false;
  for (std::size_t at = colon + 2; at < line.size(); ++at) {
    const char c = line[at];
    if (c == '"') {
      is_text = !is_text;
    } else if (!is_text && c == ' ') {
      continue;
    } else if (!is_text || (c == '\\' && line.substr(at + 1, 1) == "x")) {
      const int value = hex_byte(line, is_text ? at + 2 : at);
      if (value < 0) return false;
      seed.bytes.push_back(static_cast<std::byte>(value));
      at += is_text ? 3 : 1;
    } else if (c == '\\') {
      const char escaped = line.substr(++at, 1).empty() ? '?' : line[at];
      if (escaped != 'n' && escaped != '"' && escaped != '\\') return false;
      seed.bytes.push_back(static_cast<std::byte>(escaped == 'n' ? '\n' : escaped));
    } else {
      seed.bytes.push_back(static_cast<std::byte>(c));
    }
  }
  return !is_text;
}

std::vector<std::string> target_names() {
  std::vector<std::string> names;
  for (const auto& [name, target] : targets()) names.emplace_back(name);
  return names;
}

class FuzzCorpus : public testing::TestWithParam<std::string> {};

TEST_P(FuzzCorpus, HoldsWhatItPromises) {
  std::ifstream file(std::string(RAZOR_FUZZ_CORPUS "/") + GetParam() + ".txt");
  ASSERT_TRUE(file) << "every target has a corpus";
  int seeds = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    Seed seed;
    ASSERT_TRUE(read_seed(line, seed)) << line;
    testing::Test::RecordProperty("seed", seed.name);
    targets().at(GetParam())(Input(seed.bytes));
    ++seeds;
  }
  EXPECT_GT(seeds, 5);
}

INSTANTIATE_TEST_SUITE_P(, FuzzCorpus, testing::ValuesIn(target_names()), [](const auto& named) { return named.param; });

}  // namespace
}  // namespace razor::fuzz
