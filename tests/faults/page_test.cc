// Pages about failures: they say what is wrong, need nothing from elsewhere, hold any text without becoming other HTML, and
// draw whatever comes: no host, many hosts, faults that never began. How they look, only people can tell.

#include "faults/page.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdlib>
#include <fstream>

#include "faults/diagram.h"
#include "faults/page_rules.h"
#include "faults/rule.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

// Every tag that is opened is closed, in order, and every attribute is quoted: what a browser would repair by guessing.
std::string disorder_of(std::string_view html) {
  const std::set<std::string, std::less<>> empty_elements{"meta", "!DOCTYPE"};
  std::vector<std::string> open;
  for (std::size_t at = html.find('<'); at != html.npos; at = html.find('<', at)) {
    std::size_t end = at + 1;
    for (bool quoted = false; end < html.size() && (quoted || html[end] != '>'); ++end) quoted ^= html[end] == '"';
    const std::string_view tag = html.substr(at + 1, end - at - 1);
    at = end;
    const std::string name(tag.substr(0, tag.find_first_of(" \n/", tag.starts_with('/') ? 1 : 0)));
    if (tag.starts_with('/')) {
      if (open.empty() || "/" + open.back() != name)
        return fmt::format("<{}> does not close <{}>", tag, open.empty() ? "" : open.back());
      open.pop_back();
    } else if (!tag.ends_with('/') && !empty_elements.contains(name)) {
      open.push_back(name);
      // Nothing in them is a tag.
      if (name == "style" || name == "script") at = html.find("</" + name, at);
    }
  }
  return open.empty() ? "" : "never closed: " + open.back();
}

Story::Call call_of(std::string client, std::string server, base::Duration at) {
  Story::Call call;
  call.name = "Work.once";
  call.connection = client + ":32769 > " + server + ":80";
  call.client = std::move(client);
  call.server = std::move(server);
  call.number = 1;
  call.began = call.sent = at;
  call.dispatched = at + 150us;
  call.answered = at + 300us;
  call.ended = at + 500us;
  call.outcome = "ok";
  return call;
}

// Callers, servers, and a fault of each sort of place.
PageContent content_of(int hosts) {
  PageContent content;
  content.scenario = "cluster";
  content.seed = 17;
  content.failure = {sim::ScenarioFailure::Kind::expectation, "ledger.cc:12", 5s,
                     "expected: runs <= 1: rule 12: call 17 ran twice"};
  content.replay_command = "./prog --plan cluster-17.plan";
  content.search = {41, 134, 12300ms, true};
  content.knobs = {{"servers", "3", "1"}, {"pause", "10ms", "10ms"}};
  for (int i = 0; i < hosts; ++i)
    content.story.hosts.push_back(fmt::format("{}{}", i % 2 == 0 ? "caller" : "server", i / 2));
  if (hosts < 2) return content;
  std::string error;
  content.plan = *Plan::parse(
      "scenario cluster\nseed 17\n#1 at 1s cut caller0 server0 for 2s\n#2 at 4s crash server0 for 5s\n#4 at 4.9s act\n"
      "#7 at 1h crash server0 for 1s\n",
      error);
  content.story.faults = {{1, 1s, 3s}, {2, 4s, std::nullopt}, {4, 4900ms, 4950ms}};
  content.effects = {{1, 17}, {2, 1}};
  for (int i = 0; i < 60; ++i) content.story.calls.push_back(call_of("caller0", "server0", i * 100ms));
  content.story.calls.push_back(call_of("caller0", "server0", 700us));
  content.story.moments = {{4s, Story::Moment::Kind::crashed, "server0", "", ""}};
  content.calls = {{"call 17",
                    {{700us, "caller0", "submitted Work.once, timeout 2s"},
                     {850us, "server0", "entered its handler"},
                     {5s, "server0", "entered its handler"}}}};
  return content;
}

TEST(Page, SaysWhatIsBrokenAndWhatThatMeans) {
  const std::string page = page_of(content_of(2));
  EXPECT_THAT(page, HasSubstr("<h1>Rule 12 is broken</h1>"));
  EXPECT_THAT(page, HasSubstr("executed at most once"));
  EXPECT_THAT(page, HasSubstr("5.000000 s of simulated time: call 17 ran twice"));
  EXPECT_THAT(page, HasSubstr("It takes 4 faults"));
  EXPECT_THAT(page, HasSubstr("in 134 runs and 12.3 s of real time; at first there were 41 faults"));
  EXPECT_THAT(page, HasSubstr("#1 at 1s cut caller0 server0 for 2s\n#2 at 4s crash server0 for 5s\n"));
  EXPECT_THAT(page, HasSubstr("./prog --plan cluster-17.plan"));
  EXPECT_THAT(page, HasSubstr("Call 17, step by step"));
  EXPECT_THAT(page, HasSubstr("as simple as it gets"));
  EXPECT_THAT(page, HasSubstr("simplest: 1"));
  EXPECT_THAT(page, HasSubstr("ledger.cc:12"));
}

