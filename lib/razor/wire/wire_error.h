#pragma once
// The texts that stand for framework failures inside an answer (flag 2).
// Source: protocol.md, "Errors of the framework".

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "razor/base/error.h"
#include "razor/base/time.h"
#include "razor/wire/frame.h"

namespace razor::wire {

/// `unreachable` as "rpc_unreachable". A failure that has no text of its own travels as "rpc_internal_err".
std::string_view text_of(base::Errc errc);

/// The failure that the bytes of an error answer stand for; none when they are not one of the framework's texts.
std::optional<base::Errc> errc_of(std::string_view text);

/// All failures that have a text, in the order of protocol.md: first those that the reference knows, then ours.
std::span<const base::Errc> framework_errors();

/// What a server of ours says of a failure beside its text, as the answer's message, to a client that is known to be ours:
/// the array [ran, text], where `ran` is 0 for no, 1 for maybe, 2 for yes. No handler can say this. Of `text`, at most
/// kDetailBytesMax travel, as `printable`.
inline constexpr std::size_t kDetailBytesMax = 1024;
base::Bytes encoded_detail(base::Ran ran, std::string_view text);
/// `text` for logs, terminals and peers: what is not ASCII, or controls a terminal, is a question mark. At most kDetailBytesMax.
std::string printable(std::string_view text);

/// A failure of the framework, as a server answered it.
struct AnsweredFailure {
  base::Errc errc;
  /// On plain version 1 a handler may send any of the framework's texts itself: then the call may have run.
  base::Ran ran = base::Ran::maybe;
  std::string detail;  ///< printable; empty: it says no more
  /// The server is not to be asked before; zero: it does not say.
  base::Duration retry_after{};
  bool no_retry = false;  ///< nobody is to be asked again

  /// "rpc_decode: expected an integer, found a string, at byte 3".
  std::string text() const;
};
/// Nothing: `answer` is a result, or an error of the handler's.
/// Errors: throws std::bad_alloc.
std::optional<AnsweredFailure> answered_failure(const ResponseFrame& answer);

/// Whether the request ran, which was answered with `answer`: yes, unless it says that the framework failed.
base::Ran ran(const ResponseFrame& answer);

/// What the exception that is being handled says of a message that was to be encoded: overloaded, when memory was refused,
/// or encode. Ran: no.
base::CallError encode_failure() noexcept;
/// And of an answer that was to be decoded: overloaded, or decode. Ran: as `ran(answer)`.
base::CallError decode_failure(const ResponseFrame& answer) noexcept;

}  // namespace razor::wire
