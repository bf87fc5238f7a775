#include "faults/page.h"

#include <fmt/format.h>

#include <algorithm>

#include "faults/diagram.h"
#include "faults/fault_kind.h"
#include "faults/html_text.h"
#include "faults/page_rules.h"
#include "faults/page_script.h"
#include "faults/page_style.h"
#include "faults/values.h"

namespace razor::faults {
namespace {

using Kind = sim::ScenarioFailure::Kind;

// A message in the headline; the whole of a longer one stands below.
constexpr std::size_t kSeenLettersMax = 400;
constexpr std::size_t kMessageBytesMax = 64 * 1024;
constexpr std::size_t kSettingsShown = 8;
constexpr std::size_t kCallsMax = 5;

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \n"), text.size());
  return text.substr(begin, text.find_last_not_of(" \n") + 1 - begin);
}

// Where "rule 12:" stands in a message, and how far it goes.
struct RulePlace {
  std::size_t begin = 0;
  std::size_t end = 0;  // behind the colon
  std::string_view rule;
};
std::optional<RulePlace> find_rule(std::string_view message) {
  // "expected: <condition>: rule 12: ...": the condition is code, which has no such words behind a colon.
  constexpr std::string_view kRule = "rule ";
  for (std::size_t at = message.find(kRule); at != message.npos; at = message.find(kRule, at + 1)) {
    if (at != 0 && !message.substr(0, at).ends_with(": ")) continue;
    const std::size_t name = at + kRule.size();
    const std::size_t end = std::min(message.find_first_of(":\n", name), message.size());
    if (end == message.size() || message[end] != ':' || trimmed(message.substr(name, end - name)).empty()) continue;
    return RulePlace{at, end + 1, message.substr(name, end - name)};
  }
  return std::nullopt;
}

std::string seconds_text(base::Duration at) { return fmt::format("{:.6f} s", std::chrono::duration<double>(at).count()); }

std::string count_text(std::size_t count, std::string_view thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

std::string with_capital(std::string text) {
  if (!text.empty() && text.front() >= 'a' && text.front() <= 'z')
    text.front() = static_cast<char>(text.front() - 'a' + 'A');
  return text;
}

// Behind how it is written.
std::string_view meaning_of(const FaultKind& kind) {
  const std::size_t colon = kind.help().find(": ");
  return colon == std::string_view::npos ? kind.help() : kind.help().substr(colon + 2);
}

class Page {
 public:
  explicit Page(const PageContent& content) : content_(content) {}

  std::string text() {
    const std::string title = fmt::format("{} · {}, seed {}", headline(), content_.scenario, content_.seed);
    out_ = fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
        "content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n"
        "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n",
        in_html(title), kPageStyle);
    write_headline();
    write_picture();
    write_calls();
    write_plan();
    write_settings_and_replay();
    write_details();
    out_ += fmt::format("</main>\n<script>{}</script>\n</body>\n</html>\n", kPageScript);
    return std::move(out_);
  }

 private:
  template <class... Arguments>
  void write(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Arguments>(arguments)...);
    out_ += '\n';
  }
  void write_copied(std::string_view css, std::string_view text) {
    write("<div class=\"copied\"><pre class=\"{}\">{}</pre></div>", css, in_html(text));
  }

  // --- What is wrong
  std::string headline() const {
    if (const auto rule = broken_rule(content_.failure.message)) {
      const bool is_number = parse_number(*rule).has_value();
      return is_number ? fmt::format("Rule {} is broken", *rule) : fmt::format("The rule “{}” is broken", *rule);
    }
    switch (content_.failure.kind) {
      case Kind::expectation: return "Something expected did not hold";
      case Kind::requirement: return "Something required did not hold";
      case Kind::exception: return "An exception escaped";
      case Kind::crash: return "The program crashed";
      case Kind::time_limit: return "The run did not end";
      case Kind::divergence: return "Two runs of one seed differ";
    }
    return {};
  }