TEST(Page, NeedsNothingFromElsewhere) {
  const std::string page = page_of(content_of(8));
  for (const char* word : {"http:", "https:", "src=", "href=", "@import", "url("}) EXPECT_THAT(page, Not(HasSubstr(word)));
  EXPECT_THAT(page, HasSubstr("prefers-color-scheme: dark"));
}

TEST(Page, IsOrderlyHtmlForAnyNumberOfHosts) {
  for (const int hosts : {0, 1, 2, 3, 8, 40}) {
    const std::string page = page_of(content_of(hosts));
    EXPECT_EQ(disorder_of(page), "") << hosts;
    EXPECT_THAT(page, Not(HasSubstr("nan")));
  }
  EXPECT_EQ(disorder_of(page_of(PageContent{})), "");
}

TEST(Page, DrawsTheConcernedCallAndTheFaults) {
  const std::string diagram = diagram_of(content_of(2));
  EXPECT_THAT(diagram, HasSubstr("call concerned"));
  EXPECT_THAT(diagram, HasSubstr("call 17: server0 entered its handler"));
  EXPECT_THAT(diagram, HasSubstr("#1 cut caller0 server0 for 2 s"));
  EXPECT_THAT(diagram, HasSubstr("#1 cut is over"));
  EXPECT_THAT(diagram, HasSubstr("#2 crash server0"));
  EXPECT_THAT(diagram, Not(HasSubstr("#2 crash is over"))) << "it goes on";
  EXPECT_THAT(diagram, Not(HasSubstr("#7"))) << "it never began";
  EXPECT_THAT(diagram, HasSubstr("rule 12 is broken"));
  EXPECT_THAT(diagram, HasSubstr(" pass</text>")) << "quiet stretches are cut short";
}

TEST(Page, SaysWhatWentWrongWhereNoRuleIsNamed) {
  PageContent content = content_of(2);
  content.failure = {sim::ScenarioFailure::Kind::crash, "", 1s, "crashed: Aborted\nx.cc:1: check failed"};
  EXPECT_THAT(page_of(content), HasSubstr("The program crashed"));
  content.failure.kind = sim::ScenarioFailure::Kind::time_limit;
  EXPECT_THAT(page_of(content), HasSubstr("The run did not end"));
  content.failure.message = "expected: x: rule money: 3 are left";
  EXPECT_THAT(page_of(content), HasSubstr("The rule “money” is broken"));
  content.failure.message = "expected: x: rule no <money> is lost: 3 are left";
  EXPECT_THAT(page_of(content), HasSubstr("The rule “no &lt;money&gt; is lost” is broken"));
  EXPECT_THAT(page_of(content), HasSubstr("of simulated time: 3 are left"));
  content.plan.faults.clear();
  EXPECT_THAT(page_of(content), HasSubstr("It takes no fault at all"));
}

// Whatever a peer, a scenario or a crash puts into texts.
RC_GTEST_PROP(Page, HoldsAnyText, ()) {
  const auto text = *rc::gen::container<std::string>(rc::gen::weightedOneOf<char>(
      {{3, rc::gen::element('<', '>', '&', '"', '\'', '/', '\n', '\t')}, {2, rc::gen::arbitrary<char>()}}));
  PageContent content = content_of(4);
  content.scenario = text;
  content.failure.message += text;
  content.failure.place = text;
  content.replay_command = text;
  content.knobs.push_back({text, text, text});
  content.story.hosts.push_back(text);
  content.story.calls.front().name = text;
  content.story.calls.front().server = text;
  content.story.moments.push_back({2s, Story::Moment::Kind::note, text, text, text});
  content.calls.push_back({text, {{4s, text, text}}});
  Fault fault;
  fault.number = 9;
  fault.what = text;
  fault.where = {text};
  fault.set("x", text);
  content.plan.faults.push_back(fault);
  content.story.faults.push_back({9, 2s, 3s});
  const std::string page = page_of(content);
  RC_ASSERT(disorder_of(page) == "");
}

