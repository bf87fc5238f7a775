#include "razor/base/byte_buffer.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace razor::base {
namespace {

constexpr std::size_t kPage = 4 * kKiB;

std::size_t whole_pages(std::size_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

}  // namespace

void ByteBuffer::reserve(std::size_t capacity) {
  if (capacity <= capacity_) return;
  if (capacity < kMappedFrom) {
    void* grown = std::realloc(data_, capacity);
    if (grown == nullptr) throw std::bad_alloc();
    data_ = static_cast<std::byte*>(grown);
    capacity_ = capacity;
    return;
  }
  capacity = whole_pages(capacity);
  void* mapped = is_mapped() ? mremap(data_, capacity_, capacity, MREMAP_MAYMOVE)
                             : mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  if (!is_mapped()) {
    if (capacity_ > 0) std::memcpy(mapped, data_, capacity_);
    std::free(data_);
  }
  data_ = static_cast<std::byte*>(mapped);
  capacity_ = capacity;
}

void ByteBuffer::release() {
  if (is_mapped()) {
    munmap(data_, capacity_);
  } else {
    std::free(data_);
  }
  data_ = nullptr;
  capacity_ = 0;
}

}  // namespace razor::base
