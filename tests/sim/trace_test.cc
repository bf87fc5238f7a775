// Traces of a world: without them nobody sees a run. If watching drew from the seed or moved an event, the digest of a
// traced run would differ; a trace that lost an event would have slices without end, arrows from nowhere, or packets whose
// bytes are not what the programs wrote.

#include "sim/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "razor/api/client.h"
#include "razor/api/server.h"
#include "razor/api/service.h"
#include "razor/runtime/when.h"
#include "razor/stream/client_stream.h"
#include "tests/sim/pcap_reader.h"
#include "tests/support/temp_directory.h"

namespace razor::sim {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using test::PcapPacket;
using testing::Contains;
using testing::HasSubstr;

// --- Worlds to watch -------------------------------------------------------------------------------------------------

struct Desk {
  virtual Call<int> add(int a, int b) = 0;
  virtual Call<int, std::errc> refuse() = 0;
  virtual Call<void> wait(int milliseconds) = 0;
  RAZOR_SERVICE(Desk, add, refuse, wait)
};

class DeskImpl final : public Desk {
 public:
  explicit DeskImpl(Runtime& runtime) : runtime_(runtime) {}
  Call<int> add(int a, int b) override { return a + b; }
  Call<int, std::errc> refuse() override { return Fail{std::errc::permission_denied}; }
  Call<void> wait(int milliseconds) override {
    co_await runtime_.clock().sleep_for(std::chrono::milliseconds(milliseconds));
    co_return;
  }

