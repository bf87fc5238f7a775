// Extension blocks. Were a record believed that is broken, a handler would be told another caller than the true one; were one skipped
// that must be understood, what its caller asked for would silently not happen.

#include "razor/wire/extension.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "razor/base/byte_order.h"
#include "razor/wire/encoder.h"
#include "tests/wire/bytes.h"

namespace razor::wire {
namespace {

using base::Bytes;
using base::ByteView;
using test::from_hex;
using test::joined;
using test::to_hex;
using Fault = ExtensionFault;

const std::string kTraceHex =
    "01001900"
    "0af7651916cd43dd8448eb211c80319c"
    "b7ad6b7169203331"
    "01";
const std::string kStateHex =
    "02000300"
    "613d31";  // a=1
const std::string kMetadataHex =
    "03000900"
    "82"
    "a175"
    "a161"
    "a16b"
    "c400";  // u: "a", k: no bytes

TraceContext trace_context() {
  TraceContext trace;
  std::ranges::copy(from_hex("0af7651916cd43dd8448eb211c80319c"), trace.trace_id.begin());
  std::ranges::copy(from_hex("b7ad6b7169203331"), trace.span_id.begin());
  trace.flags = 1;
  return trace;
}

Extension full_extension() {
  Extension extension;
  extension.trace = trace_context();
  extension.trace->tracestate = "a=1";
  extension.metadata = {{"u", "a"}, {"k", ByteView()}};
  return extension;
}

Bytes block_of(const Extension& extension) {
  BytesSink sink;
  EXPECT_EQ(encode_extension(sink, extension.trace ? &*extension.trace : nullptr, extension.metadata), MetadataFault::none);
  return std::move(sink).take();
}

Fault fault_of(const Bytes& block) {
  Extension extension;
  return decode_extension(block, extension);
}
Fault fault_of_hex(std::string_view hex) { return fault_of(from_hex(hex)); }

Bytes record(std::uint8_t type, ByteView bytes) {
  Bytes head = from_hex("00000000");
  head[0] = std::byte{type};
  base::store_little(head.data() + 2, static_cast<std::uint16_t>(bytes.size()));
  return joined(head, bytes);
}

template <class Put>
Bytes metadata_record(std::size_t pairs, Put put) {
  BytesSink sink;
  Encoder to(sink);
  to.put_map(pairs);
  put(to);
  return record(3, sink.view());
}

TEST(Extension, ThatSaysNothingHasNoBytes) {
  EXPECT_TRUE(block_of({}).empty());
  EXPECT_EQ(fault_of({}), Fault::none);
  EXPECT_TRUE(Extension().empty());
}

TEST(Extension, EveryRecordHasItsPlace) {
  EXPECT_EQ(to_hex(block_of(full_extension())), kTraceHex + kStateHex + kMetadataHex);
  Extension traced;
  traced.trace = trace_context();
  EXPECT_EQ(block_of(traced).size(), 29u);
}

TEST(Extension, IsReadInAnyOrder) {
  const Bytes block = from_hex(kMetadataHex + kStateHex + kTraceHex);
  Extension read;
  ASSERT_EQ(decode_extension(block, read), Fault::none);
  EXPECT_EQ(read.trace, full_extension().trace);
  EXPECT_EQ(read.trace->tracestate, "a=1");
  ASSERT_EQ(read.metadata.size(), 2u);
  EXPECT_EQ(read.metadata[0].key, "u");
  EXPECT_EQ(base::as_text(read.metadata[0].value), "a");
  EXPECT_FALSE(read.metadata[0].is_binary);
  EXPECT_EQ(read.metadata[1].key, "k");
  EXPECT_TRUE(read.metadata[1].value.empty());
  EXPECT_TRUE(read.metadata[1].is_binary);
}

TEST(Extension, ForgetsWhatItHeldBefore) {
  Extension extension = full_extension();
  EXPECT_EQ(decode_extension({}, extension), Fault::none);
  EXPECT_TRUE(extension.empty());
}

TEST(Extension, CutInsideARecordItIsMalformed) {
  const Bytes block = block_of(full_extension());
  for (std::size_t cut = 0; cut < block.size(); ++cut) {
    const bool is_between = cut == 0 || cut == 29 || cut == 36;
    EXPECT_EQ(fault_of(Bytes(block.begin(), block.begin() + static_cast<std::ptrdiff_t>(cut))),
              is_between ? Fault::none : Fault::malformed)
        << cut;
  }
}

TEST(Extension, ARecordBeyondTheBlockIsMalformed) {
  EXPECT_EQ(fault_of_hex("7f000100"), Fault::malformed);
  EXPECT_EQ(fault_of_hex("7f00ffff00"), Fault::malformed);
  EXPECT_EQ(fault_of_hex("ff000100"), Fault::malformed);
}

TEST(Extension, AnUnknownRecordIsSkippedUnlessItMustBeUnderstood) {
  for (int type = 0; type < 256; ++type) {
    if (type % 0x80 >= 1 && type % 0x80 <= 3) continue;
    const Bytes block = joined(record(static_cast<std::uint8_t>(type), from_hex("0102")), from_hex(kTraceHex));
    Extension extension;
    EXPECT_EQ(decode_extension(joined(block, record(static_cast<std::uint8_t>(type), {})), extension),
              type < 0x80 ? Fault::none : Fault::not_understood)
        << type;
    EXPECT_EQ(extension.trace.has_value(), type < 0x80) << type;
  }
}

// The bit asks for nothing more of what is understood anyway.
TEST(Extension, AKnownRecordMayBeOneThatMustBeUnderstood) {
  Bytes block = from_hex(kTraceHex);
  block[0] = std::byte{0x81};
  Extension extension;
  EXPECT_EQ(decode_extension(block, extension), Fault::none);
  EXPECT_EQ(extension.trace, trace_context());
  EXPECT_EQ(fault_of(joined(block, from_hex(kTraceHex))), Fault::malformed);  // and is the same one
}

TEST(Extension, AKnownRecordThatComesTwiceIsMalformed) {
  for (const std::string& hex : {kTraceHex, kStateHex, kMetadataHex}) {
    EXPECT_EQ(fault_of_hex(hex), Fault::none);
    EXPECT_EQ(fault_of_hex(hex + hex), Fault::malformed);
  }
}

TEST(Extension, TheByteOfNothingIsIgnored) {
  Bytes block = from_hex(kTraceHex);
  block[1] = std::byte{0xff};
  EXPECT_EQ(fault_of(block), Fault::none);
}

TEST(Trace, HasOneSizeAndIdsThatAreNotZero) {
  const Bytes trace(from_hex(kTraceHex.substr(8)));
  for (std::size_t bytes = 0; bytes < 40; ++bytes) {
    Bytes other = trace;
    other.resize(bytes, std::byte{1});
    EXPECT_EQ(fault_of(record(1, other)), bytes == 25 ? Fault::none : Fault::malformed) << bytes;
  }
  EXPECT_EQ(fault_of_hex("01001900"
                         "00000000000000000000000000000000"
                         "b7ad6b7169203331"
                         "01"),
            Fault::malformed);
  EXPECT_EQ(fault_of_hex("01001900"
                         "0af7651916cd43dd8448eb211c80319c"
                         "0000000000000000"
                         "01"),
            Fault::malformed);
}

TEST(Trace, ThatCouldNotBeReadIsLeftOut) {
  Extension extension;
  extension.trace.emplace();  // of zeros
  extension.trace->tracestate = "a=1";
  EXPECT_TRUE(block_of(extension).empty());
}

TEST(Tracestate, IsPrintableAndHasALimit) {
  for (const std::size_t bytes : {1u, 512u, 513u}) {
    EXPECT_EQ(fault_of(record(2, Bytes(bytes, std::byte{'a'}))), bytes <= 512 ? Fault::none : Fault::malformed);
    const std::string text(bytes, 'a');
    Extension extension;
    extension.trace = trace_context();
    extension.trace->tracestate = text;
    EXPECT_EQ(block_of(extension).size(), 29 + (bytes <= 512 ? 4 + bytes : 0));
  }
  for (const std::string_view text : {"a\n", "\x1b[2J", "a\x7f", "\xc3\xa4"}) {
    EXPECT_EQ(fault_of(record(2, base::as_bytes(text))), Fault::malformed);
    Extension extension;
    extension.trace = trace_context();
    extension.trace->tracestate = text;
    EXPECT_EQ(block_of(extension).size(), 29u);
  }
}

TEST(Tracestate, SaysNothingWithoutATrace) {
  Extension extension;
  const Bytes block = from_hex(kStateHex);
  EXPECT_EQ(decode_extension(block, extension), Fault::none);
  EXPECT_TRUE(extension.empty());
}

TEST(Metadata, IsAMapOfTextToTextOrBin) {
  // Nothing; nil; an array; a key that is a number, bin, nil; a value that is nil, a number, an array, a map; bytes behind it.
  for (const std::string_view hex :
       {"", "c0", "92a161a162", "8101a162", "81c40161a162", "81c0a162", "81a161c0", "81a16101", "81a16190", "81a16180",
        "81a161a16200", "82a161a162", "dfffffffffa161a162", "81a161dbffffffff62"}) {
    EXPECT_EQ(fault_of(record(3, from_hex(hex))), Fault::malformed) << hex;
  }
  EXPECT_EQ(fault_of_hex("03000100"
                         "80"),
            Fault::none);
}

TEST(Metadata, HasNoEmptyKeyAndNoneTwice) {
  EXPECT_EQ(fault_of(record(3, from_hex("81a0a162"))), Fault::malformed);
  EXPECT_EQ(fault_of(record(3, from_hex("82a161a162a161a162"))), Fault::malformed);
  BytesSink sink;
  const std::vector<MetadataItem> twice = {{"a", ""}, {"b", ""}, {"a", ""}};
  EXPECT_EQ(encode_extension(sink, nullptr, twice), MetadataFault::keys);
  const std::vector<MetadataItem> unnamed = {{"", ""}};
  EXPECT_EQ(encode_extension(sink, nullptr, unnamed), MetadataFault::keys);
  EXPECT_EQ(sink.size(), 0u);
}

TEST(Metadata, HasALimitOfBytes) {
  constexpr std::size_t kHead = 1 + 2 + 3;  // of the map, the key, the value
  for (const std::size_t more : {0u, 1u}) {
    const Bytes value(Extension::kMetadataBytesMax - kHead + more);
    const Bytes block = metadata_record(1, [&](Encoder& to) { to.put_text("k"), to.put_binary(value); });
    EXPECT_EQ(fault_of(block), more == 0 ? Fault::none : Fault::malformed);
    const TraceContext trace = trace_context();
    const std::vector<MetadataItem> metadata = {{"k", value}};
    BytesSink sink;
    EXPECT_EQ(encode_extension(sink, &trace, metadata), more == 0 ? MetadataFault::none : MetadataFault::too_large);
    EXPECT_EQ(sink.size(), more == 0 ? 29 + block.size() : 0);
  }
}

TEST(Metadata, HasALimitOfItems) {
  for (const std::size_t count : {Extension::kMetadataItemsMax, Extension::kMetadataItemsMax + 1}) {
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < count; ++i) keys.push_back(std::to_string(i));
    std::vector<MetadataItem> metadata;
    for (const std::string& key : keys) metadata.emplace_back(key, "");
    const Bytes block = metadata_record(count, [&](Encoder& to) {
      for (const std::string& key : keys) to.put_text(key), to.put_text("");
    });
    const bool is_within = count == Extension::kMetadataItemsMax;
    EXPECT_EQ(fault_of(block), is_within ? Fault::none : Fault::malformed);
    BytesSink sink;
    EXPECT_EQ(encode_extension(sink, nullptr, metadata), is_within ? MetadataFault::none : MetadataFault::too_large);
  }
}

RC_GTEST_PROP(Extension, SurvivesBeingSent, ()) {
  const auto bytes = rc::gen::container<std::string>(rc::gen::arbitrary<char>());
  Extension extension;
  if (*rc::gen::arbitrary<bool>()) {
    extension.trace = trace_context();
    extension.trace->trace_id[3] = static_cast<std::byte>(*rc::gen::arbitrary<std::uint8_t>());
    extension.trace->flags = *rc::gen::arbitrary<std::uint8_t>();
  }
  const std::string state = *rc::gen::container<std::string>(rc::gen::inRange(' ', '\x7f'));
  if (extension.trace) extension.trace->tracestate = state;
  const auto pairs = *rc::gen::container<std::map<std::string, std::string>>(bytes, bytes);
  for (const auto& [key, value] : pairs) {
    // At most 30 of at most 200 bytes: within the limit.
    if (key.empty() || extension.metadata.size() == 30) continue;
    extension.metadata.emplace_back(key, value);
    extension.metadata.back().is_binary = *rc::gen::arbitrary<bool>();
  }
  const Bytes block = block_of(extension);
  Extension read;
  RC_ASSERT(decode_extension(block, read) == Fault::none);
  RC_ASSERT(read.trace == extension.trace);
  RC_ASSERT(read.metadata.size() == extension.metadata.size());
  for (std::size_t i = 0; i < read.metadata.size(); ++i) {
    RC_ASSERT(read.metadata[i].key == extension.metadata[i].key);
    RC_ASSERT(base::as_text(read.metadata[i].value) == base::as_text(extension.metadata[i].value));
    RC_ASSERT(read.metadata[i].is_binary == extension.metadata[i].is_binary);
  }
}

// What is read out of broken bytes can be sent on, and is then the same.
RC_GTEST_PROP(Extension, OfBrokenBytesIsRefusedOrSound, ()) {
  Bytes block = block_of(full_extension());
  for (int changes = *rc::gen::inRange(1, 4); changes > 0; --changes) {
    block[*rc::gen::inRange<std::size_t>(0, block.size())] = static_cast<std::byte>(*rc::gen::arbitrary<std::uint8_t>());
  }
  Extension read;
  if (decode_extension(block, read) != Fault::none) return;
  Extension again;
  const Bytes sent_on = block_of(read);
  RC_ASSERT(decode_extension(sent_on, again) == Fault::none);
  RC_ASSERT(again.trace == read.trace);
  RC_ASSERT(block_of(again) == sent_on);
}

}  // namespace
}  // namespace razor::wire