  // Behind "rule 12: ", or behind the condition's own words.
  std::string_view seen() const {
    const std::string_view message = content_.failure.message;
    if (const auto rule = find_rule(message)) return trimmed(message.substr(rule->end));
    return trimmed(message);
  }

  void write_headline() {
    write("<p class=\"kicker\">Scenario <b>{}</b>, seed {}</p>", in_html(content_.scenario), content_.seed);
    write("<div class=\"broken\">\n<h1>{}</h1>", in_html(headline()));
    const auto rule = broken_rule(content_.failure.message);
    if (rule && !meaning_of_rule(*rule).empty()) write("<p class=\"meaning\">{}</p>", in_html(meaning_of_rule(*rule)));
    write("<p class=\"seen\"><b>What was seen</b> at {} of simulated time: {}</p>\n</div>",
          seconds_text(content_.failure.at), in_html(shortened(seen(), kSeenLettersMax)));
    write("<p>{}</p>", in_html(what_it_takes()));
  }

  std::string what_it_takes() const {
    const std::size_t count = content_.plan.faults.size();
    std::string text = count == 0 ? "It takes no fault at all: it happens on a network and on machines that work."
                                  : fmt::format("It takes {}, played into a simulated network.", count_text(count, "fault"));
    const PageContent::Search& search = content_.search;
    if (search.runs == 0) return text;
    text += fmt::format(" {} found this plan in {} runs and {} of real time; at first there {} {}.",
                        search.is_done ? "Taking away all that is not needed" : "The search, which ran out of time,",
                        search.runs, in_words(search.real_time), search.faults_before == 1 ? "was" : "were",
                        count_text(search.faults_before, "fault"));
    return text;
  }

  // --- What happened
  void write_picture() {
    write("<h2>What happened</h2>");
    write(
        "<p class=\"faint\">Each column is a machine; time runs downwards, and is not to scale: quiet stretches are cut "
        "short. Solid arrows are requests, dashed ones responses. Pointing at something shows more of it.</p>");
    out_ += "<div class=\"picture\">\n" + diagram_of(content_) + "</div>\n<ul class=\"legend\">\n";
    for (std::size_t index = 0; index < content_.plan.faults.size(); ++index) {
      const Fault& fault = content_.plan.faults[index];
      write("<li><span class=\"chip {}\">#{}</span> {}</li>", fault_colour(index), fault.number, in_html(fault.what));
    }
    write_legend_line("<line class=\"call concerned\" x1=\"0\" y1=\"7\" x2=\"26\" y2=\"7\"/>",
                      "the calls that this is about");
    write_legend_line("<line class=\"call\" x1=\"0\" y1=\"7\" x2=\"26\" y2=\"7\"/>", "other calls");
    write_legend_line(
        "<line class=\"call\" x1=\"0\" y1=\"7\" x2=\"15\" y2=\"7\"/>"
        "<path class=\"cross\" d=\"M14 3l8 8M14 11l8 -8\"/>",
        "never arrives, or comes too late");
    write_legend_line("<path class=\"crash\" d=\"M7 1l12 12M7 13l12 -12\"/>", "the machine is down from here");
    write_legend_line("<line class=\"failure\" x1=\"0\" y1=\"7\" x2=\"26\" y2=\"7\"/>", "the failure is noticed");
    out_ += "</ul>\n";
    const Story& story = content_.story;
    const std::size_t calls = story.calls_left_out + story.calls.size();
    if (calls == 0) return;
    write("<p class=\"faint\">The run had {}; those nearest to the failure are shown.</p>", count_text(calls, "call"));
  }
  void write_legend_line(std::string_view sign, std::string_view text) {
    write("<li><svg width=\"26\" height=\"14\">{}</svg>{}</li>", sign, text);
  }

