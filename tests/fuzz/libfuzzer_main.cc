// The one target of this program, as libFuzzer calls it.

#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const razor::fuzz::Target target = razor::fuzz::targets().begin()->second;
  target(razor::fuzz::Input(std::as_bytes(std::span(data, size))));
  return 0;
}
