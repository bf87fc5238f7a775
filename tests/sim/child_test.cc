// Processes that scenario programs and the minimiser run their worlds in. A parent that loses, mixes or waits for bytes of a
// child fails the first tests; one that leaves a child behind, or its output, the last.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "sim/child/fields.h"
#include "sim/child/process.h"

namespace razor::sim {
namespace {

TEST(Fields, ComeBackAsTheyWereWritten) {
  FieldWriter writer;
  writer.value(std::uint64_t{7}).text("seven").value('x').text("");
  FrameQueue frames;
  frames.add(std::move(writer).message());
  const auto frame = frames.next();
  ASSERT_TRUE(frame);
  FieldReader fields(*frame);
  EXPECT_EQ(fields.value<std::uint64_t>(), 7u);
  EXPECT_EQ(fields.text(), "seven");
  EXPECT_EQ(fields.value<char>(), 'x');
  EXPECT_EQ(fields.text(), "");
  EXPECT_EQ(fields.value<std::uint64_t>(), 0u) << "past the end";
  EXPECT_EQ(fields.text(), "");
}

std::string message_of(std::string_view text) {
  FieldWriter writer;
  writer.text(text);
  return std::move(writer).message();
}

RC_GTEST_PROP(FrameQueue, GivesWholeMessagesHoweverTheirBytesCome, (const std::vector<std::string>& texts)) {
  std::string bytes;
  for (const std::string& text : texts) bytes += message_of(text);
  bytes += message_of("cut off").substr(0, 6);
  FrameQueue frames;
  std::vector<std::string> came;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto size = *rc::gen::inRange<std::size_t>(1, bytes.size() - at + 1);
    frames.add(std::string_view(bytes).substr(at, size));
    at += size;
    while (const auto frame = frames.next()) came.push_back(FieldReader(*frame).text());
  }
  RC_ASSERT(came == texts);
}

std::string read_all(ChildProcess& child) {
  std::string all;
  while (const auto bytes = child.read()) {
    all += *bytes;
    if (!bytes->empty()) continue;
    const timespec a_moment{0, 1'000'000};
    ::nanosleep(&a_moment, nullptr);  // the child is a real process
  }
  return all;
}

TEST(ChildProcess, IsReadToItsEnd) {
  ChildProcess child(ChildProcess::Output::kept, [](int pipe) {
    write_all(pipe, std::string(300'000, 'x'));
    ::_exit(3);
  });
  EXPECT_TRUE(child.is_running());
  EXPECT_EQ(read_all(child), std::string(300'000, 'x'));
  EXPECT_EQ(how_it_ended(child.reap()), "ended the process with status 3");
  EXPECT_FALSE(child.is_running());
  EXPECT_EQ(child.last_output(), "");
}

TEST(ChildProcess, KeepsWhatItPrintsAlsoWhenItCrashes) {
  ChildProcess child(ChildProcess::Output::kept, [](int) {
    std::fputs("first\nlast words\n\n", stderr);
    ::raise(SIGKILL);
  });
  EXPECT_EQ(read_all(child), "");
  EXPECT_EQ(how_it_ended(child.reap()), "crashed: Killed");
  EXPECT_EQ(child.last_output(), "\nfirst\nlast words");
}

TEST(ChildProcess, IsKilledWithItsObject) {
  pid_t pid = 0;
  {
    ChildProcess child(ChildProcess::Output::kept, [](int) {
      while (true) ::pause();
    });
    pid = child.pid();
    EXPECT_EQ(child.read(), "") << "nothing comes, and nobody waits";
    EXPECT_EQ(::kill(pid, 0), 0);
    child = {};
    EXPECT_FALSE(child.is_running());
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(ChildProcess, AnswersBeforeItIsEnded) {
  ChildProcess child(ChildProcess::Output::kept, [](int pipe) {
    static int answer_to = 0;
    answer_to = pipe;
    ::signal(SIGUSR1, [](int) { write_all(answer_to, "here"); });
    write_all(pipe, "ready ");
    while (true) ::pause();
  });
  std::string heard;
  while (heard != "ready ") heard += *child.read();
  end_with_last_word(child.pid(), [&] {
    heard += child.read().value_or("");
    return heard == "ready here";
  });
  EXPECT_EQ(heard, "ready here");
  EXPECT_EQ(how_it_ended(child.reap()), "crashed: Killed");
}

}  // namespace
}  // namespace razor::sim