  void write_calls() {
    for (const CallStory& call : content_.calls) {
      if (call.stages.empty()) continue;
      write(
          "<h2>{}, step by step</h2>\n<div class=\"scroll\"><table>\n<tr><th>Time</th><th>Since it began</th><th>Where</th>"
          "<th>What</th></tr>",
          in_html(with_capital(call.name)));
      const base::Duration begin = call.stages.front().at;
      for (const CallStory::Stage& stage : call.stages) {
        write("<tr><td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"nowrap\">{}</td><td>{}</td></tr>",
              seconds_text(stage.at), in_words(stage.at - begin), in_html(stage.host), in_html(stage.what));
      }
      out_ += "</table></div>\n";
    }
  }

  // --- What it takes
  void write_plan() {
    write("<h2>The plan: {}</h2>", count_text(content_.plan.faults.size(), "fault"));
    if (!content_.plan.faults.empty()) {
      write(
          "<div class=\"scroll\"><table>\n<tr><th>Fault</th><th>When</th><th>What</th><th>Where</th><th>For</th><th>How</th>"
          "<th>Events it changed</th><th>What that means</th></tr>");
      for (std::size_t index = 0; index < content_.plan.faults.size(); ++index) write_fault(index);
      out_ += "</table></div>\n";
    }
    write(
        "<p class=\"faint\">As text: save it to a file and play it with <code>--plan FILE</code>. Times count from the moment "
        "that the scenario lets its faults begin.</p>");
    write_copied("", content_.plan.to_string());
  }

  void write_fault(std::size_t index) {
    const Fault& fault = content_.plan.faults[index];
    std::string where;
    for (const std::string& host : fault.where) where += (where.empty() ? "" : ", ") + host;
    std::string how;
    for (const auto& [name, value] : fault.parameters) how += fmt::format("{}{}={}", how.empty() ? "" : ", ", name, value);
    const auto effects = content_.effects.find(fault.number);
    const FaultKind* kind = find_kind(fault.what);
    write(
        "<tr><td><span class=\"chip {}\">#{}</span></td><td class=\"nowrap\">{}</td><td class=\"nowrap\"><b>{}</b></td>"
        "<td>{}</td><td class=\"nowrap\">{}</td><td>{}</td><td class=\"number\">{}</td><td class=\"what\">{}</td></tr>",
        fault_colour(index), fault.number, in_words(fault.at), in_html(fault.what), in_html(where),
        fault.lasts > base::Duration::zero() ? in_words(fault.lasts) : "–", in_html(how),
        effects != content_.effects.end() ? fmt::format("{}", effects->second) : "–",
        in_html(kind != nullptr ? meaning_of(*kind) : "something that this scenario does when a plan says so"));
  }

  void write_settings_and_replay() {
    out_ += "<div class=\"columns\">\n<section>\n";
    write("<h2>Run it again</h2>");
    write_copied("wrap", content_.replay_command);
    write(
        "<p class=\"faint\">The same seed and plan give the same run, to the last event. Add <code>--trace FILE.txt</code> to "
        "see every event of it.</p>\n</section>");
    write_settings();
    out_ += "</div>\n";
  }

  // Those that matter, and behind a click those that are as simple as can be.
  void write_settings() {
    if (content_.knobs.empty()) return;
    std::string mattering;
    std::string simple;
    std::size_t simple_count = 0;
    for (const Knob& knob : content_.knobs) {
      const bool is_simple = knob.value == knob.simplest;
      simple_count += is_simple ? 1 : 0;
      const std::string remark = is_simple ? std::string() : fmt::format("simplest: {}", knob.simplest);
      (is_simple ? simple : mattering) +=
          fmt::format("<tr><td>{}</td><td class=\"number\">{}</td><td class=\"faint\">{}</td></tr>\n", in_html(knob.name),
                      in_html(knob.value), in_html(remark));
    }
    write("<section>\n<h2>Settings of the run</h2>");
    if (!mattering.empty()) write("<div class=\"scroll\"><table>\n{}</table></div>", mattering);
    if (simple_count > 0) {
      write(
          "<details{}><summary>{}, as simple as it gets</summary>\n<div class=\"scroll\">"
          "<table>\n{}</table></div>\n</details>",
          mattering.empty() && simple_count <= kSettingsShown ? " open" : "", count_text(simple_count, "setting"), simple);
    }
    write("</section>");
  }

