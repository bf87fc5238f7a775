#pragma once
// The stream actions of razor_node, as the golden cases know them: open, read and write of files that do not exist.

#include <cstdint>
#include <string>

#include "razor/stream/dispatch.h"

namespace razor::node {

inline constexpr std::uint32_t kOpen = 1;
inline constexpr std::uint32_t kRead = 2;
inline constexpr std::uint32_t kWrite = 3;

struct OpenRequest {
  std::string path;
  RAZOR_FIELDS(OpenRequest, path)
};

struct IoRequest {
  std::uint64_t inode = 0;
  std::int64_t offset = 0;
  std::uint64_t len = 0;
  RAZOR_FIELDS(IoRequest, inode, offset, len)
};

struct IoResponse {
  std::uint64_t ret_size = 0;
  RAZOR_FIELDS(IoResponse, ret_size)
};

/// The bytes that a read gives: they count.
base::Bytes read_blob(std::size_t bytes);
bool is_read_blob(base::ByteView blob, std::size_t bytes);

class FileActions final : public stream::Dispatch {
 public:
  void dispatch(const stream::Request& request, stream::Responder respond) override;

 private:
  static void open(const stream::Request& request, stream::Responder& respond);
  static void read(const stream::Request& request, stream::Responder& respond);
  static void write(const stream::Request& request, stream::Responder& respond);
};

}  // namespace razor::node