 private:
  Runtime& runtime_;
};

Task<void> serve(Runtime& runtime) {
  Server server(runtime);
  server.add(std::make_shared<DeskImpl>(runtime));
  (void)server.listen(*Address::parse("0.0.0.0:7000"));
  co_await runtime.clock().sleep_for(Duration::max());
}

// A call that is answered, one that fails, two at a time for which the window has room for one, one that is abandoned,
// and one that is under way when the server crashes.
Task<void> talk(Runtime& runtime, Address server) {
  ClientStreamConfig config;
  config.hello = HelloMode::off;  // a plain connection's seqs begin with its first call
  config.window = 1;
  auto stream = co_await ClientStream::connect(runtime, server, config);
  Client<Desk> desk(*stream);
  (void)co_await desk.add(1, 2);
  (void)co_await desk.refuse();
  (void)co_await when_all(desk.wait(20), desk.add(3, 4));
  {
    const auto abandoned = desk.wait(10);
  }
  (void)co_await desk.with({.timeout = 2s}).wait(60'000);
}

struct OfficeHours {
  explicit OfficeHours(std::uint64_t seed) : world(seed) {
    server.start(serve);
    const Address address = server.address(7000);
    client.start([address](Runtime& runtime) { return talk(runtime, address); });
  }
  void run() {
    world.note("the office \"opens\"");
    world.run_for(500ms);
    world.cut(client, server);
    world.run_for(100ms);
    world.heal_all();
    client.pause();
    world.run_for(10ms);
    client.resume();
    server.crash();
    world.run_for(10s);
    server.restart();
    world.run_for(10s);
  }

  World world;
  Host& server = world.host("server");
  Host& client = world.host("client");
};

std::string bytes_of(std::size_t count, std::uint64_t seed) {
  std::string bytes(count, '\0');
  RandomStream random = Seed(seed).stream("bytes");
  for (char& byte : bytes) byte = static_cast<char>(random.bits());
  return bytes;
}

Task<void> write_all(runtime::ByteStream& stream, std::string_view bytes) {
  while (!bytes.empty()) {
    const base::ByteView all = base::as_bytes(bytes);
    const auto count = co_await stream.write({&all, 1});
    if (!count) co_return;
    bytes.remove_prefix(*count);
  }
}

// Bytes of one connection each way, through a network that is cut for a while, to a reader that is late: what was lost is
// sent again, and the reader's window closes.
struct Transfer {
  explicit Transfer(std::uint64_t seed) : world(seed) {
    server.start([this](Runtime& runtime) { return receive(runtime, *this); });
    client.start([this](Runtime& runtime) { return send(runtime, *this); });
  }
  void run() {
    world.after(1ms, [this] { world.cut(client, server); });
    world.after(900ms, [this] { world.heal_all(); });
    world.run_for(60s);
    ASSERT_EQ(received, there);
    ASSERT_EQ(answered, back);
  }
  static Task<void> receive(Runtime& runtime, Transfer& transfer) {
    auto listener = runtime.network().listen(*Address::parse("0.0.0.0:7000"));
    auto stream = co_await (*listener)->accept();
    co_await runtime.clock().sleep_for(3s);
    co_await read_to_end(**stream, transfer.received);
    co_await write_all(**stream, transfer.back);
  }
  static Task<void> send(Runtime& runtime, Transfer& transfer) {
    auto stream = co_await runtime.network().connect(transfer.server.address(7000));
    co_await write_all(**stream, transfer.there);
    (void)(*stream)->shutdown_write();
    co_await read_to_end(**stream, transfer.answered);
    auto nobody = co_await runtime.network().connect(transfer.server.address(1));
    EXPECT_FALSE(nobody.ok());
  }
  static Task<void> read_to_end(runtime::ByteStream& stream, std::string& to) {
    std::array<std::byte, 16'384> buffer;
    while (true) {
      const auto count = co_await stream.read(buffer);
      if (!count || *count == 0) co_return;
      to += base::as_text(base::ByteView(buffer).first(*count));
    }
  }

  std::string there = bytes_of(600'001, 1);
  std::string back = bytes_of(1'001, 2);
  std::string received;
  std::string answered;
  World world;
  Host& server = world.host("server");
  Host& client = world.host("client");
};

// --- Watching changes nothing ----------------------------------------------------------------------------------------

template <class Scenario>
void expect_same_digest_when_traced() {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Scenario unseen(seed);
    unseen.run();
    Scenario seen(seed);
    std::ostringstream text, chrome, pcap;
    {
      TextTrace text_trace(seen.world, text, {.turns = true});
      ChromeTrace chrome_trace(seen.world, chrome);
      PcapTrace pcap_trace(seen.world, pcap);
      seen.run();
    }
    EXPECT_EQ(seen.world.digest(), unseen.world.digest()) << "SEED=" << seed;
    EXPECT_EQ(seen.world.events(), unseen.world.events()) << "SEED=" << seed;
    EXPECT_FALSE(text.str().empty() || chrome.str().empty() || pcap.str().empty());
  }
}

TEST(Trace, ARunOfCallsHasTheDigestOfTheSameRunUntraced) { expect_same_digest_when_traced<OfficeHours>(); }
TEST(Trace, ATransferHasTheDigestOfTheSameTransferUntraced) { expect_same_digest_when_traced<Transfer>(); }

TEST(Trace, BeginsAndEndsInTheMiddleOfARun) {
  OfficeHours office(1);
  office.world.run_for(5ms);  // a call is under way
  std::ostringstream text, chrome, pcap;
  {
    TextTrace text_trace(office.world, text);
    ChromeTrace chrome_trace(office.world, chrome);
    PcapTrace pcap_trace(office.world, pcap);
    office.world.run_for(30ms);
  }
  const std::size_t size = text.str().size();
  EXPECT_GT(size, 0u);
  office.run();
  EXPECT_EQ(text.str().size(), size);
  EXPECT_TRUE(json::accept(chrome.str()));
  EXPECT_NO_THROW(test::read_pcap(pcap.str()));
}

// --- Text ------------------------------------------------------------------------------------------------------------

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(TextTrace, TellsInTheOrderOfTimeWhoDidWhat) {
  std::ostringstream out;
  OfficeHours office(1);
  {
    TextTrace trace(office.world, out);
    office.run();
  }
  const std::vector<std::string> lines = lines_of(out.str());
  double last = 0;
  for (const std::string& line : lines) {
    const double at = std::stod(line.substr(0, 16));
    EXPECT_GE(at, last) << line;
    last = at;
  }
  for (const std::string_view expected : {
           "client      connecting       WAY",
           "client      connected        WAY",
           "client      call begins      Desk.add  WAY",
           "client      call sent        Desk.add  WAY #1",
           "server      request begins   Desk.add  WAY #1",
           "server      request ends     Desk.add  WAY #1  ok",
           "client      call ends        Desk.add  WAY #1  ok after 0.000",
           "client      call ends        Desk.refuse  WAY #2  error 13 after",
           "client      call waits for room  Desk.add  WAY",
           "client      call abandoned   Desk.wait  WAY #5",
           "server      crashed",
           "server      request crashed  Desk.wait  WAY #6",
           "client      call ends        Desk.wait  WAY #6  deadline_exceeded (ran: maybe) after",
           "-           noted            the office \\u0022opens\\u0022",
           "client      cut              > server",
       }) {
    std::string line(expected);
    if (const std::size_t at = line.find("WAY"); at != line.npos) line.replace(at, 3, "client:32769 > server:7000");
    EXPECT_THAT(lines, Contains(HasSubstr(line)));
  }
}

// --- Chrome ----------------------------------------------------------------------------------------------------------

struct ChromeEvents {
  explicit ChromeEvents(const std::string& text) {
    const json trace = json::parse(text);
    // As viewers do: in the order of time, and of the file where that is the same.
    std::multimap<double, json> by_time;
    for (const json& event : trace.at("traceEvents")) by_time.emplace(event.at("ts").get<double>(), event);
    for (const auto& [time, event] : by_time) events.push_back(event);
  }
  std::vector<json> all(std::string_view phase, std::string_view name = {}) const {
    std::vector<json> found;
    for (const json& event : events) {
      if (event.at("ph") == phase && (name.empty() || event.at("name") == name)) found.push_back(event);
    }
    return found;
  }
  std::set<std::string> names(std::string_view kind) const {
    std::set<std::string> names;
    for (const json& event : all("M", kind)) names.insert(event.at("args").at("name").get<std::string>());
    return names;
  }
  std::vector<json> events;
};

ChromeEvents chrome_trace_of(OfficeHours& office) {
  std::ostringstream out;
  {
    ChromeTrace trace(office.world, out);
    office.run();
  }
  return ChromeEvents(out.str());
}

TEST(ChromeTrace, HasATrackForEachHostItsCallsAndItsConnections) {
  OfficeHours office(1);
  const ChromeEvents trace = chrome_trace_of(office);
  EXPECT_EQ(trace.names("process_name"), (std::set<std::string>{"client", "server"}));
  const std::set<std::string> tracks = trace.names("thread_name");
  for (const char* track :
       {"host", "calls 1", "calls 2", "client:32769 with server:7000", "server:7000 with client:32769"}) {
    EXPECT_TRUE(tracks.contains(track)) << track;
  }
}

TEST(ChromeTrace, SlicesOfATrackEndAsTheyBegan) {
  OfficeHours office(1);
  const ChromeEvents trace = chrome_trace_of(office);
  std::map<std::pair<int, int>, std::vector<std::string>> open;
  std::map<std::string, int> slices;
  for (const json& event : trace.events) {
    std::vector<std::string>& stack = open[{event.at("pid").get<int>(), event.at("tid").get<int>()}];
    if (event.at("ph") == "B") {
      stack.push_back(event.at("name"));
      ++slices[event.at("name").get<std::string>()];
    } else if (event.at("ph") == "E") {
      ASSERT_FALSE(stack.empty()) << event;
      EXPECT_EQ(stack.back(), event.at("name").get<std::string>());
      stack.pop_back();
    } else if (event.at("ph") == "s" || event.at("ph") == "f") {
      EXPECT_FALSE(stack.empty()) << "an arrow needs a slice to hold on: " << event;
    }
  }
  for (const auto& [track, stack] : open) EXPECT_TRUE(stack.empty()) << track.first << "/" << track.second;
  EXPECT_EQ(slices["Desk.add"], 4) << "two calls, and two requests";
  EXPECT_EQ(slices["Desk.wait"], 6);
  EXPECT_EQ(slices["down"], 1);
  EXPECT_EQ(slices["paused"], 1);
}

TEST(ChromeTrace, ArrowsGoFromWhatWasSentToWhereItArrived) {
  OfficeHours office(1);
  const ChromeEvents trace = chrome_trace_of(office);
  std::map<int, json> begun;
  for (const json& event : trace.all("s")) EXPECT_TRUE(begun.emplace(event.at("id"), event).second) << event;
  std::map<std::string, int> arrows;
  for (const json& head : trace.all("f")) {
    const auto tail = begun.find(head.at("id").get<int>());
    ASSERT_NE(tail, begun.end()) << head;
    EXPECT_EQ(tail->second.at("name"), head.at("name"));
    EXPECT_NE(tail->second.at("pid"), head.at("pid"));
    EXPECT_LT(tail->second.at("ts").get<double>(), head.at("ts").get<double>()) << "the network takes time";
    ++arrows[head.at("name").get<std::string>()];
  }
  EXPECT_EQ(arrows["request"], 6);
  EXPECT_EQ(arrows["answer"], 5) << "the last request died with its server";
  EXPECT_GE(arrows["bytes"], 11);
}

// --- Pcap ------------------------------------------------------------------------------------------------------------

std::vector<PcapPacket> pcap_trace_of(Transfer& transfer) {
  std::ostringstream out;
  {
    PcapTrace trace(transfer.world, out);
    transfer.run();
  }
  return test::read_pcap(out.str());
}

TEST(PcapTrace, HoldsWhatTheProgramsWroteByteForByte) {
  Transfer transfer(3);
  const std::vector<PcapPacket> packets = pcap_trace_of(transfer);
  EXPECT_EQ(test::payload(packets, 32'769, 7'000), transfer.there);
  EXPECT_EQ(test::payload(packets, 7'000, 32'769), transfer.back);
}

TEST(PcapTrace, HasRightChecksumsAddressesAndTimes) {
  Transfer transfer(3);
  base::TimePoint last{};
  for (const PcapPacket& packet : pcap_trace_of(transfer)) {
    EXPECT_TRUE(packet.ip_checksum_is_right);
    EXPECT_TRUE(packet.tcp_checksum_is_right);
    EXPECT_EQ(packet.source,
              packet.source_port == 7'000 || packet.source_port == 1 ? transfer.server.ip() : transfer.client.ip());
    EXPECT_GE(packet.at, last);
    last = packet.at;
  }
}

TEST(PcapTrace, ConnectsAcknowledgesAndEndsAsTcpDoes) {
  Transfer transfer(3);
  const std::vector<PcapPacket> packets = pcap_trace_of(transfer);
  ASSERT_GT(packets.size(), 10u);
  EXPECT_EQ(packets[0].flags, "S");
  EXPECT_EQ(packets[1].flags, "SA");
  EXPECT_EQ(packets[2].flags, "A");
  EXPECT_EQ(packets[1].ack, packets[0].seq + 1);
  EXPECT_EQ(packets[2].ack, packets[1].seq + 1);
  EXPECT_EQ(packets[2].seq, packets[0].seq + 1);

  // Nobody acknowledges what was not sent; in the end all that was sent is acknowledged, the FINs too.
  std::map<std::uint16_t, std::uint32_t> sent_up_to, acknowledged_up_to;
  std::size_t bytes_sent = 0, refused = 0, windows_closed = 0;
  for (const PcapPacket& packet : packets) {
    if (packet.source_port == 1) {
      EXPECT_EQ(packet.flags, "RA");
      ++refused;
    }
    if (packet.source_port == 1 || packet.destination_port == 1) continue;
    std::uint32_t& sent = sent_up_to[packet.source_port];
    const std::uint32_t behind = packet.seq + static_cast<std::uint32_t>(packet.payload.size()) + (packet.has('S') ? 1 : 0) +
                                 (packet.has('F') ? 1 : 0);
    sent = packet.has('S') ? behind : test::later_seq(sent, behind);
    bytes_sent += packet.payload.size();
    if (packet.has('A')) {
      EXPECT_EQ(test::later_seq(packet.ack, sent_up_to[packet.destination_port]), sent_up_to[packet.destination_port]);
      acknowledged_up_to[packet.destination_port] = packet.ack;
    }
    if (packet.window == 0) ++windows_closed;
  }
  EXPECT_EQ(acknowledged_up_to, sent_up_to);
  EXPECT_GT(bytes_sent, transfer.there.size() + transfer.back.size()) << "what was lost is sent again";
  EXPECT_GT(windows_closed, 0u) << "a reader that is late has no room";
  EXPECT_EQ(refused, 1u);
}

TEST(PcapTrace, TellsOfALinkOnly) {
  OfficeHours office(1);
  Host& other = office.world.host("other");
  std::ostringstream one, none;
  {
    PcapTrace trace(office.world, one, office.server, office.client);
    PcapTrace empty(office.world, none, office.server, other);
    office.run();
  }
  EXPECT_GT(test::read_pcap(one.str()).size(), 10u);
  EXPECT_EQ(test::read_pcap(none.str()).size(), 0u);
}

// --- Files -----------------------------------------------------------------------------------------------------------

TEST(Trace, IsChosenByTheEndingOfTheFile) {
  const test::TempDirectory directory;
  for (const char* name : {"run.txt", "run.json", "run.pcap"}) {
    OfficeHours office(1);
    const std::filesystem::path path = directory.path() / name;
    {
      const auto trace = open_trace(office.world, path);
      ASSERT_TRUE(trace.ok());
      office.world.run_for(1s);
    }
    std::ostringstream content;
    content << std::ifstream(path, std::ios::binary).rdbuf();
    EXPECT_GT(content.str().size(), 1000u) << name;
    if (path.extension() == ".json") {
      EXPECT_TRUE(json::accept(content.str()));
    }
  }
  World world(1);
  EXPECT_EQ(open_trace(world, "run.doc").error(), std::errc::invalid_argument);
  EXPECT_EQ(open_trace(world, "run").error(), std::errc::invalid_argument);
  EXPECT_EQ(open_trace(world, "/no/such/folder/run.txt").error(), std::errc::no_such_file_or_directory);
}

}  // namespace
}  // namespace razor::sim
