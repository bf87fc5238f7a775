#pragma once
// JSON as the format of messages: for `nc`, browsers and log files, which read it. Optional: the target razor::json.
//
//   server.accept_format(razor::json_format());
//   razor::Client<Calculator> calc(pool, razor::json_format());
//
// Every type travels as it does in msgpack. What JSON has no form for is an object of one member whose name begins with `$`:
//
//   bytes                                          {"$bin": "AAEC"}               base64
//   points in time                                 {"$time": "2026-11-30T12:00:00.5Z"}
//   extensions of msgpack, other times             {"$ext": "5:AAEC"}             type and base64
//   NaN and the infinities                         {"$float": "7ff0000000000000"} the bits: 8 digits of a float, 16 of a double
//   text that is not UTF-8                         {"$text": "/w=="}              base64
//   a map with keys that are no texts, or repeat   {"$map": [[1, "one"], [2, "two"]]}
//
// So is a map whose one key begins with `$`, which would be taken for one of these. Whole numbers are exact up to 64 bits.
// A message of blanks is null: a method without parameters needs no message.
// Source: RFC 8259, RFC 4648, RFC 3339.

#include "razor/wire/wire_format.h"

namespace razor::json {

/// The format with id 1, "json". Lives until the program ends.
/// Errors: of what is read: DecodeError, with the position that nlohmann-json names; nested deeper than 64 levels.
const wire::WireFormat& json_format();

}  // namespace razor::json

namespace razor {
using json::json_format;
}  // namespace razor