TEST(Page, ShortensWhatIsTooLong) {
  PageContent content = content_of(8);
  const std::string word(5000, 'W');
  content.failure.message += word;
  content.story.hosts.front() = word;
  content.calls.front().stages.front().what = word;
  content.calls.front().name = word;
  const std::string page = page_of(content);
  EXPECT_EQ(disorder_of(page), "");
  EXPECT_THAT(page, HasSubstr(word)) << "it is there in full, too";
  EXPECT_THAT(page, HasSubstr("WWWW…"));
  content.plan.faults.resize(1000, content.plan.faults.front());
  content.story.calls.resize(50'000, content.story.calls.front());
  content.story.moments.resize(50'000, content.story.moments.front());
  EXPECT_LT(diagram_of(content).size(), 300'000u);
}

TEST(CallStories, ReadsWhatOraclesReport) {
  const sim::Texts texts{
      {"call 17", "3.004210123s caller0/pool1 submitted Work.once, timeout 2s\n3.1s server1 dispatched\n"},
      {"call 2", "1s caller0 submitted Work.once, timeout 2s"},
      {"call 170", "not a stage\n\n9s\n9s host\n"},
      {"plan", "seed 1\n"}};
  const auto named_by = [&texts](std::string message, base::Duration at = 0s) {
    return call_stories(texts, {sim::ScenarioFailure::Kind::expectation, "", at, std::move(message)});
  };
  const std::vector<CallStory> named = named_by("rule 12: call 17 ran twice", 1s);
  ASSERT_EQ(named.size(), 1u);
  EXPECT_EQ(named[0].name, "call 17");
  ASSERT_EQ(named[0].stages.size(), 2u);
  EXPECT_EQ(named[0].stages[0].at, 3'004'210'123ns);
  EXPECT_EQ(named[0].stages[0].host, "caller0");
  EXPECT_EQ(named[0].stages[0].what, "submitted Work.once, timeout 2s");
  EXPECT_EQ(named_by("call 2 and call 17").front().name, "call 2");
  EXPECT_TRUE(named_by("rule 1: calls are missing").empty());
  EXPECT_TRUE(named_by("call 170").empty());
  const std::vector<CallStory> of_the_moment = named_by("rule 11: another result", 3100ms);
  ASSERT_EQ(of_the_moment.size(), 1u);
  EXPECT_EQ(of_the_moment[0].name, "call 17");
}

TEST(BrokenRule, IsFoundInMessages) {
  EXPECT_EQ(broken_rule("expected: runs <= 1: rule 12: call 17 ran twice"), "12");
  EXPECT_EQ(broken_rule("rule money: 3 of 4 are left"), "money");
  EXPECT_EQ(broken_rule("expected: x: rule no money is lost: 3 of 4 are left"), "no money is lost");
  EXPECT_EQ(broken_rule("rule Geld & „Gut“ (5 %): 3 of 4 are left"), "Geld & „Gut“ (5 %)");
  EXPECT_EQ(broken_rule("expected: x: rule of two\nlines: y"), std::nullopt);
  EXPECT_EQ(broken_rule("expected: the rule is old"), std::nullopt);
  EXPECT_EQ(broken_rule("expected: x: rule"), std::nullopt);
  EXPECT_EQ(broken_rule("expected: x: rule : y"), std::nullopt);
  EXPECT_EQ(broken_rule(""), std::nullopt);
}

// From the macro to what is read back. Fails when a name that the macro takes is not the one on the page and in the summary.
TEST(BrokenRule, IsTheOneThatTheMacroWasGiven) {
  const std::string of_the_run = "of the run";
  const auto failures = sim::run_scenario(
                            [&](sim::World&) {
                              RAZOR_RULE("no money is lost", false, "3 left");
                              RAZOR_RULE(12, false, "call {}: twice", 17);
                              RAZOR_RULE(of_the_run, false, "x");
                            },
                            1)
                            .failures;
  ASSERT_EQ(failures.size(), 3u);
  EXPECT_EQ(broken_rule(failures[0].message), "no money is lost");
  EXPECT_EQ(broken_rule(failures[1].message), "12");
  EXPECT_EQ(broken_rule(failures[2].message), "of the run");
}

TEST(BrokenRuleDeathTest, ANameThatCannotBeReadBackIsRefused) {
  const auto break_it = [](const std::string& name) {
    sim::run_scenario([&name](sim::World&) { RAZOR_RULE(name, false, "x"); }, 1);
  };
  for (const char* name : {"", "a: b", "two\nlines", " "}) EXPECT_DEATH(break_it(name), "a rule's name");
}

TEST(BrokenRule, HasAMeaningWhereTheContractHasIt) {
  EXPECT_THAT(std::string(meaning_of_rule("1")), HasSubstr("exactly once"));
  for (std::size_t rule = 1; rule <= kRuleMeanings.size(); ++rule)
    EXPECT_FALSE(meaning_of_rule(fmt::format("{}", rule)).empty());
  for (const char* rule : {"0", "40", "-1", "money", "", "99999999999999999999"})
    EXPECT_TRUE(meaning_of_rule(rule).empty()) << rule;
}

}  // namespace
}  // namespace razor::faults
