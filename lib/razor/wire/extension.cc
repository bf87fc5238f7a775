#include "razor/wire/extension.h"

#include <algorithm>

#include "razor/base/byte_order.h"
#include "razor/wire/decoder.h"
#include "razor/wire/encoder.h"

namespace razor::wire {
namespace {

// type, a byte of nothing, length.
constexpr std::size_t kRecordHeadBytes = 4;
constexpr std::uint8_t kMustBeUnderstood = 0x80;
constexpr std::size_t kTraceBytes = 16 + 8 + 1;

enum Record : std::uint8_t { kTrace = 1, kTracestate = 2, kMetadata = 3 };

void put_record(ByteSink& to, Record type, base::ByteView bytes) {
  std::byte* const head = to.reserve(kRecordHeadBytes);
  base::store_little(head, static_cast<std::uint8_t>(type));
  base::store_little(head + 1, std::uint8_t{0});
  base::store_little(head + 2, static_cast<std::uint16_t>(bytes.size()));
  to.advance(kRecordHeadBytes);
  to.put(bytes);
}

// --- Trace

std::array<std::byte, kTraceBytes> bytes_of(const TraceContext& trace) {
  std::array<std::byte, kTraceBytes> bytes;
  std::ranges::copy(trace.trace_id, bytes.begin());
  std::ranges::copy(trace.span_id, bytes.begin() + 16);
  bytes.back() = std::byte{trace.flags};
  return bytes;
}

bool read_trace(base::ByteView from, std::optional<TraceContext>& trace) {
  if (from.size() != kTraceBytes) return false;
  TraceContext& read = trace.emplace();
  std::ranges::copy(from.first(16), read.trace_id.begin());
  std::ranges::copy(from.subspan(16, 8), read.span_id.begin());
  read.flags = std::to_integer<std::uint8_t>(from[24]);
  return read.is_valid();
}

bool is_tracestate(std::string_view text) {
  return text.size() <= TraceContext::kTracestateBytesMax &&
         std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

bool read_tracestate(base::ByteView from, std::string_view& tracestate) {
  tracestate = base::as_text(from);
  return is_tracestate(tracestate);
}

// --- Metadata

// Nobody chooses between two values: which one counts would be another question at each end. There are few keys.
bool has_sound_keys(std::span<const MetadataItem> items) {
  for (auto item = items.begin(); item != items.end(); ++item) {
    if (item->key.empty() || std::any_of(items.begin(), item, [&](const auto& other) { return other.key == item->key; }))
      return false;
  }
  return true;
}

MetadataFault encode_metadata(BytesSink& sink, std::span<const MetadataItem> items) {
  if (items.size() > Extension::kMetadataItemsMax) return MetadataFault::too_large;
  if (!has_sound_keys(items)) return MetadataFault::keys;
  std::size_t bytes = 0;  // before they are copied
  for (const MetadataItem& item : items) {
    bytes += item.key.size() + item.value.size();
    if (bytes > Extension::kMetadataBytesMax) return MetadataFault::too_large;
  }
  Encoder to(sink);
  to.put_map(items.size());
  for (const MetadataItem& item : items) {
    to.put_text(item.key);
    if (item.is_binary) {
      to.put_binary(item.value);
    } else {
      to.put_text(item.text());
    }
  }
  return sink.size() <= Extension::kMetadataBytesMax ? MetadataFault::none : MetadataFault::too_large;
}

bool read_metadata(base::ByteView bytes, std::vector<MetadataItem>& items) {
  std::uint32_t count = 0;
  Decoder from(bytes);
  if (bytes.size() > Extension::kMetadataBytesMax || !from.read_map(count) || count > Extension::kMetadataItemsMax)
    return false;
  items.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    MetadataItem item;
    if (!from.read_text(item.key)) return false;
    item.is_binary = !from.next_is_text();
    if (item.is_binary) {
      if (!from.read_binary(item.value)) return false;
    } else {
      std::string_view text;
      if (!from.read_text(text)) return false;
      item.value = base::as_bytes(text);
    }
    items.push_back(item);
  }
  return from.finish() && has_sound_keys(items);
}

}  // namespace

base::Errc errc_of(MetadataFault fault) {
  return fault == MetadataFault::too_large ? base::Errc::too_large : base::Errc::encode;
}

std::string_view text_of(MetadataFault fault) {
  switch (fault) {
    case MetadataFault::none: return "its metadata can be sent";
    case MetadataFault::too_large: return "its metadata are more than 128 pairs, or 8 KiB when encoded";
    case MetadataFault::keys: return "a key of its metadata is empty, or stands twice";
  }
  return "?";
}

MetadataFault encode_extension(ByteSink& to, const TraceContext* trace, std::span<const MetadataItem> items) {
  BytesSink metadata;
  if (!items.empty()) {
    const MetadataFault fault = encode_metadata(metadata, items);
    if (fault != MetadataFault::none) return fault;
  }
  if (trace != nullptr && trace->is_valid()) {
    put_record(to, kTrace, bytes_of(*trace));
    if (!trace->tracestate.empty() && is_tracestate(trace->tracestate))
      put_record(to, kTracestate, base::as_bytes(trace->tracestate));
  }
  if (!items.empty()) put_record(to, kMetadata, metadata.view());
  return MetadataFault::none;
}

ExtensionFault decode_extension(base::ByteView block, Extension& extension) {
  extension = {};
  std::uint32_t seen = 0;  // a bit for each known type
  std::string_view tracestate;  // says nothing without a trace
  while (!block.empty()) {
    if (block.size() < kRecordHeadBytes) return ExtensionFault::malformed;
    const auto type = base::load_little<std::uint8_t>(block.data());
    const std::size_t bytes = base::load_little<std::uint16_t>(block.data() + 2);
    block = block.subspan(kRecordHeadBytes);
    if (bytes > block.size()) return ExtensionFault::malformed;
    const base::ByteView record = block.first(bytes);
    block = block.subspan(bytes);

    bool is_sound = false;
    const auto number = static_cast<std::uint8_t>(type & ~kMustBeUnderstood);
    switch (number) {
      case kTrace: is_sound = read_trace(record, extension.trace); break;
      case kTracestate: is_sound = read_tracestate(record, tracestate); break;
      case kMetadata:
        extension.metadata.clear();
        is_sound = read_metadata(record, extension.metadata);
        break;
      default:
        if ((type & kMustBeUnderstood) != 0) return ExtensionFault::not_understood;
        continue;
    }
    const bool is_repeated = (seen >> number & 1) != 0;
    if (!is_sound || is_repeated) return ExtensionFault::malformed;
    seen |= 1u << number;
  }
  if (extension.trace) extension.trace->tracestate = tracestate;
  return ExtensionFault::none;
}

}  // namespace razor::wire