  void write_details() {
    write("<h2>What the program said</h2>");
    if (!content_.failure.place.empty()) write("<p>Checked at <code>{}</code></p>", in_html(content_.failure.place));
    write("<pre class=\"wrap\">{}</pre>", in_html(shortened(content_.failure.message, kMessageBytesMax)));
  }

  const PageContent& content_;
  std::string out_;
};

// "3.0043s server1 dispatched"
std::optional<CallStory::Stage> read_stage(std::string_view line) {
  const std::size_t time_end = line.find(' ');
  if (time_end == line.npos) return std::nullopt;
  const auto at = parse_duration(line.substr(0, time_end));
  line.remove_prefix(time_end + 1);
  const std::size_t host_end = line.find(' ');
  if (!at || host_end == line.npos) return std::nullopt;
  const std::string_view host = line.substr(0, host_end);
  return CallStory::Stage{*at, std::string(host.substr(0, host.find('/'))), std::string(line.substr(host_end + 1))};
}

CallStory read_call(const std::string& name, std::string_view text) {
  CallStory call{name, {}};
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (auto stage = read_stage(text.substr(0, end))) call.stages.push_back(std::move(*stage));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return call;
}

// Where a message names a call: "call 17", and not "call 170". npos: nowhere.
std::size_t place_in(std::string_view message, std::string_view name) {
  for (std::size_t at = message.find(name); at != message.npos; at = message.find(name, at + 1)) {
    const std::size_t end = at + name.size();
    if (end == message.size() || message[end] < '0' || message[end] > '9') return at;
  }
  return message.npos;
}

}  // namespace

std::vector<CallStory> call_stories(const sim::Texts& texts, const sim::ScenarioFailure& failure) {
  struct Candidate {
    std::size_t place;
    CallStory call;
  };
  std::vector<Candidate> named;
  std::vector<Candidate> of_the_moment;
  for (const auto& [name, text] : texts) {
    if (!name.starts_with("call ")) continue;
    CallStory call = read_call(name, text);
    if (call.stages.empty()) continue;
    const std::size_t place = place_in(failure.message, name);
    const bool is_of_the_moment = std::ranges::find(call.stages, failure.at, &CallStory::Stage::at) != call.stages.end();
    if (place != std::string::npos) {
      named.push_back({place, std::move(call)});
    } else if (is_of_the_moment) {
      of_the_moment.push_back({place, std::move(call)});
    }
  }
  std::vector<Candidate>& candidates = named.empty() ? of_the_moment : named;
  std::ranges::sort(candidates, [](const Candidate& one, const Candidate& other) {
    return std::tie(one.place, one.call.stages.front().at, one.call.name) <
           std::tie(other.place, other.call.stages.front().at, other.call.name);
  });
  candidates.resize(std::min(candidates.size(), kCallsMax));
  std::vector<CallStory> calls;
  for (Candidate& candidate : candidates) calls.push_back(std::move(candidate.call));
  return calls;
}

std::string page_of(const PageContent& content) { return Page(content).text(); }

std::optional<std::string> broken_rule(std::string_view message) {
  const auto place = find_rule(message);
  return place ? std::optional(std::string(place->rule)) : std::nullopt;
}

std::string_view meaning_of_rule(std::string_view rule) {
  const auto number = parse_number(rule);
  if (!number || *number < 1 || *number > static_cast<std::int64_t>(kRuleMeanings.size())) return {};
  return kRuleMeanings[static_cast<std::size_t>(*number) - 1];
}

}  // namespace razor::faults
