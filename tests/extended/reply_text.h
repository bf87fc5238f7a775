#pragma once
// What became of a call, as a text.

#include <string>

#include "razor/api/reply.h"

namespace razor::test {

/// "ok", or what went wrong.
template <class T>
std::string text_of(const Reply<T>& reply) {
  return reply.ok() ? "ok" : reply.call_error().message();
}

}  // namespace razor::test
