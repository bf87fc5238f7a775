#include "tests/node/file_actions.h"

namespace razor::node {
namespace {

// Blobs that a read may ask for: an answer above the limits would only be refused.
constexpr std::uint64_t kReadBytesMax = 64 * base::kMiB;

}  // namespace

base::Bytes read_blob(std::size_t bytes) {
  base::Bytes blob(bytes);
  for (std::size_t i = 0; i < bytes; ++i) blob[i] = static_cast<std::byte>(i);
  return blob;
}

bool is_read_blob(base::ByteView blob, std::size_t bytes) {
  if (blob.size() != bytes) return false;
  for (std::size_t i = 0; i < bytes; ++i) {
    if (blob[i] != static_cast<std::byte>(i)) return false;
  }
  return true;
}

void FileActions::dispatch(const stream::Request& request, stream::Responder respond) {
  switch (request.action.number()) {
    case kOpen: open(request, respond); return;
    case kRead: read(request, respond); return;
    case kWrite: write(request, respond); return;
    default: respond.fail(base::Errc::decode); return;  // as the reference answers an action that nobody handles
  }
}

void FileActions::open(const stream::Request& request, stream::Responder& respond) {
  OpenRequest open;
  if (!request.decode(open)) return respond.fail(base::Errc::decode);
  if (open.path.starts_with("/no")) return respond.fail(std::errc::no_such_file_or_directory);
  if (open.path.starts_with("/err")) return respond.fail(base::Errc::decode);
  respond.reply();
}

void FileActions::read(const stream::Request& request, stream::Responder& respond) {
  IoRequest io;
  if (!request.decode(io)) return respond.fail(base::Errc::decode);
  if (io.len > kReadBytesMax) return respond.fail(std::errc::invalid_argument);
  respond.reply(IoResponse(io.len), read_blob(io.inode != 0 ? io.len : 0));
}

void FileActions::write(const stream::Request& request, stream::Responder& respond) {
  IoRequest io;
  if (!request.decode(io)) return respond.fail(base::Errc::decode);
  respond.reply(IoResponse(request.blob.size()));
}

}  // namespace razor::node
