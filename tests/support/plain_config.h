#pragma once
// Settings of clients that speak plain version 1: for tests whose peer is written by hand, byte for byte.

#include "razor/stream/client_stream_config.h"

namespace razor::test {

inline stream::ClientStreamConfig plain_config() {
  stream::ClientStreamConfig config;
  config.hello = stream::HelloMode::off;
  return config;
}

}  // namespace razor::test
