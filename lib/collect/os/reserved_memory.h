// SPDX-License-Identifier: Apache-2.0
//
// Memory that is taken from the machine only where it is written to, and can be given back.
#ifndef TCPINFO_COLLECT_OS_RESERVED_MEMORY_H
#define TCPINFO_COLLECT_OS_RESERVED_MEMORY_H

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <new>

namespace tcpinfo::collect {

class reserved_memory {
 public:
  /// Zeros. Throws std::bad_alloc.
  explicit reserved_memory(std::size_t bytes) : size_(bytes) {
    void* const at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) throw std::bad_alloc();
    bytes_ = static_cast<std::byte*>(at);
  }
  ~reserved_memory() { (void)::munmap(bytes_, size_); }
  reserved_memory(const reserved_memory&) = delete;
  reserved_memory& operator=(const reserved_memory&) = delete;

  [[nodiscard]] std::byte* get() const noexcept { return bytes_; }
  /// The pages behind `from` are taken no more: they are zeros again. Nobody uses them meanwhile.
  void give_back(std::size_t from) noexcept {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    from = (from + page - 1) / page * page;
    if (from < size_) (void)::madvise(bytes_ + from, size_ - from, MADV_DONTNEED);
  }

 private:
  std::byte* bytes_ = nullptr;
  const std::size_t size_;
};

}  // namespace tcpinfo::collect

#endif
