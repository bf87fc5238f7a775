// Stands in front of malloc and its kin, and so of operator new, and of mmap, in programs that link
// razor::faults_allocation: faults/allocation.h.
//
// glibc's own functions do the work. Blocks count as what they really take (malloc_usable_size), so that what is freed is
// what was allocated.

#include "faults/allocation.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RAZOR_COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RAZOR_COUNTS_ALLOCATIONS 0
#endif
#endif
#ifndef RAZOR_COUNTS_ALLOCATIONS
#define RAZOR_COUNTS_ALLOCATIONS 1
#endif

namespace {

[[maybe_unused]] const bool watched = [] {
  razor::faults::note_watched(RAZOR_COUNTS_ALLOCATIONS != 0);
  return true;
}();

}  // namespace

#if RAZOR_COUNTS_ALLOCATIONS

#include <malloc.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdint>

extern "C" {

void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* block, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void* block);

}  // extern "C"

namespace {

using razor::faults::note_allocated;
using razor::faults::note_freed;
using razor::faults::refuses_allocation;

void* refused() {
  errno = ENOMEM;
  return nullptr;
}

void* counted(void* block) {
  if (block != nullptr) note_allocated(malloc_usable_size(block));
  return block;
}

void* mapped(long result, size_t bytes) {
  void* const address = reinterpret_cast<void*>(result);
  if (address != MAP_FAILED) note_allocated(bytes);
  return address;
}

}  // namespace

extern "C" {

void* malloc(size_t bytes) noexcept { return refuses_allocation(bytes) ? refused() : counted(__libc_malloc(bytes)); }

void* calloc(size_t count, size_t bytes) noexcept {
  return refuses_allocation(count * bytes) ? refused() : counted(__libc_calloc(count, bytes));
}

void* realloc(void* block, size_t bytes) noexcept {
  if (refuses_allocation(bytes)) return refused();
  const size_t before = block != nullptr ? malloc_usable_size(block) : 0;
  void* const grown = __libc_realloc(block, bytes);
  if (grown == nullptr && bytes > 0) return nullptr;
  if (block != nullptr) note_freed(before);
  return counted(grown);
}

void free(void* block) noexcept {
  if (block != nullptr) note_freed(malloc_usable_size(block));
  __libc_free(block);
}

void* memalign(size_t alignment, size_t bytes) noexcept {
  return refuses_allocation(bytes) ? refused() : counted(__libc_memalign(alignment, bytes));
}

void* aligned_alloc(size_t alignment, size_t bytes) noexcept { return memalign(alignment, bytes); }

int posix_memalign(void** block, size_t alignment, size_t bytes) noexcept {
  void* const aligned = memalign(alignment, bytes);
  if (aligned == nullptr) return ENOMEM;
  *block = aligned;
  return 0;
}

void* mmap(void* address, size_t bytes, int protection, int flags, int file, off_t offset) noexcept {
  if (refuses_allocation(bytes)) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  return mapped(::syscall(SYS_mmap, address, bytes, protection, flags, file, offset), bytes);
}

void* mremap(void* address, size_t bytes_before, size_t bytes, int flags, ...) noexcept {
  va_list rest;
  va_start(rest, flags);
  void* const wanted = (flags & MREMAP_FIXED) != 0 ? va_arg(rest, void*) : nullptr;
  va_end(rest);
  if (refuses_allocation(bytes)) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  void* const moved = mapped(::syscall(SYS_mremap, address, bytes_before, bytes, flags, wanted), bytes);
  if (moved != MAP_FAILED) note_freed(bytes_before);
  return moved;
}

int munmap(void* address, size_t bytes) noexcept {
  const long result = ::syscall(SYS_munmap, address, bytes);
  if (result == 0) note_freed(bytes);
  return static_cast<int>(result);
}

}  // extern "C"

#endif
