#pragma once
// Extension: what a request says of its call beside the call word, as records between its head and its action. Only a peer that
// began with a hello sends it, to one that answered with a hello.
// Source: protocol.md, "Extension block".

#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "razor/base/bytes.h"
#include "razor/base/error.h"
#include "razor/wire/byte_sink.h"

namespace razor::wire {

/// Where a call belongs in a trace, as in W3C Trace Context.
struct TraceContext {
  static constexpr std::size_t kTracestateBytesMax = 512;

  std::array<std::byte, 16> trace_id{};
  std::array<std::byte, 8> span_id{};  ///< of the caller's span
  std::uint8_t flags = 0;  ///< bit 0: sampled
  std::string_view tracestate{};  ///< printable ASCII; borrowed

  /// Ids of zeros are none, and are not sent.
  bool is_valid() const { return trace_id != std::array<std::byte, 16>{} && span_id != std::array<std::byte, 8>{}; }
  bool operator==(const TraceContext&) const = default;
};

/// One pair of the metadata; borrowed.
struct MetadataItem {
  MetadataItem() = default;
  MetadataItem(std::string_view its_key, std::string_view text) : key(its_key), value(base::as_bytes(text)) {}
  MetadataItem(std::string_view its_key, base::ByteView bytes) : key(its_key), value(bytes), is_binary(true) {}

  std::string_view key;
  base::ByteView value;
  bool is_binary = false;  ///< the value is sent as bin, else as text

  std::string_view text() const { return base::as_text(value); }
};

struct Extension {
  static constexpr std::size_t kMetadataBytesMax = 8 * base::kKiB;  ///< encoded
  static constexpr std::size_t kMetadataItemsMax = 128;

  std::optional<TraceContext> trace;
  std::vector<MetadataItem> metadata;  ///< no key twice, and none that is empty

  bool empty() const { return !trace && metadata.empty(); }
};

/// Why metadata cannot be sent.
enum class MetadataFault : std::uint8_t {
  none,
  too_large,  ///< more than kMetadataItemsMax, or than kMetadataBytesMax
  keys,  ///< one is empty, or stands twice
};

/// What a call with such metadata fails with: too_large, or encode.
base::Errc errc_of(MetadataFault fault);
/// For a person.
std::string_view text_of(MetadataFault fault);

/// Puts the block into `to`; nothing where neither says anything. A trace or a tracestate that could not be read is left out, as
/// W3C asks for: a call does not fail for its trace. `trace` may be null.
/// Returns why the metadata cannot be sent; nothing is put then.
/// Errors: throws std::bad_alloc.
MetadataFault encode_extension(ByteSink& to, const TraceContext* trace, std::span<const MetadataItem> metadata);

enum class ExtensionFault : std::uint8_t {
  none,
  malformed,  ///< as arguments that do not decode: errc `decode`
  not_understood,  ///< a record that must be understood is not known: errc `unsupported`
};

/// Reads the block into `extension`, whose views borrow from `block`. Records that are not known are skipped, unless they must be
/// understood. With a fault, what `extension` holds means nothing; the request did not run.
/// Errors: throws std::bad_alloc.
ExtensionFault decode_extension(base::ByteView block, Extension& extension);

}  // namespace razor::wire
