// The lines of a history of calls, as pytests/history.md has them. Fails when a line is not what a reader expects, when values or
// texts come back as others, when lines of several threads or processes mix, when a kill takes what was written, or when a line
// that cannot be written goes unnoticed. Read with nlohmann-json: a second opinion.

#include "razor/history/history_recorder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>
#include <vector>

#include "tests/support/temp_directory.h"

namespace razor::history {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path, std::ios::binary);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

class Lines final : public base::LogSink {
 public:
  bool enabled(base::LogLevel) const override { return true; }
  void write(base::LogLevel, std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

class History : public testing::Test {
 protected:
  std::unique_ptr<HistoryRecorder> recorder(std::string_view process = "s1") {
    auto opened = HistoryRecorder::open(path, process, &log);
    EXPECT_TRUE(opened.ok()) << opened.message();
    return opened.ok() ? std::move(*opened) : nullptr;
  }
  // The last line, without its time, which is checked.
  Json last() {
    const std::vector<std::string> lines = lines_of(path);
    Json line = Json::parse(lines.back());
    EXPECT_GT(line["at_ns"].get<std::int64_t>(), 0);
    line.erase("at_ns");
    return line;
  }

  test::TempDirectory directory;
  const std::string path = directory / "run.jsonl";
  Lines log;
};

TEST_F(History, OfAServerSaysWhoDidWhatWithWhichCall) {
  const auto recording = recorder();
  EXPECT_EQ(last(), Json::parse(R"({"type":"start","process":"s1","format":1})"));
  recording->ran("a.1");
  EXPECT_EQ(last(), Json::parse(R"({"type":"ran","process":"s1","id":"a.1"})"));
  recording->applied("a.1");
  EXPECT_EQ(last(), Json::parse(R"({"type":"applied","process":"s1","id":"a.1"})"));
  recording->stored("a.1");
  EXPECT_EQ(last(), Json::parse(R"({"type":"stored","process":"s1","id":"a.1"})"));
  EXPECT_EQ(recording->lines_lost(), 0u);
}

TEST_F(History, OfACallerHasTheCallAndItsOutcome) {
  const auto recording = recorder("test");
  const std::string id = recording->invoke({.op = "write", .key = "x", .args = {1, "two"}, .client = "a", .id = "a.1"});
  EXPECT_EQ(id, "a.1");
  EXPECT_EQ(last(), Json::parse(R"({"type":"invoke","process":"test","client":"a","id":"a.1","op":"write","key":"x",
                                    "args":[1,"two"]})"));
  recording->ok(id, 7);
  EXPECT_EQ(last(), Json::parse(R"({"type":"complete","process":"test","id":"a.1","outcome":"ok","ran":"yes","result":7})"));
  recording->failed("a.2", "no \"such\" key", base::Ran::yes);
  EXPECT_EQ(last(), Json::parse(R"({"type":"complete","process":"test","id":"a.2","outcome":"failed","ran":"yes",
                                    "result":null,"error":"no \"such\" key"})"));
  recording->maybe("a.3", "who knows");
  EXPECT_EQ(last(), Json::parse(R"({"type":"complete","process":"test","id":"a.3","outcome":"maybe","ran":"maybe",
                                    "result":null,"error":"who knows"})"));
}

TEST_F(History, TakesAFailureOfTheFrameworkByWhetherItRan) {
  const auto recording = recorder("test");
  recording->complete("a.1", base::CallError(base::Errc::unreachable, base::Ran::no, "nobody there"));
  EXPECT_EQ(last()["outcome"], "failed");
  EXPECT_EQ(last()["error"], "unreachable (ran: no): nobody there");
  recording->complete("a.2", base::CallError(base::Errc::connection_lost, base::Ran::maybe));
  EXPECT_EQ(last()["outcome"], "maybe");
  // A decode error of the caller's: the service may have changed.
  recording->complete("a.3", base::CallError(base::Errc::decode, base::Ran::yes));
  EXPECT_EQ(last()["outcome"], "maybe");
  EXPECT_EQ(last()["ran"], "yes");
  recording->complete("a.4", base::CallError(base::Errc::deadline_exceeded, base::Ran::maybe, "no answer within 2 s"));
  EXPECT_EQ(last()["error"], "deadline_exceeded");
}

TEST_F(History, HasDeadlinesAndKeysOfAllKinds) {
  const auto recording = recorder("test");
  (void)recording->invoke({.op = "read", .key = 7, .timeout = 2s});
  const Json line = Json::parse(lines_of(path).back());
  EXPECT_EQ(line["deadline_ns"].get<std::int64_t>() - line["at_ns"].get<std::int64_t>(), 2'000'000'000);
  EXPECT_EQ(line["key"], 7);
  EXPECT_EQ(line["args"], Json::array());
  (void)recording->invoke({.op = "read", .timeout = base::Duration::max()});
  EXPECT_EQ(last()["deadline_ns"], kMost);
  EXPECT_FALSE(last().contains("key"));
  EXPECT_FALSE(last().contains("client"));
  (void)recording->invoke({.op = "read", .timeout = base::Duration::min()});
  EXPECT_EQ(last()["deadline_ns"], 0);
}

TEST_F(History, OfAProcessThatIsStartedAgainHasOtherIds) {
  std::set<std::string> ids;
  for (int start = 0; start < 3; ++start) {
    const auto recording = recorder();
    for (int call = 0; call < 3; ++call) ids.insert(recording->invoke({.op = "read"}));
  }
  EXPECT_EQ(ids.size(), 9u);
  EXPECT_EQ(lines_of(path).size(), 12u);
}

TEST_F(History, EndsTheLineThatAKilledWriterLeft) {
  std::ofstream(path) << "{\"type\":\"st";
  const auto recording = recorder();
  const std::vector<std::string> lines = lines_of(path);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0], "{\"type\":\"st#torn");
  EXPECT_EQ(last()["type"], "start");
}

// A buffer would be lost with its process.
TEST_F(History, SurvivesASigkill) {
  const pid_t child = ::fork();
  if (child == 0) {
    auto opened = HistoryRecorder::open(path, "s1");
    if (opened.ok()) {
      for (int call = 0; call < 100; ++call) (*opened)->ran(std::to_string(call));
    }
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(lines_of(path).size(), 101u);
  EXPECT_EQ(last()["id"], "99");
}

TEST_F(History, KeepsTheLinesOfThreadsAndProcessesWhole) {
  constexpr int kWriters = 4, kCalls = 200;
  const std::string filling(300, 'x');
  {
    const auto one = recorder("s1");
    const auto other = recorder("s2");  // with a descriptor of its own, as another process has
    std::vector<std::thread> writers;
    for (int writer = 0; writer < kWriters; ++writer) {
      HistoryRecorder& recording = writer % 2 == 0 ? *one : *other;
      writers.emplace_back([&recording, &filling] {
        for (int call = 0; call < kCalls; ++call) recording.ok(recording.invoke({.op = "read", .args = {filling}}), call);
      });
    }
    for (std::thread& writer : writers) writer.join();
  }
  std::set<std::string> ids;
  for (const std::string& line : lines_of(path)) {
    const Json parsed = Json::parse(line);
    if (parsed["type"] == "invoke") ids.insert(parsed["id"]);
  }
  EXPECT_EQ(ids.size(), std::size_t{kWriters} * kCalls);
  EXPECT_EQ(lines_of(path).size(), 2u + 2u * kWriters * kCalls);
}

TEST_F(History, SaysWhyItCannotBeOpened) {
  const auto none = HistoryRecorder::open(directory / "no/such/file", "s1");
  EXPECT_EQ(none.error(), std::errc::no_such_file_or_directory);
  EXPECT_NE(none.message().find("no/such/file: No such file"), std::string::npos) << none.message();
  for (const std::string& name : {std::string(), std::string(257, 'x'), std::string("\xff")}) {
    EXPECT_EQ(HistoryRecorder::open(path, name).error(), std::errc::invalid_argument);
  }
  EXPECT_TRUE(HistoryRecorder::open(path, std::string(256, 'x')).ok());
  const auto full = HistoryRecorder::open("/dev/full", "s1");
  EXPECT_EQ(full.error(), std::errc::io_error);
  EXPECT_NE(full.message().find("No space left"), std::string::npos) << full.message();
}

TEST_F(History, CountsAndLogsWhatALineCannotHold) {
  const auto recording = recorder();
  recording->ran("");
  EXPECT_EQ(log.lines.back(),
            "history in " + path + ": ran of  is lost, 1 lines so far: id has 0 bytes: 1 to 256 are allowed");
  recording->ran("\xc0\x80");
  recording->applied(std::string(257, 'x'));
  (void)recording->invoke({.op = ""});
  (void)recording->invoke({.op = "read", .client = std::string(300, 'x')});
  recording->ok("a.1", std::numeric_limits<double>::infinity());
  recording->ok("a.1", HistoryValue::List{1, std::numeric_limits<double>::quiet_NaN()});
  recording->ok("a.1", std::string(1 << 20, 'x'));
  recording->failed("a.1", "why", base::Ran::maybe);
  recording->maybe("a.1", "why", base::Ran::no);
  EXPECT_EQ(recording->lines_lost(), 10u);
  EXPECT_EQ(log.lines.size(), 4u);  // the first, second, fourth and eighth
  EXPECT_EQ(lines_of(path).size(), 1u);
}

TEST_F(History, HoldsListsInListsUpToALimit) {
  const auto recording = recorder();
  HistoryValue value = 1;
  for (int depth = 0; depth < kListDepthMax; ++depth) value = HistoryValue::List{value};
  recording->ok("a.1", value);
  EXPECT_EQ(recording->lines_lost(), 0u);
  recording->ok("a.1", HistoryValue::List{value});
  EXPECT_EQ(recording->lines_lost(), 1u);
}

// The system takes a part of a line: readers skip it, and what comes later is whole again.
TEST_F(History, MarksALineOfWhichTheDiskTookAPart) {
  const auto recording = recorder();
  const auto handler_before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit tight = before;
  tight.rlim_cur = content_of(path).size() + 20;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  recording->ran("a.1");  // 20 bytes of it
  recording->ran("a.2");  // nothing of it
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  recording->ran("a.3");
  std::signal(SIGXFSZ, handler_before);

  EXPECT_EQ(recording->lines_lost(), 2u);
  const std::vector<std::string> lines = lines_of(path);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[1], "{\"type\":\"ran\",\"proce#torn");
  EXPECT_EQ(last()["id"], "a.3");
}

// --- Values

std::string json_of(const HistoryValue& value) {
  std::string json;
  EXPECT_TRUE(append_json(json, value));
  return json;
}

TEST(HistoryValue, IsWrittenAsJson) {
  EXPECT_EQ(json_of({}), "null");
  EXPECT_EQ(json_of(nullptr), "null");
  EXPECT_EQ(json_of(true), "true");
  EXPECT_EQ(json_of(-1), "-1");
  EXPECT_EQ(json_of(kLeast), "-9223372036854775808");
  EXPECT_EQ(json_of(1.0), "1.0");
  EXPECT_EQ(json_of(1e300), "1e+300");
  EXPECT_EQ(json_of("x"), "\"x\"");
  EXPECT_EQ(json_of(std::optional<int>()), "null");
  EXPECT_EQ(json_of(std::optional<int>(3)), "3");
  EXPECT_EQ(json_of(HistoryValue::List{1, HistoryValue::List{}, "a"}), "[1,[],\"a\"]");
}

TEST(HistoryValue, EscapesWhatWouldEndATextOrALine) {
  EXPECT_EQ(json_of(std::string("\"\\\n\r\t\x00\x1f\x7f", 8)), "\"\\\"\\\\\\n\\u000d\\u0009\\u0000\\u001f\x7f\"");
}

TEST(HistoryValue, TellsBytesApartThatAreNoUtf8) {
  EXPECT_EQ(json_of("a\xff\xc0\xafz"), "\"a\\udcff\\udcc0\\udcafz\"");
  EXPECT_EQ(json_of("\xed\xa0\x80"), "\"\\udced\\udca0\\udc80\"");  // half of a pair of surrogates
  EXPECT_EQ(json_of("\xe2\x82"), "\"\\udce2\\udc82\"");  // cut off
  EXPECT_EQ(json_of("\xf4\x90\x80\x80"), "\"\\udcf4\\udc90\\udc80\\udc80\"");  // above U+10FFFF
  EXPECT_EQ(json_of("\xf4\x8f\xbf\xbf\xe2\x82\xac"), "\"\xf4\x8f\xbf\xbf\xe2\x82\xac\"");
}

// Undoes the escapes of bytes that are no UTF-8, which no JSON library reads.
std::string bytes_of_json_text(const std::string& json) {
  std::string bytes;
  for (std::size_t at = 1; at + 1 < json.size(); ++at) {
    if (json[at] != '\\') {
      bytes += json[at];
      continue;
    }
    const char what = json[++at];
    if (what == 'n') {
      bytes += '\n';
    } else if (what == 'u') {
      const unsigned code = static_cast<unsigned>(std::stoul(json.substr(at + 1, 4), nullptr, 16));
      RC_ASSERT(code < 0x20u || (code >= 0xdc80u && code <= 0xdcffu));
      bytes += static_cast<char>(code & 0xff);
      at += 4;
    } else {
      RC_ASSERT(what == '"' || what == '\\');
      bytes += what;
    }
  }
  return bytes;
}

RC_GTEST_PROP(HistoryValue, OfAnyBytesComesBackAndIsOneLine, (const std::string& bytes)) {
  const std::string json = json_of(bytes);
  RC_ASSERT(bytes_of_json_text(json) == bytes);
  RC_ASSERT(json.find('\n') == json.npos);
  for (std::string_view rest = json; !rest.empty(); rest.remove_prefix(utf8_character_bytes(rest))) {
    RC_ASSERT(utf8_character_bytes(rest) > 0u);
  }
}

// Drawn bytes are rarely UTF-8.
RC_GTEST_PROP(HistoryValue, OfAnyCharactersIsReadByOthers, ()) {
  std::string text;
  for (const char32_t character : *rc::gen::container<std::vector<char32_t>>(
           rc::gen::elementOf(std::vector<char32_t>{0, '\n', '"', '\\', '/', 0x1f, 0x7f, 0x80, 0x7ff, 0x800, 0x2028, 0xd7ff,
                                                    0xe000, 0xfffd, 0xffff, 0x10000, 0x10ffff}))) {
    if (character < 0x80) {
      text += static_cast<char>(character);
    } else if (character < 0x800) {
      text += static_cast<char>(0xc0 | (character >> 6));
      text += static_cast<char>(0x80 | (character & 0x3f));
    } else if (character < 0x10000) {
      text += static_cast<char>(0xe0 | (character >> 12));
      text += static_cast<char>(0x80 | ((character >> 6) & 0x3f));
      text += static_cast<char>(0x80 | (character & 0x3f));
    } else {
      text += static_cast<char>(0xf0 | (character >> 18));
      text += static_cast<char>(0x80 | ((character >> 12) & 0x3f));
      text += static_cast<char>(0x80 | ((character >> 6) & 0x3f));
      text += static_cast<char>(0x80 | (character & 0x3f));
    }
  }
  RC_ASSERT(Json::parse(json_of(text)).get<std::string>() == text);
}

RC_GTEST_PROP(HistoryValue, OfAnyNumberComesBack, (std::int64_t whole, double number)) {
  RC_ASSERT(Json::parse(json_of(whole)).get<std::int64_t>() == whole);
  RC_PRE(std::isfinite(number));
  RC_ASSERT(Json::parse(json_of(number)).is_number_float());
  RC_ASSERT(Json::parse(json_of(number)).get<double>() == number);
}

}  // namespace
}  // namespace razor::history
